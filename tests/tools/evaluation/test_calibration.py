"""Calibration error, Brier score and pinball loss, on forecasts small enough to score by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from actfusion_stream.tools.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    pinball_loss,
)


def error(confidence: list[float], right: list[int], bins: int = 15) -> float:
    return expected_calibration_error(np.array(confidence), np.array(right, bool), bins)


def test_calibration_error_by_hand() -> None:
    # Ten forecasts of 70 %: with seven right they are calibrated, with four they are 30 points too sure.
    assert error([0.7] * 10, [1] * 7 + [0] * 3) == pytest.approx(0.0)
    assert error([0.7] * 10, [1] * 4 + [0] * 6) == pytest.approx(0.3)
    # Two bins of two: |0.1 − 0.5| and |0.9 − 0.5|; each holds half of the forecasts.
    assert error([0.1, 0.1, 0.9, 0.9], [1, 0, 1, 0], bins=2) == pytest.approx(0.4)
    # In one bin, too much and too little cancel; in two they do not.
    assert error([0.3, 0.7], [1, 0], bins=1) == pytest.approx(0.0)
    assert error([0.3, 0.7], [1, 0], bins=2) == pytest.approx(0.7)
    # Bins weigh by how many fall into them: 3/4 · |0.9 − 1/3| + 1/4 · |0.1 − 0|.
    assert error([0.9, 0.9, 0.9, 0.1], [1, 0, 0, 0], bins=2) == pytest.approx(0.75 * (0.9 - 1 / 3) + 0.025)


def test_an_edge_belongs_to_the_bin_below_and_both_ends_to_one() -> None:
    # 0.5 with 0.4 in (0, 0.5], not with 0.6: alone it would be 0.5 off, and 0.4 with it.
    assert error([0.5, 0.4], [1, 0], bins=2) == pytest.approx(abs(0.9 - 1) / 2)
    assert error([0.0], [1]) == 1.0
    assert error([1.0], [1]) == 0.0
    assert error([1.0, 1.0], [1, 0]) == 0.5


def test_calibration_error_against_its_definition() -> None:
    """The textbook's loop over the bins."""
    rng = np.random.default_rng(0)
    confidence, right = rng.random(500), rng.random(500) < 0.6
    expected = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            expected += inside.sum() / 500 * abs(confidence[inside].mean() - right[inside].mean())
    assert expected_calibration_error(confidence, right) == pytest.approx(expected)


def test_brier_score_by_hand() -> None:
    said = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    # 0.3² + 0.2² + 0.1² = 0.14 and 0.
    assert brier_score(said, np.array([0, 1])) == pytest.approx(0.07)
    # 0.7² + 0.8² + 0.1² = 1.14; and sure of what does not come is 2, the worst there is.
    assert brier_score(said, np.array([1, 2])) == pytest.approx((1.14 + 2) / 2)
    # Of two outcomes it is twice the mean squared error of the probability.
    yes, came = np.array([0.9, 0.4, 0.2]), np.array([1, 1, 0])
    both = np.stack([1 - yes, yes], axis=1)
    assert brier_score(both, came) == pytest.approx(2 * np.mean((yes - came) ** 2))


def test_pinball_loss_by_hand() -> None:
    said = np.array([[2.0, 4.0, 8.0]])
    # Truth 5: above 2 by 3, above 4 by 1, below 8 by 3.
    assert pinball_loss(said, np.array([5.0])) == pytest.approx((0.1 * 3 + 0.5 * 1 + 0.1 * 3) / 3)
    # Truth 10, above all; truth 0, below all.
    assert pinball_loss(said, np.array([10.0])) == pytest.approx((0.1 * 8 + 0.5 * 6 + 0.9 * 2) / 3)
    assert pinball_loss(said, np.array([0.0])) == pytest.approx((0.9 * 2 + 0.5 * 4 + 0.1 * 8) / 3)
    # The median alone: half the absolute error. Several forecasts: their mean.
    medians, truth = np.array([[1.0], [5.0]]), np.array([3.0, 4.0])
    assert pinball_loss(medians, truth, (0.5,)) == pytest.approx((2 + 1) / 2 / 2)


def test_of_no_forecast_there_is_no_score() -> None:
    none = np.zeros(0)
    assert math.isnan(expected_calibration_error(none, none.astype(bool)))
    assert math.isnan(brier_score(np.zeros((0, 3)), none.astype(int)))
    assert math.isnan(pinball_loss(np.zeros((0, 3)), none))
