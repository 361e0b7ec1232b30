"""Makes the next item while the present one is used: reading and drawing beside computing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetched(Generic[T]):
    """The items of an iterator, in order, each made by a thread before it is asked for.

    One item is ahead, no more: that bounds the memory. What the making raises is raised where its item is
    asked for.

    Args:
        items: used by that thread only.

    Attributes:
        waited: seconds for which items were waited for.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self.waited = 0.0

    def __iter__(self) -> Iterator[T]:
        nothing = object()
        with ThreadPoolExecutor(1, "prefetch") as thread:
            coming = thread.submit(next, self._items, nothing)
            while True:
                began = time.perf_counter()
                item = coming.result()
                self.waited += time.perf_counter() - began
                if item is nothing:
                    return
                coming = thread.submit(next, self._items, nothing)
                yield item  # type: ignore[misc]
