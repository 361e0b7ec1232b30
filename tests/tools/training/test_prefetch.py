"""One item is made ahead, in order, and what goes wrong is said where it is met."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from actfusion_stream.tools.training.prefetch import Prefetched


def test_one_item_is_ahead_and_no_more() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in range(5):
            made.append(i)
            yield i

    used = []
    for item in Prefetched(items()):
        deadline = time.perf_counter() + 5
        while len(made) < min(5, item + 2) and time.perf_counter() < deadline:
            time.sleep(0.001)
        time.sleep(0.01)  # in which a third one would be made, if it was
        assert made == list(range(min(5, item + 2)))
        used.append(item)
    assert used == [0, 1, 2, 3, 4]


def test_another_thread_makes_them_and_waiting_for_it_is_counted() -> None:
    threads = []

    def items() -> Iterator[int]:
        for i in range(3):
            threads.append(threading.current_thread())
            time.sleep(0.05)
            yield i

    passes = Prefetched(items())
    assert list(passes) == [0, 1, 2]
    assert threading.current_thread() not in threads
    assert passes.waited > 0.1  # nothing was done in between


def test_an_error_comes_where_its_item_would() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second one")

    used: list[int] = []
    with pytest.raises(ValueError, match="the second one"):
        used.extend(Prefetched(items()))
    assert used == [1]


def test_no_thread_is_left_of_one_that_was_broken_off() -> None:
    before = threading.active_count()
    for item in Prefetched(iter(range(100))):
        if item == 3:
            break
    assert threading.active_count() == before
