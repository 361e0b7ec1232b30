"""The videos of a training list: which of them train, and each as features, labels and boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.models.losses import soft_boundary

from ..data.dataset import Dataset, FeatureSource
from .settings import HELD_OUT

_MAX_MISFIT = 30  # frames; the published features of some videos end a few frames early


@dataclass(frozen=True)
class Example:
    """A training video at full frame rate: features (C, T), labels (T,), soft boundary (T,)."""

    features: np.ndarray
    labels: np.ndarray
    boundary: np.ndarray


def hold_out(videos: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Split a training list into videos that train and videos that choose the best epoch.

    Args:
        videos: names.
        share: of the list, to hold out; at least one video, unless it is 0.
        seed: of the choice.

    Returns:
        Videos to train on, and videos held out, each in the order of the list.

    Raises:
        StreamError: nothing would be left to train on.
    """
    count = 0 if share == 0 else max(1, round(share * len(videos)))
    if count >= len(videos):
        raise StreamError(
            f"held out {share:g} of {len(videos)} training videos: none is left to train on; hold out less"
        )
    chosen = set(np.random.default_rng([seed, HELD_OUT]).permutation(len(videos))[:count].tolist())
    return (
        [name for i, name in enumerate(videos) if i not in chosen],
        [name for i, name in enumerate(videos) if i in chosen],
    )


def read_example(dataset: Dataset, source: FeatureSource, video: str, boundary_sigma: float) -> Example:
    """Read one training video; features and annotations that differ by less than a second are cut to fit.

    Raises:
        StreamError: it cannot be read, or features and annotation are of different length.
    """
    labels, features = dataset.labels(video), source(video)
    length = min(len(labels), features.shape[1])
    if abs(len(labels) - features.shape[1]) > _MAX_MISFIT:
        raise StreamError(
            f"{video}: {features.shape[1]} features for {len(labels)} labels; a feature a frame is needed"
        )
    labels = labels[:length]
    return Example(features[:, :length], labels, soft_boundary(labels, boundary_sigma))
