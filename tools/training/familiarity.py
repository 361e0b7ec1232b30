"""What the features of training look like, in small: so a stream can tell when it sees something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from actfusion_stream.weights.familiarity import LEAST, MOST, MOST_AXES, Familiarity

from ..data.features import Features, OneHotFeatures

_SAMPLE = 8192  # features of all videos together, from which the subspace is found
_LEAST_SAMPLE = 8  # of each video
_CALIBRATING = 64  # videos at most
_QUANTILE = 0.999  # of what is familiar, so much stays below the threshold: what is strange is so by far
_CHANNELS_PER_AXIS = 4  # a subspace of nearly all dimensions would leave nothing outside


def learn_familiarity(
    training: Sequence[Features], held_out: Sequence[Features], stride: int, steps: int
) -> Familiarity | None:
    """Find the subspace of the training features, and how far out of it familiar ones are.

    A few features of each video are read, and never more than one video is in memory.

    Args:
        training: features of the videos of training.
        held_out: of others like them, which set the threshold; where there are none, those of training do.
        stride: the model reads every so many features.
        steps: of these the median counts in a stream, see `steps_of`.

    Returns:
        None where features have too few channels for that, or are labels: all labels look alike.

    Raises:
        StreamError: features cannot be read, or are not finite.
    """
    count = min(MOST_AXES, training[0].channels // _CHANNELS_PER_AXIS)
    if count == 0 or any(isinstance(video, OneHotFeatures) for video in training):
        return None
    mean, axes = principal_axes(_sampled(training), count)
    found = Familiarity.of(Familiarity(mean, axes, MOST).tensors(), MOST)  # rounded, as a file keeps it
    judges = (held_out or training)[:_CALIBRATING]
    distances = (found.distances(video(np.arange(0, video.frames, stride))) for video in judges)
    usual = np.concatenate([running_median(each, steps) for each in distances])
    threshold = float(np.quantile(usual, _QUANTILE).clip(LEAST, MOST))
    return replace(found, threshold=threshold)


def principal_axes(
    blocks: Iterable[NDArray[np.float32]], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of features, and the directions in which they differ most.

    Args:
        blocks: features (C, N) each, at least one in all.
        count: R, of axes.

    Returns:
        (C,) and (R, C), orthonormal, the direction of the largest variance first.
    """
    origin: NDArray[np.float64] | None = None
    for block in blocks:
        if origin is None:  # near the mean, so that no variance drowns in the square of the mean
            origin = block.mean(axis=1, dtype=np.float64)
            total, products, number = np.zeros_like(origin), np.zeros((len(origin), len(origin))), 0
        away = block - origin[:, None]
        total += away.sum(axis=1)
        products += away @ away.T
        number += block.shape[1]
    assert origin is not None
    shift = total / number
    covariance = products / number - np.outer(shift, shift)
    channels = len(covariance)
    _, vectors = eigh(covariance, subset_by_index=(channels - count, channels - 1))
    return origin + shift, vectors.T[::-1]


def running_median(values: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """(N,) of (N,): the median of each value and the `steps` - 1 before it, at the start of what there is."""
    return np.array([np.median(values[max(0, end - steps) : end]) for end in range(1, len(values) + 1)])


def _sampled(videos: Sequence[Features]) -> Iterable[NDArray[np.float32]]:
    """Some features (C, N) of each video, the same ones each time."""
    rng = np.random.default_rng(0)
    for video in videos:
        count = min(video.frames, max(_LEAST_SAMPLE, _SAMPLE // len(videos)))
        yield video(np.sort(rng.choice(video.frames, count, replace=False)))
