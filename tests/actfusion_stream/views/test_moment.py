"""What is now and what is next at the time of a frame, which is later than what a tick observed."""

from dataclasses import replace

import numpy as np
import pytest
from sample_moment import CANDIDATES, CLASSES, FUTURE, PAST, SEVERAL, TICK

from actfusion_stream.engine.timeline import Candidate, Futures, Tick
from actfusion_stream.views.moment import agreement, moment_of

TO = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("time", "now", "since", "coming"),
    [
        (40.5, "cut_tomato", 20, ["place_cucumber_into_bowl", "serve_salad_onto_plate"]),
        (42.9, "cut_tomato", 20, ["place_cucumber_into_bowl", "serve_salad_onto_plate"]),
        (43.0, "place_cucumber_into_bowl", 43, ["serve_salad_onto_plate"]),
        (48.0, "serve_salad_onto_plate", 48, []),
        (300.0, "serve_salad_onto_plate", 48, []),  # a stream whose ticks are that late
    ],
)
@pytest.mark.parametrize("tick", [TICK, SEVERAL], ids=["one future", "several"])
def test_what_has_begun_by_the_time_of_the_frame_is_now_and_no_longer_next(
    tick: Tick, time: float, now: str, since: float, coming: list[str]
) -> None:
    moment = moment_of(tick, time)
    assert (moment.now.label, moment.now.start) == (now, since)
    assert [segment.label for segment in moment.coming] == coming


def test_an_action_that_goes_on_is_as_sure_as_what_was_seen_of_it() -> None:
    assert moment_of(TICK, 41.0).now.confidence == 0.86
    assert moment_of(TICK, 44.0).now.confidence == 0.64


def test_an_action_may_begin_where_the_observed_ends() -> None:
    tick = Tick(40.5, 40.0, PAST, (replace(FUTURE[1], start=40.0), FUTURE[2]))
    moment = moment_of(tick, 40.5)
    assert (moment.now.label, moment.now.start) == ("place_cucumber_into_bowl", 40.0)
    assert [segment.label for segment in moment.coming] == ["serve_salad_onto_plate"]


def test_without_a_future_the_last_action_goes_on() -> None:
    moment = moment_of(Tick(40.5, 40.0, PAST, ()), 41.0)
    assert (moment.now, moment.coming, moment.candidates) == (PAST[-1], (), ())


def test_candidates_are_told_as_long_as_the_action_lasts_that_they_follow() -> None:
    assert moment_of(SEVERAL, 42.9).candidates == CANDIDATES
    assert moment_of(SEVERAL, 43.0).candidates == ()
    assert moment_of(TICK, 41.0).candidates == ()


def test_what_the_candidates_lack_is_that_the_action_goes_on() -> None:
    assert moment_of(SEVERAL, 41.0).goes_on == pytest.approx(0.125)
    assert moment_of(replace(SEVERAL, doubt=0.1), 41.0).goes_on == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("tick", "time", "shown"),
    [
        (SEVERAL, 41.0, f"in 2{TO}6 s"),
        (SEVERAL, 42.5, "within 4 s"),  # it may have begun, but probably has not
        (SEVERAL, 43.5, "in 5 s"),  # it has, and nobody counted what follows
        (TICK, 41.0, "in 2 s"),
        (replace(SEVERAL, next=CANDIDATES[1:]), 41.0, "in 2 s"),  # the likeliest course is no candidate
        (replace(SEVERAL, next=(Candidate(FUTURE[1].label, 1.0, 43.2, 43.0, 43.6),)), 41.0, "in 3 s"),
    ],
)
def test_how_long_until_the_next_action(tick: Tick, time: float, shown: str) -> None:
    assert moment_of(tick, time).next_in == shown


def test_agreement_is_smooth_between_the_middles_of_the_seconds() -> None:
    probabilities = np.array([[0, 1], [0, 0.5], [0, 0.25]], np.float32)
    tick = replace(TICK, futures=Futures((), 0, probabilities))
    times = np.array([40.0, 40.5, 41.0, 41.5, 42.5, 60.0])
    np.testing.assert_allclose(agreement(tick, 1, times), [1, 1, 0.75, 0.5, 0.25, 0.25])
    assert agreement(tick, 0, times).max() == 0


@pytest.mark.parametrize("futures", [None, Futures((), 0, np.zeros((0, len(CLASSES)), np.float32))])
def test_a_single_future_is_not_disagreed_with(futures: Futures | None) -> None:
    assert agreement(replace(TICK, futures=futures), 0, np.array([41.0, 50.0])).tolist() == [1.0, 1.0]
