"""Videos that nobody has filmed: actions of another length, and as they look in another video."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.timeline import label_runs

from ..data.features import Features, Frames
from .examples import Example


def stretch(labels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Frames of a video in which every action takes a little longer or shorter than it did.

    Args:
        labels: (T,) int.
        sigma: of the logarithm of each segment's change of length; 0 changes nothing.
        rng: draws the changes.

    Returns:
        (T',) int, indices into the T frames, in order.
    """
    if sigma == 0:
        return np.arange(len(labels))
    parts = []
    for start, end in zip(*label_runs(labels), strict=True):
        length = max(1, round((end - start) * float(np.exp(sigma * rng.standard_normal()))))
        parts.append(start + np.arange(length) * (end - start) // length)
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Segment:
    """Frames `start` to `end` of a video."""

    features: Features
    start: int
    end: int


@dataclass(frozen=True)
class SplicedFeatures:
    """Features of a video some of whose segments come from other videos, stretched to the length here.

    Attributes:
        own: features of the video.
        swapped: (start, end) of segments here, and what is shown in their place.
    """

    own: Features
    swapped: list[tuple[tuple[int, int], _Segment]]

    @property
    def channels(self) -> int:
        return self.own.channels

    @property
    def frames(self) -> int:
        return self.own.frames

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        """See `Features`."""
        out = np.empty((self.channels, len(frames)), np.float32)
        kept = np.ones(len(frames), bool)
        for (start, end), other in self.swapped:
            here = (frames >= start) & (frames < end)
            if here.any():
                there = (frames[here] - start) * (other.end - other.start) // (end - start)
                out[:, here] = other.features(other.start + there)
                kept &= ~here
        if kept.any():
            out[:, kept] = self.own(frames[kept])
        return out


class SegmentPool:
    """Every action in the training videos, by class, to swap them between videos."""

    def __init__(self, examples: list[Example]) -> None:
        self._segments: dict[int, list[_Segment]] = {}
        for example in examples:
            for start, end in zip(*label_runs(example.labels), strict=True):
                found = self._segments.setdefault(int(example.labels[start]), [])
                found.append(_Segment(example.features, int(start), int(end)))

    def swap(self, example: Example, most: float, rng: np.random.Generator) -> Example:
        """The video with some of its actions shown as they look elsewhere, at the length they have here.

        Args:
            example: not changed.
            most: share of its segments that are swapped at most, 0 for none; how many is drawn.
            rng: draws.
        """
        if most == 0:
            return example
        share = most * rng.random()
        swapped = []
        for start, end in zip(*label_runs(example.labels), strict=True):
            if rng.random() < share:
                others = self._segments[int(example.labels[start])]
                swapped.append(((int(start), int(end)), others[rng.integers(len(others))]))
        return replace(example, features=SplicedFeatures(example.features, swapped))
