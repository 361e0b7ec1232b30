"""The videos of a training list: which of them train, and each as features, labels and boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.models.losses import soft_boundary

from ..data.features import Features
from ..data.labelled import LabelledVideo
from .settings import HELD_OUT


@dataclass(frozen=True)
class Example:
    """A training video at full frame rate.

    Attributes:
        features: (C, T or more), not read yet.
        labels: (T,) class of each frame.
        boundary: (T,) soft boundary of each frame.
    """

    features: Features
    labels: np.ndarray
    boundary: np.ndarray

    @classmethod
    def of(cls, video: LabelledVideo, boundary_sigma: float) -> Example:
        """Soften the boundaries of a video by a Gaussian of so many frames."""
        return cls(video.features, video.labels, soft_boundary(video.labels, boundary_sigma))


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
