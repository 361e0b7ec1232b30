"""What the features of training looked like, in small, and how strange others are beside them.

Features of one kind of footage lie near a subspace of few dimensions around their mean. Of other footage they
point out of it, however bright or busy it is: so what is measured is the share of a feature's way from the
mean that leads out of the subspace.

Source: Wang et al., "ViM: Out-Of-Distribution with Virtual-logit Matching" (CVPR 2022), section 3: the
residual; here relative to the feature, and of the last seconds instead of one picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SECONDS = 4.0  # of features, of which the median counts: a transition is not strange for so long
LEAST, MOST = 0.01, 1.0  # of a threshold; axes in half precision leave 0.001 of what lies within
MOST_AXES = 64  # a quarter of a megabyte in half precision, of 2048 channels
_SKEW = 0.01  # by which axes may fail to be orthonormal


@dataclass(frozen=True, eq=False)
class Familiarity:
    """The features of training as a subspace.

    Attributes:
        mean: (C,) float64, of the features.
        axes: (R, C) float64, orthonormal: the directions in which they differ most.
        threshold: what `distance` they hardly ever exceed.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    threshold: float

    def distances(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """How far each feature is from those of training.

        Args:
            features: (C, N), finite.

        Returns:
            (N,) from 0, within the subspace, to 1, at a right angle to it.
        """
        # In double precision no finite feature and mean overflow, whoever wrote the file.
        away = features.astype(np.float64) - self.mean[:, None]  # (C, N)
        whole, within = (away**2).sum(axis=0), ((self.axes @ away) ** 2).sum(axis=0)
        outside = 1 - within / np.maximum(whole, np.finfo(np.float64).tiny)
        found: NDArray[np.float64] = np.sqrt(np.where(whole > 0, outside.clip(0, 1), 0))
        return found

    def strangeness(self, features: NDArray[np.floating[Any]]) -> float:
        """How strange what was just seen is: 1 where it becomes unfamiliar.

        Args:
            features: (C, N), those of the last `SECONDS`, at least one.
        """
        return float(np.median(self.distances(features))) / self.threshold

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps of it, beside the threshold."""
        return {
            "mean": torch.from_numpy(self.mean.astype(np.float32)),
            "axes": torch.from_numpy(self.axes.astype(np.float16)),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], threshold: float) -> Familiarity:
        """Made of what a file has kept.

        Raises:
            ValueError: the axes are not orthonormal.
        """
        mean, axes = (tensors[name].double().numpy() for name in ("mean", "axes"))
        if np.abs(axes @ axes.T - np.eye(len(axes))).max() > _SKEW:
            raise ValueError("familiarity.axes are not at right angles to each other, and of length 1")
        return cls(mean, axes, threshold)


def shapes(about: Any, channels: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor that a description asks for.

    Args:
        about: what a file says: {"axes": R, "threshold": number}, or None.
        channels: C of the features.

    Raises:
        ValueError, or another exception of what JSON may hold instead: it makes no sense.
    """
    if about is None:
        return {}
    count, threshold = about["axes"], about["threshold"]
    most = min(MOST_AXES, channels)
    if type(count) is not int or not 1 <= count <= most:
        raise ValueError(f"its familiarity has {str(count)[:50]!r} axes; it must be from 1 to {most}")
    if not isinstance(threshold, float) or not LEAST <= threshold <= MOST:
        raise ValueError(
            f"its familiarity has the threshold {str(threshold)[:50]!r}; it must be from {LEAST} to {MOST}"
        )
    return {"mean": (channels,), "axes": (count, channels)}


def steps_of(period: float) -> int:
    """How many features, of which one comes every `period` seconds, are the last `SECONDS`."""
    return max(1, round(SECONDS / period))
