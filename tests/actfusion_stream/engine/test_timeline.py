"""Labels of feature steps become segments, and a tick knows what is now and what is next."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.timeline import Segment, Tick, segments_from_labels

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
