"""What several futures said, beside what came: on a video of ten seconds."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.timeline import Candidate, Futures, Segment, Tick
from actfusion_stream.kitchen.script import Step
from actfusion_stream.tools.evaluation.calibration import brier_score
from actfusion_stream.tools.evaluation.forecasts import (
    Forecasts,
    learn_doubt,
    next_distribution,
    score_forecasts,
)

INDEX = {"a": 0, "b": 1, "c": 2}
SCRIPT = (Step("a", 0.0, 4.0), Step("b", 4.0, 7.0), Step("c", 7.0, 10.0))


def candidate(label: str, probability: float, *start: float) -> Candidate:
    earliest, median, latest = start or (0.0, 0.0, 0.0)
    return Candidate(label, probability, median, earliest, latest)


def tick(now: float, *candidates: Candidate, horizon: float = 5.0, said: tuple[int, ...] = ()) -> Tick:
    """A tick whose futures are sure of one class a second."""
    future = (Segment("a", now, now + horizon, 1.0),)
    probabilities = np.eye(3, dtype=np.float32)[list(said)].reshape(-1, 3)
    past = (Segment("a", 0.0, now, 1.0),)
    return Tick(now, now, past, future, next=candidates, futures=Futures((future,), 0, probabilities))


def test_what_the_candidates_lack_is_that_the_action_goes_on() -> None:
    said = next_distribution((candidate("b", 0.6), candidate("c", 0.25)), INDEX)
    assert said == pytest.approx([0, 0.6, 0.25, 0.15])
    assert next_distribution((), INDEX).tolist() == [0, 0, 0, 1]
    assert next_distribution((candidate("a", 2 / 3), candidate("b", 1 / 3)), INDEX)[-1] == 0


def test_doubt_is_spread_over_what_no_future_had() -> None:
    assert next_distribution((candidate("b", 0.9),), INDEX, 0.1) == pytest.approx(
        [0.1 / 3, 0.9, 0.1 / 3, 0.1 / 3]
    )
    # Half of the futures end the action, half do not: of four outcomes two are unheard of.
    assert next_distribution((candidate("b", 0.4),), INDEX, 0.2) == pytest.approx([0.1, 0.4, 0.1, 0.4])


def test_doubt_is_learned_from_how_often_something_else_came() -> None:
    """Of ten times that it was sure of the second outcome, it was right seven times."""
    said, truth = np.tile([0.0, 1.0, 0.0, 0.0], (10, 1)), np.array([1] * 7 + [0, 2, 3])
    doubt = learn_doubt(said, truth)
    assert doubt == pytest.approx(0.3)
    right = (1 - doubt) * said + doubt * np.array([1, 0, 1, 1]) / 3
    for other in (doubt - 0.05, doubt + 0.05):
        worse = (1 - other) * said + other * np.array([1, 0, 1, 1]) / 3
        assert brier_score(worse, truth) > brier_score(right, truth)
    assert learn_doubt(said, np.full(10, 1)) == 0
    assert learn_doubt(said[:0], truth[:0]) == 0


def test_what_comes_true_is_the_next_action_within_the_horizon_or_none() -> None:
    ticks = [tick(2.0), tick(2.0, horizon=2.0), tick(2.0, horizon=2.1), tick(5.0), tick(8.0)]
    # At 2 s, b comes at 4 s: beyond a horizon of 2 s it does not count. After c nothing comes.
    assert Forecasts.of(ticks, SCRIPT, INDEX).next_truth.tolist() == [1, 3, 1, 2, 3]


def test_the_time_is_scored_where_the_likeliest_action_was_the_true_one() -> None:
    ticks = [
        tick(2.0, candidate("b", 0.7, 3.0, 4.5, 6.0), candidate("c", 0.2, 1, 1, 1)),
        tick(2.0, candidate("c", 0.7, 3.0, 4.5, 6.0)),  # wrong
        tick(3.0, candidate("b", 0.4, 3.5, 4.0, 5.0)),  # that it goes on was likelier
        tick(8.0),  # that it goes on was right, but has no time
    ]
    found = Forecasts.of(ticks, SCRIPT, INDEX)
    assert found.starts.tolist() == [[1.0, 2.5, 4.0]]
    assert found.starts_truth.tolist() == [2.0]
    # 2 s is above 1, below 2.5 and below 4.
    assert score_forecasts([found])["next_pinball"] == pytest.approx((0.1 * 1 + 0.5 * 0.5 + 0.1 * 2) / 3)


def test_seconds_are_compared_in_their_middles_up_to_the_end_of_the_video() -> None:
    # From 5.2 s on: 5.7 and 6.7 are b, 7.7 to 9.7 are c, 10.7 is over.
    found = Forecasts.of([tick(5.2, said=(1, 2, 2, 2, 0, 0))], SCRIPT, INDEX)
    assert found.seconds_truth.tolist() == [1, 1, 2, 2, 2]
    assert found.seconds.argmax(axis=1).tolist() == [1, 2, 2, 2, 0]
    scores = score_forecasts([found])
    assert scores["seconds_ece"] == pytest.approx(0.4)  # sure five times, right three times
    assert scores["seconds_brier"] == pytest.approx(0.8)  # 2 for each of two


def test_the_figures_are_pooled_over_ticks_and_videos() -> None:
    videos = [
        Forecasts.of([tick(2.0, candidate("b", 0.8))], SCRIPT, INDEX),
        Forecasts.of([tick(5.0, candidate("b", 0.8)), tick(8.0, candidate("b", 0.2))], SCRIPT, INDEX),
    ]
    scores = score_forecasts(videos)
    # 80 % for b, right; 80 % for b, wrong; 80 % that it goes on, right.
    assert scores["next_ece"] == pytest.approx(0.8 - 2 / 3)
    assert scores["next_brier"] == pytest.approx((0.08 + (0.64 + 1 + 0.04) + 0.08) / 3, abs=1e-6)
    assert "seconds_ece" not in scores  # no tick had any


def test_ticks_without_several_futures_say_nothing() -> None:
    plain = Tick(1.0, 1.0, (Segment("a", 0, 1, 1.0),), (Segment("b", 1, 3, 1.0),))
    found = Forecasts.of([plain], SCRIPT, INDEX)
    assert found.next.shape == (0, 4)
    assert found.seconds.shape == (0, 3)
    assert score_forecasts([found]) == {}
    assert score_forecasts([]) == {}
