"""Labels of feature steps become segments, and a tick knows what is now and what is next."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.timeline import Futures, Gap, Segment, Tick, segments_from_labels

NAMES = ("background", "cut", "mix")
CUT, MIX = Segment("cut", 0.0, 4.0, 0.9), Segment("mix", 4.0, 6.0, 0.8)


def test_runs_of_equal_labels_become_segments() -> None:
    labels = np.array([1, 1, 0, 2, 2, 2])
    confidences = np.array([0.5, 0.75, 1.0, 0.25, 0.5, 0.75])
    edges = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.1])
    assert segments_from_labels(labels, confidences, edges, NAMES) == (
        Segment("cut", 0.0, 0.4, 0.625),
        Segment("background", 0.4, 0.6, 1.0),
        Segment("mix", 0.6, 1.1, 0.5),
    )


def test_no_labels_are_no_segments() -> None:
    assert segments_from_labels(np.zeros(0, int), np.zeros(0), np.array([3.0]), NAMES) == ()


def test_segments_are_plain_numbers_that_json_can_hold() -> None:
    (segment,) = segments_from_labels(
        np.array([2]), np.array([0.5], np.float32), np.array([0, 1], np.float32), NAMES
    )
    assert [type(value) for value in (segment.label, segment.start, segment.confidence)] == [
        str,
        float,
        float,
    ]


def test_duration() -> None:
    assert MIX.duration == 2.0


def test_the_current_action_ends_the_past() -> None:
    assert Tick(6.5, 6.0, (CUT, MIX), ()).current == MIX


@pytest.mark.parametrize(
    ("future", "upcoming"),
    [
        ((Segment("mix", 6.0, 7.0, 0.8), Segment("cut", 7.0, 9.0, 0.7)), ("cut",)),
        ((Segment("cut", 6.0, 7.0, 0.8), Segment("mix", 7.0, 9.0, 0.7)), ("cut", "mix")),
        ((Segment("mix", 6.0, 9.0, 0.8),), ()),
        ((), ()),
    ],
)
def test_what_merely_goes_on_is_not_upcoming(future: tuple[Segment, ...], upcoming: tuple[str, ...]) -> None:
    tick = Tick(6.5, 6.0, (CUT, MIX), future)
    assert tuple(segment.label for segment in tick.upcoming) == upcoming


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (-1.0, "cut"),
        (0.0, "cut"),
        (3.99, "cut"),
        (4.0, "mix"),
        (5.2, "mix"),  # a gap: nothing was seen there, so what came before it
        (5.99, "background"),
        (6.0, "mix"),  # from `observed_until` on it is the future that says
        (6.99, "mix"),
        (7.0, "cut"),
        (99.0, "cut"),
    ],
)
def test_what_is_said_of_a_time(time: float, said: str) -> None:
    past = (CUT, Segment("mix", 4.0, 5.0, 0.8), Segment("background", 5.5, 6.0, 0.7))
    future = (Segment("mix", 6.0, 7.0, 0.6), Segment("cut", 7.0, 9.0, 0.5))
    assert Tick(6.5, 6.0, past, future, gaps=(Gap(5.0, 5.5, "dropped"),)).at(time).label == said


@pytest.mark.parametrize(("sure", "said"), [(0.49, "background"), (0.51, "mix")])
def test_the_next_action_has_begun_once_that_is_more_likely_than_not(sure: float, said: str) -> None:
    past = (CUT, Segment("background", 5.5, 6.0, 0.7))
    tick = Tick(6.5, 6.0, past, (Segment("background", 6.0, 6.2, 0.6), Segment("mix", 6.2, 9.0, sure)))
    assert tick.at(6.1).label == "background"
    assert tick.at(6.4).label == said


def test_without_a_future_the_last_action_is_still_said() -> None:
    assert Tick(6.5, 6.0, (CUT, MIX), ()).at(8.0) == MIX


def test_futures_that_say_the_same_are_equal() -> None:
    one, same = (Futures(((MIX,), (CUT, MIX)), 1, np.full((2, 3), 0.5, np.float32)) for _ in range(2))
    assert one == same
    assert Tick(6.5, 6.0, (CUT,), (MIX,), futures=one) == Tick(6.5, 6.0, (CUT,), (MIX,), futures=same)
    assert one != Futures(one.samples, 0, one.probabilities)
    assert one != Futures(one.samples[:1], 1, one.probabilities)
    assert one != Futures(one.samples, 1, one.probabilities + np.float32(0.1))
    assert one != None  # noqa: E711
