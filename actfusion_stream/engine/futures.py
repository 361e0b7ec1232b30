"""Several futures of one tick: which of them to show, what they say comes next, and of every second.

Each is a sample of what the model holds possible, so shares of them are probabilities: of what the model can
think of. How often that is not what happens, its checkpoint says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.timeline import Candidate, Futures, segments_from_labels

_SPREAD = (10, 50, 90)  # percentiles of the time at which an action starts
_ROUNDING = 1e-6  # seconds


def medoid(samples: NDArray[np.int64]) -> int:
    """The sample that on average differs from the others in the fewest steps; of equals the first.

    Args:
        samples: (S, N) int, class index of each step; N may be 0.
    """
    return int(np.argmin([np.count_nonzero(samples != one) for one in samples]))


def candidates(
    samples: NDArray[np.int64],
    current: int,
    edges: NDArray[np.floating[Any]],
    class_names: Sequence[str],
    doubt: float = 0.0,
) -> tuple[Candidate, ...]:
    """What may come next: of each sample the first label that is not the current one.

    Args:
        samples: (S, N) int, class index of each step to come.
        current: class index of the last observed step.
        edges: (N + 1,) float seconds; step i covers [edges[i], edges[i + 1]).
        class_names: name of each class index.
        doubt: how likely what comes is in none of the samples, in [0, 1].

    Returns:
        The most probable one first, of equals the earlier one. A sample in which nothing else follows votes
        for none.
    """
    differs = samples != current  # (S, N)
    ends = differs.any(axis=1)
    steps = differs.argmax(axis=1)  # (S,) the first that differs
    labels = samples[np.arange(len(samples)), steps]
    found = []
    for label in np.unique(labels[ends]):
        starts = edges[steps[ends & (labels == label)]]
        earliest, start, latest = np.percentile(starts, _SPREAD)
        probability = (1 - doubt) * len(starts) / len(samples)
        found.append(Candidate(class_names[label], probability, float(start), float(earliest), float(latest)))
    return tuple(sorted(found, key=lambda candidate: (-candidate.probability, candidate.start)))


def futures(
    samples: NDArray[np.int64],
    likeliest: int,
    probabilities: NDArray[np.float32],
    edges: NDArray[np.floating[Any]],
    class_names: Sequence[str],
) -> Futures:
    """The samples as segments, and the probabilities of every second.

    Args:
        samples: (S, N) int, class index of each step to come, N at least 1.
        likeliest: which of them is the medoid.
        probabilities: (K, N) float32, of every class at each step.
        edges: (N + 1,) float seconds; step i covers [edges[i], edges[i + 1]).
        class_names: name of each class index.

    Returns:
        Probabilities of the seconds whose middle lies within the horizon, of one at least. A segment's
        confidence is the mean probability of its label in all samples.
    """
    steps = np.arange(samples.shape[1])
    segments = tuple(
        segments_from_labels(labels, probabilities[labels, steps], edges, class_names) for labels in samples
    )
    middles = edges[0] + 0.5 + np.arange(max(1, math.ceil(edges[-1] - edges[0] - 0.5 - _ROUNDING)))
    at = np.searchsorted(edges, middles, side="right") - 1
    return Futures(segments, likeliest, probabilities[:, at.clip(max=len(steps) - 1)].T)
