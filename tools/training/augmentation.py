"""Videos that nobody has filmed: actions of another length, and as they look in another video."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from actfusion_stream.engine.timeline import label_runs

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


class SegmentPool:
    """The features of every action in the training videos, by class, to swap them between videos."""

    def __init__(self, examples: list[Example]) -> None:
        self._features: dict[int, list[np.ndarray]] = {}
        for example in examples:
            for start, end in zip(*label_runs(example.labels), strict=True):
                found = self._features.setdefault(int(example.labels[start]), [])
                found.append(example.features[:, start:end])

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
        features = example.features.copy()
        for start, end in zip(*label_runs(example.labels), strict=True):
            if rng.random() < share:
                others = self._features[int(example.labels[start])]
                other = others[rng.integers(len(others))]  # (C, its length)
                features[:, start:end] = other[:, np.arange(end - start) * other.shape[1] // (end - start)]
        return replace(example, features=features)
