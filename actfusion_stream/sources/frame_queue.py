"""Frames between two threads, one that reads and one that looks, or draws: bounded by the memory they take.

Eight frames of a small video are nothing, and of 8192 x 4096 pixels 800 MB: so bytes are counted, not frames.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from queue import Empty
from typing import Generic, TypeVar

from actfusion_stream.sources.frames import Frame

# Why frames are dropped.
DROP_CAUSES = QUEUE_FULL, STALE = "queue full", "stale"

_FRAMES = 8  # of a file, decoded ahead: hides the jitter of decoding
_BYTES = 2**27
_LIVE_BYTES = 2**29  # a second of 4K at 20 frames a second
_FRAME_BYTES = 1024  # of a frame, beside its picture
_HOLE_SECONDS = 0.5  # without a frame: more than that is no low frame rate, but time that was not seen


Item = TypeVar("Item")


class FrameQueue(Generic[Item]):
    """Frames of which none is lost: who puts them waits until there is room.

    One frame is always taken, however large.

    Args:
        bytes_of: memory that an item takes, which is a frame or holds one.

    Attributes:
        drops: frames that were dropped, by each of `DROP_CAUSES`; none here.
    """

    def __init__(self, bytes_of: Callable[[Item], int]) -> None:
        self.drops: Counter[str] = Counter(dict.fromkeys(DROP_CAUSES, 0))
        self._bytes_of = bytes_of
        self._frames: deque[Item] = deque()
        self._bytes = 0
        self._ended = self._closed = False
        self._changed = threading.Condition()

    @property
    def fullness(self) -> float:
        """Share of the room that is taken; where nothing is dropped it tells nothing, and is 0."""
        return 0.0

    def put(self, frame: Item) -> bool:
        """Add a frame, once there is room; False if the queue has been closed."""
        with self._changed:
            while not self._closed and not self._has_room(frame, _BYTES, _FRAMES):
                self._changed.wait()
            return self._append(frame)

    def end(self) -> None:
        """No frame will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> Item | None:
        """The oldest frame; None if none will follow.

        Raises:
            Empty: none came within `timeout` seconds, if there is such a limit.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._frames or self._ended, timeout):
                raise Empty
            return self._pop() if self._frames else None

    def close(self) -> None:
        """Forget all frames, and take no more: nobody waits any longer."""
        with self._changed:
            self._closed = self._ended = True
            self._frames.clear()
            self._bytes = 0
            self._changed.notify_all()

    def _has_room(self, frame: Item, most_bytes: int, most: float = float("inf")) -> bool:
        return not self._frames or (
            len(self._frames) < most and self._bytes + self._bytes_of(frame) <= most_bytes
        )

    def _append(self, frame: Item) -> bool:
        if not self._closed:
            self._frames.append(frame)
            self._bytes += self._bytes_of(frame)
            self._changed.notify_all()
        return not self._closed

    def _pop(self) -> Item:
        frame = self._frames.popleft()
        self._bytes -= self._bytes_of(frame)
        self._changed.notify_all()
        return frame


class LiveQueue(FrameQueue[Frame]):
    """Frames of a live source, which waits for nobody: the oldest are dropped, and the next one says so.

    Args:
        max_staleness: seconds after which a frame is dropped as soon as there is a newer one.
    """

    def __init__(self, max_staleness: float) -> None:
        super().__init__(bytes_of)
        self._max_staleness = max_staleness
        self._gap = self._cause = ""  # of what was dropped since the last frame that was taken
        self._taken: float | None = None  # seconds of that frame

    @property
    def fullness(self) -> float:
        """Share of the room that is taken."""
        return self._bytes / _LIVE_BYTES

    def put(self, frame: Frame) -> bool:
        """Add a frame; False if the queue has been closed."""
        with self._changed:
            while self._frames and self._is_stale(self._frames[0]):
                self._drop(STALE)
            while not self._has_room(frame, _LIVE_BYTES):
                self._drop(QUEUE_FULL)
            return self._append(frame)

    def _pop(self) -> Frame:
        while len(self._frames) > 1 and self._is_stale(self._frames[0]):
            self._drop(STALE)
        frame = super()._pop()
        gap = frame.gap or self._gap
        if not gap and self._cause and self._taken is not None and frame.time - self._taken > _HOLE_SECONDS:
            gap = f"frames were dropped ({self._cause})"
        self._gap, self._cause, self._taken = "", "", frame.time
        return frame if gap == frame.gap else replace(frame, gap=gap)

    def _is_stale(self, frame: Frame) -> bool:
        return time.perf_counter() - frame.arrived > self._max_staleness

    def _drop(self, cause: str) -> None:
        frame = super()._pop()
        self.drops[cause] += 1
        self._gap, self._cause = self._gap or frame.gap, self._cause or cause


def bytes_of(frame: Frame) -> int:
    """Memory that a frame takes."""
    return frame.picture.nbytes + _FRAME_BYTES
