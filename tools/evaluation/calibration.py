"""Whether what is called likely happens as often: scores of forecasts that are distributions.

A forecast of which something comes true 70 % of the times that it says 70 % is calibrated. The expected
calibration error says by how much it is not (Guo et al., "On Calibration of Modern Neural Networks", ICML
2017), the Brier score is a proper score of the whole distribution (Brier, 1950), and the pinball loss one of
quantiles (Koenker & Bassett, 1978).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 15
QUANTILES = (0.1, 0.5, 0.9)

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def expected_calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """How far confidence is from the share that is right, in bins of equal width.

    Args:
        confidence: (N,) float in [0, 1], of what was held the likeliest.
        right: (N,) bool, whether it came true.
        bins: B; bin b holds confidences in (b / B, (b + 1) / B], the first one 0 as well.

    Returns:
        In [0, 1]: the mean over all N of the distance between a bin's mean confidence and its share of right
        ones. NaN where N is 0.
    """
    if not len(confidence):
        return float("nan")
    index = np.clip(np.ceil(np.asarray(confidence, np.float64) * bins).astype(int) - 1, 0, bins - 1)
    # n_b / N · |mean confidence − mean right| is |sum − sum| / N: no bin has to be divided by its count.
    sure = np.bincount(index, confidence, bins)
    came = np.bincount(index, np.asarray(right, np.float64), bins)
    return float(np.abs(sure - came).sum() / len(confidence))


def brier_score(probabilities: Floats, truth: Labels) -> float:
    """Mean squared distance of a distribution from what came true, summed over the outcomes.

    Args:
        probabilities: (N, C) float, each row a distribution.
        truth: (N,) int in [0, C).

    Returns:
        In [0, 2], 0 for a prophet; NaN where N is 0.
    """
    if not len(truth):
        return float("nan")
    # sum_c (p_c − [c = y])² = sum_c p_c² − 2 p_y + 1, without a one-hot array as large as the forecasts.
    probabilities = np.asarray(probabilities, np.float64)
    hit = probabilities[np.arange(len(truth)), truth]
    return float(np.mean((probabilities**2).sum(axis=1) - 2 * hit + 1))


def pinball_loss(predicted: Floats, true: Floats, quantiles: Sequence[float] = QUANTILES) -> float:
    """How good quantiles are, in the unit of what they are quantiles of.

    Args:
        predicted: (N, Q) float, the quantiles of each forecast.
        true: (N,) float.
        quantiles: Q shares in (0, 1).

    Returns:
        Mean over forecasts and quantiles of q · (true − predicted) where the truth lies above, and
        (1 − q) · (predicted − true) where it lies below; NaN where N is 0.
    """
    if not len(true):
        return float("nan")
    above = np.asarray(true, np.float64)[:, None] - predicted  # (N, Q)
    shares = np.asarray(quantiles, np.float64)
    return float(np.maximum(shares * above, (shares - 1) * above).mean())
