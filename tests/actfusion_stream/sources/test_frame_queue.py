"""Queues of frames are bounded by memory: who reads a file waits, a camera's oldest frames are dropped."""

from __future__ import annotations

import threading
import time
from queue import Empty

import numpy as np
import pytest

from actfusion_stream.sources import frame_queue
from actfusion_stream.sources.frame_queue import FrameQueue, LiveQueue, bytes_of
from actfusion_stream.sources.frames import Frame

LARGE = np.zeros((4096, 8192, 3), np.uint8)  # 100 MB that nobody touches
SMALL = np.zeros((8, 8, 3), np.uint8)


def frame(index: int, image: np.ndarray = SMALL, age: float = 0.0, gap: str = "", step: float = 0.1) -> Frame:
    return Frame(index * step, image, index, time.perf_counter() - age, gap)


def put_all(queue: FrameQueue[Frame], frames: list[Frame]) -> threading.Thread:
    thread = threading.Thread(target=lambda: [queue.put(each) for each in frames])
    thread.start()
    return thread


def taken(queue: FrameQueue[Frame]) -> list[Frame]:
    queue.end()
    frames = []
    while (each := queue.get(1.0)) is not None:
        frames.append(each)
    return frames


@pytest.mark.parametrize(
    ("image", "most"), [(LARGE, 1), (np.zeros((2160, 3840, 3), np.uint8), 5), (SMALL, 8)]
)
def test_a_file_is_read_ahead_as_far_as_memory_allows(image: np.ndarray, most: int) -> None:
    queue = FrameQueue(bytes_of)
    thread = put_all(queue, [frame(index, image) for index in range(12)])
    time.sleep(0.2)
    assert len(queue._frames) == most
    assert [queue.get(1.0).index for _ in range(12)] == list(range(12))  # type: ignore[union-attr]
    thread.join()
    assert set(queue.drops.values()) == {0}


def test_one_frame_is_taken_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_queue, "_BYTES", 10)
    monkeypatch.setattr(frame_queue, "_LIVE_BYTES", 10)
    for queue in (FrameQueue(bytes_of), LiveQueue(1.0)):
        assert queue.put(frame(0))
        assert queue.get(1.0).index == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [(4096, 8192), (2160, 3840), (1080, 1920)])
def test_of_a_camera_no_more_than_half_a_gigabyte_waits(size: tuple[int, int]) -> None:
    image, queue = np.zeros((*size, 3), np.uint8), LiveQueue(3600.0)
    for index in range(200):
        queue.put(frame(index, image))
    assert 0.5 < queue.fullness <= 1
    kept = taken(queue)
    assert 2**28 < sum(each.image.nbytes for each in kept) <= 2**29
    assert [each.index for each in kept] == list(range(200 - len(kept), 200))
    assert queue.drops == {"queue full": 200 - len(kept), "stale": 0}
    assert queue.fullness == 0


def test_small_frames_wait_as_long_as_they_may() -> None:
    queue = LiveQueue(10.0)
    for index in range(300):  # ten seconds at 30 frames a second
        queue.put(frame(index, age=(300 - index) / 30 - 0.1))
    assert [each.index for each in taken(queue)] == list(range(300))


def test_what_is_stale_is_dropped_once_there_is_a_newer_one() -> None:
    queue = LiveQueue(1.0)
    queue.put(frame(0, age=5.0))
    queue.put(frame(1, age=4.0))
    queue.put(frame(2, age=3.0))
    assert [each.index for each in taken(queue)] == [2]
    assert queue.drops == {"queue full": 0, "stale": 2}


@pytest.mark.parametrize(
    ("dropped", "step", "gap"),
    [
        (1, 0.1, ""),
        (4, 0.1, ""),
        (6, 0.1, "frames were dropped (stale)"),
        (1, 0.4, "frames were dropped (stale)"),
    ],
)
def test_a_frame_after_dropped_ones_says_so_where_nothing_was_seen(
    dropped: int, step: float, gap: str
) -> None:
    queue = LiveQueue(1.0)
    queue.put(frame(0, step=step))
    queue.get(1.0)
    for index in range(1, dropped + 1):
        queue.put(frame(index, age=5.0, step=step))
    queue.put(frame(dropped + 1, step=step))
    queue.put(frame(dropped + 2, step=step))
    assert [each.gap for each in taken(queue)] == [gap, ""]


def test_before_the_first_frame_nothing_is_missed() -> None:
    queue = LiveQueue(1.0)
    for index in range(20):
        queue.put(frame(index, age=5.0))
    assert [each.gap for each in taken(queue)] == [""]


def test_what_a_dropped_frame_said_of_the_time_before_it_is_kept() -> None:
    queue = LiveQueue(1.0)
    queue.put(frame(0))
    queue.get(1.0)
    queue.put(frame(1, age=5.0, gap="the cable"))
    queue.put(frame(2))
    queue.put(frame(3, gap="another"))
    assert [each.gap for each in taken(queue)] == ["the cable", "another"]


@pytest.mark.parametrize("queue", [FrameQueue(bytes_of), LiveQueue(1.0)])
def test_closing_wakes_everybody(queue: FrameQueue[Frame]) -> None:
    for index in range(8):
        queue.put(frame(index))
    waiting = put_all(queue, [frame(9), frame(10)])
    time.sleep(0.05)
    queue.close()
    waiting.join(1.0)
    assert not waiting.is_alive()
    assert not queue.put(frame(11))
    assert queue.get(1.0) is None


def test_nothing_comes() -> None:
    with pytest.raises(Empty):
        FrameQueue(bytes_of).get(0.01)


def test_causes_are_counted_from_the_start_and_by_one_thread_at_a_time() -> None:
    """A key that came later would break whoever is adding them up."""
    queue = LiveQueue(0.0005)
    assert queue.drops == {"queue full": 0, "stale": 0}
    thread = put_all(queue, [frame(index) for index in range(20_000)])
    got = 0
    while thread.is_alive() or queue._frames:
        sum(queue.drops.values())
        try:
            queue.get(0.001)
            got += 1
        except Empty:
            pass
    thread.join()
    assert got + sum(queue.drops.values()) == 20_000
