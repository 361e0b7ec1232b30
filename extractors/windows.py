"""Windows over a stream: a picture at a time in, a clip for every feature out.

A feature at grid frame i * stride reads the window of frames around it. Beyond the ends of the video there
are none: the first and the last picture are repeated, as the published features' code does it, or zeros stand
there, as its author once wrote.
"""

from __future__ import annotations

from collections import deque
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
    """Cuts windows from a stream of items.

    Args:
        spec: window, frame stride, stride and padding.
    """

    def __init__(self, spec: ExtractorSpec) -> None:
        self._spec = spec
        self._ahead = spec.span - 1 - spec.span // 2
        self._recent: deque[Item] = deque(maxlen=spec.span)
        self._taken = self._cut = 0  # items taken, windows cut

    def push(self, item: Item) -> list[Item] | None:
        """Take the item of the next grid frame; give the window that it completes, if it does."""
        if self._taken == 0:
            self._recent.extend([self._padding(item)] * (self._spec.span // 2))
        return self._fill(item)

    def finish(self) -> list[list[Item]]:
        """The windows that were still waiting when the video ended."""
        if not self._taken:
            return []
        padding = self._padding(self._recent[-1])
        centres = -(-self._taken // self._spec.stride)  # windows whose centre lies within the video
        windows = []
        while self._cut < centres:
            window = self._fill(padding)
            if window is not None:
                windows.append(window)
        return windows

    def _fill(self, item: Item) -> list[Item] | None:
        self._recent.append(item)
        self._taken += 1
        if self._taken - 1 != self._cut * self._spec.stride + self._ahead:
            return None
        self._cut += 1
        return list(self._recent)[:: self._spec.frame_stride]

    def _padding(self, item: Item) -> Item:
        """Beyond the end at which `item` stands: the picture, if it is to be repeated, does not move."""
        still = None if item.flow is None else np.zeros_like(item.flow)
        return Item(item.rgb, still, inside=self._spec.padding == "repeat")


def stack(windows: list[list[Item]]) -> Clips:
    """One batch of windows, at least one."""

    def stacked(part: Literal[0, 1]) -> np.ndarray | None:
        if windows[0][0][part] is None:
            return None
        return np.stack([np.stack([cast(np.ndarray, item[part]) for item in window]) for window in windows])

    inside = np.array([[item.inside for item in window] for window in windows])
    return Clips(stacked(0), stacked(1), inside)
