"""The protocol of several futures, on videos of ten frames."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.tools.evaluation.metrics import AnticipationScore
from actfusion_stream.tools.evaluation.stochastic import StochasticScore, mean_over_classes


def labels(text: str) -> np.ndarray:
    return np.array([int(digit) for digit in text], np.int64)


def samples(*rows: str) -> np.ndarray:
    return np.stack([labels(row) for row in rows])


def test_mean_over_classes_of_one_video() -> None:
    assert mean_over_classes(labels("0011"), labels("0111")) == pytest.approx((1 + 2 / 3) / 2)
    assert mean_over_classes(labels("22"), labels("00")) == 0.0
    assert mean_over_classes(labels(""), labels("")) == 0.0


def test_mean_pools_counts_over_samples_and_videos_and_top_1_takes_each_videos_best() -> None:
    score = StochasticScore((0.2,), (0.5,))  # frames 2 to 6 of 10 are scored
    #             ..|||||...
    truth = labels("0000112222")
    a = "0000112222"  # all five right
    b = "0000000000"  # both of class 0, none of class 1 and none of class 2
    score.add(samples(b, a), truth, 0.2)
    other = labels("0011111111")  # five of class 1
    c = "0022111111"  # the last three
    d = "0022222211"  # none
    score.add(samples(c, d), other, 0.2)
    result = score.result()
    # Class 0: 2 + 2 of 2 + 2. Class 1: 2 + 0 of 2 + 2, and 3 + 0 of 5 + 5. Class 2: 1 + 0 of 1 + 1.
    assert result["mean"]["moc_obs0.2_pred0.5"] == pytest.approx(100 * (4 / 4 + 5 / 14 + 1 / 2) / 3)
    # Of the first video a, of the second c: class 0 2 of 2, class 1 2 of 2 and 3 of 5, class 2 1 of 1.
    assert result["top1"]["moc_obs0.2_pred0.5"] == pytest.approx(100 * (1 + 5 / 7 + 1) / 3)
    assert result["mean"]["moc_mean"] == result["mean"]["moc_obs0.2_pred0.5"]
    assert result["top1"]["moc_mean"] == result["top1"]["moc_obs0.2_pred0.5"]


def test_each_cell_takes_its_own_best_sample() -> None:
    score = StochasticScore((0.2,), (0.1, 0.5))
    truth = labels("0012222222")
    near = "0010000000"  # right at once, wrong later
    far = "0002222222"  # the other way round
    score.add(samples(near, far), truth, 0.2)
    result = score.result()
    assert result["top1"]["moc_obs0.2_pred0.1"] == 100.0  # frame 2 alone
    assert result["top1"]["moc_obs0.2_pred0.5"] == 50.0  # frames 2 to 6: class 2 whole, class 1 not
    assert result["mean"]["moc_obs0.2_pred0.1"] == 50.0
    assert result["top1"]["moc_mean"] == 75.0


def test_the_best_is_the_one_with_the_highest_mean_over_classes_not_with_the_most_frames() -> None:
    score = StochasticScore((0.2,), (0.5,))
    truth = labels("0000001111")  # frames 2 to 6: four of class 0, one of class 1
    frames = "0000000000"  # 4 of 5 frames, but (1 + 0) / 2
    classes = "0000111111"  # 3 of 5 frames, but (2 / 4 + 1) / 2
    score.add(samples(frames, classes), truth, 0.2)
    assert score.result()["top1"]["moc_obs0.2_pred0.5"] == 75.0


def test_one_sample_is_plain_anticipation() -> None:
    rng = np.random.default_rng(0)
    alphas, betas = (0.2, 0.3), (0.1, 0.5)
    plain, stochastic = AnticipationScore(alphas, betas), StochasticScore(alphas, betas)
    for length in (37, 50):
        truth, guess = rng.integers(3, size=length), rng.integers(3, size=length)
        for alpha in alphas:
            plain.add(guess, truth, alpha)
            stochastic.add(guess[None], truth, alpha)
    result = stochastic.result()
    for name, value in plain.result().items():
        assert result["mean"][name] == result["top1"][name] == value


def test_what_cannot_be_scored_is_refused() -> None:
    score = StochasticScore((0.2,), (0.5,))
    with pytest.raises(ValueError, match=r"no sample was given: expected \(S, T\) labels"):
        score.add(np.zeros((0, 10)), labels("0000000000"), 0.2)
    with pytest.raises(ValueError, match=r"no cell observes 0\.3"):
        score.add(samples("0000000000"), labels("0000000000"), 0.3)
    with pytest.raises(ValueError, match="the same number of frames"):
        score.add(samples("000"), labels("0000000000"), 0.2)
