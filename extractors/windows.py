"""Windows over a stream: a picture at a time in, a clip for every feature out.

A feature at grid frame i * stride reads the window of frames around it. Beyond the ends of the video there
are none: the first and the last picture are repeated, as the published features' code does it, or zeros stand
there, as its author once wrote. The two ends of a hole, in which a live source showed nothing, are such ends,
too; a window that lies in the hole with more than half of its frames is none.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from typing import Literal, NamedTuple, cast

import numpy as np

from .spec import ExtractorSpec


class Item(NamedTuple):
    """What an extractor reads of one grid frame."""

    rgb: np.ndarray | None  # (h, w, 3) uint8
    flow: np.ndarray | None  # (h, w, 2) float32, the motion from this frame to the next
    inside: bool  # False for padding that is to be zero


class Clips(NamedTuple):
    """Windows for a batch of features, of each stream that the extractor has."""

    rgb: np.ndarray | None  # (N, window, h, w, 3) uint8
    flow: np.ndarray | None  # (N, window, h, w, 2) float32
    inside: np.ndarray  # (N, window) bool


class Windows:
    """Cuts windows from a stream of items. A window of which most was not seen is empty.

    Args:
        spec: window, frame stride, stride and padding.
    """

    def __init__(self, spec: ExtractorSpec) -> None:
        self._spec = spec
        self._ahead = spec.frames_ahead
        self._recent: deque[Item | None] = deque(maxlen=spec.span)  # None for what was not seen
        self._taken = self._cut = 0  # items taken, windows cut

    def push(self, item: Item) -> list[Item] | None:
        """Take the item of the next grid frame; give the window that it completes, if it does."""
        if self._taken == 0:
            self._recent.extend([self._padding(item)] * (self._spec.span - 1 - self._ahead))
        return self._fill(item)

    def skip(self, count: int) -> Iterator[list[Item]]:
        """Take `count` grid frames of which nothing was seen, after at least one that was; give the windows
        that they complete. It costs the same however many there are, but for the empty windows.
        """
        alone = min(count, self._spec.span)  # from then on no frame in reach was seen
        yield from self._unseen(alone)
        jumped, rest = divmod(count - alone, self._spec.stride)
        self._taken += jumped * self._spec.stride
        self._cut += jumped
        yield from itertools.repeat([], jumped)
        yield from self._unseen(rest)

    def finish(self) -> list[list[Item]]:
        """The windows that were still waiting when the video ended."""
        if not self._taken:
            return []
        last = self._recent[-1]
        padding = None if last is None else self._padding(last)
        centres = -(-self._taken // self._spec.stride)  # windows whose centre lies within the video
        windows = []
        while self._cut < centres:
            window = self._fill(padding)
            if window is not None:
                windows.append(window)
        return windows

    def _unseen(self, count: int) -> list[list[Item]]:
        windows = (self._fill(None) for _ in range(count))
        return [window for window in windows if window is not None]

    def _fill(self, item: Item | None) -> list[Item] | None:
        self._recent.append(item)
        self._taken += 1
        if self._taken - 1 != self._cut * self._spec.stride + self._ahead:
            return None
        self._cut += 1
        window = list(self._recent)[:: self._spec.frame_stride]
        seen = [item for item in window if item is not None]
        if len(seen) == len(window):
            return seen
        return [] if 2 * len(seen) < len(window) else self._padded(window, seen[0])

    def _padded(self, window: list[Item | None], nearest: Item) -> list[Item]:
        """What was not seen shows the picture before it; where there is none, the first one, `nearest`."""
        padded = []
        for item in window:
            nearest = nearest if item is None else item
            padded.append(self._padding(nearest) if item is None else item)
        return padded

    def _padding(self, item: Item) -> Item:
        """Beyond the end at which `item` stands: the picture, if it is to be repeated, does not move."""
        repeat = self._spec.padding == "repeat"
        if item.flow is None:
            return item if repeat else Item(item.rgb, None, inside=False)
        return Item(item.rgb, np.zeros_like(item.flow), inside=repeat)


def stack(windows: list[list[Item]]) -> Clips:
    """One batch of windows, at least one."""

    def stacked(part: Literal[0, 1]) -> np.ndarray | None:
        if windows[0][0][part] is None:
            return None
        return np.stack([np.stack([cast(np.ndarray, item[part]) for item in window]) for window in windows])

    inside = np.array([[item.inside for item in window] for window in windows])
    return Clips(stacked(0), stacked(1), inside)
