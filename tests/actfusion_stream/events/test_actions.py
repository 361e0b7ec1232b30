"""When an action is said to have begun and ended, and which one is expected: once, and without flicker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from actfusion_stream.engine.timeline import Candidate, Gap, Segment, Tick
from actfusion_stream.events.actions import Following, actions_of


def past(*segments: tuple[str, float, float]) -> tuple[Segment, ...]:
    return tuple(Segment(*each, 0.9) for each in segments)


def tick(seen: float, *segments: tuple[str, float, float], **more: Any) -> Tick:
    return Tick(seen, segments[-1][2], past(*segments), (), **more)


def mix(probability: float, start: float, latest: float | None = None) -> Candidate:
    return Candidate("mix", probability, start, start - 0.5, start + 0.5 if latest is None else latest)


def said(*ticks: Tick) -> list[list[dict[str, Any]]]:
    """What each of them leads to."""
    following, found = Following(), []
    for each in ticks:
        records, following = following.tick(each)
        found.append(records)
    return found


def brief(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    keys = {
        "action_started": ("label", "start", "again", "expected_since"),
        "action_ended": ("label", "start", "end", "cause"),
        "action_expected": ("status", "label", "probability", "in_seconds", "overdue"),
    }
    return [(record["type"][7:], *(record[key] for key in keys[record["type"]])) for record in records]


def test_an_action_has_begun_when_it_has_lasted_half_a_second() -> None:
    first, second, third = said(
        tick(0.5, ("cut", 0.0, 0.4)), tick(0.8, ("cut", 0.0, 0.7)), tick(1.1, ("cut", 0.0, 1.0))
    )
    assert (first, third) == ([], [])
    assert second == [
        {
            "type": "action_started", "label": "cut", "start": 0.0, "confidence": 0.9, "again": False,
            "expected_since": None, "unfamiliar": False,
        }
    ]  # fmt: skip


def test_it_ends_when_the_next_one_has_begun() -> None:
    *_, last = said(tick(4.0, ("cut", 0.0, 4.0)), tick(5.0, ("cut", 0.0, 4.2), ("mix", 4.2, 5.0)))
    assert brief(last) == [("ended", "cut", 0.0, 4.2, "followed"), ("started", "mix", 4.2, False, None)]
    assert [record["confidence"] for record in last] == [0.9, 0.9]


def test_what_flickers_is_not_told() -> None:
    _, *later = said(
        tick(4.0, ("cut", 0.0, 4.0)),
        tick(4.3, ("cut", 0.0, 4.0), ("mix", 4.0, 4.3)),
        tick(4.6, ("cut", 0.0, 4.6)),
        tick(4.9, ("cut", 0.0, 4.0), ("mix", 4.0, 4.3), ("cut", 4.3, 4.9)),  # it stays in the past
        tick(6.0, ("cut", 0.0, 4.0), ("mix", 4.0, 4.3), ("cut", 4.3, 6.0)),
    )
    assert later == [[]] * 4
    assert brief(said(tick(6.0, ("cut", 0.0, 4.0), ("mix", 4.0, 4.3), ("cut", 4.3, 6.0)))[0]) == [
        ("started", "cut", 0.0, False, None)
    ]


def test_what_is_taken_back_has_ended_and_what_went_on_goes_on_again() -> None:
    *_, last = said(
        tick(4.0, ("cut", 0.0, 4.0)),
        tick(5.0, ("cut", 0.0, 4.0), ("mix", 4.0, 5.0)),
        tick(6.0, ("cut", 0.0, 6.0)),
    )
    assert brief(last) == [("ended", "mix", 4.0, 5.0, "taken back"), ("started", "cut", 0.0, True, None)]


def test_what_is_taken_back_for_something_later_leaves_the_one_before_as_it_ended() -> None:
    *_, last = said(
        tick(4.0, ("cut", 0.0, 4.0)),
        tick(5.0, ("cut", 0.0, 4.0), ("mix", 4.0, 5.0)),
        tick(6.0, ("cut", 0.0, 4.6), ("pour", 4.6, 6.0)),
    )
    assert brief(last) == [("ended", "mix", 4.0, 5.0, "taken back"), ("started", "pour", 4.6, False, None)]


def test_what_was_noticed_late_has_begun_and_ended_at_once() -> None:
    segments = (("cut", 0.0, 4.0), ("mix", 4.0, 6.0), ("pour", 6.0, 6.2), ("cut", 6.2, 9.0))
    *_, last = said(tick(4.0, ("cut", 0.0, 4.0)), tick(9.0, *segments))
    assert brief(last) == [
        ("ended", "cut", 0.0, 4.0, "followed"),
        ("started", "mix", 4.0, False, None),
        ("ended", "mix", 4.0, 6.0, "followed"),
        ("started", "cut", 6.2, False, None),  # another one than before
    ]


def test_a_gap_ends_an_action_for_nobody_saw_whether_it_went_on() -> None:
    away = (Gap(4.0, 9.0, "the cable"),)
    *_, last = said(
        tick(4.0, ("cut", 0.0, 4.0)), tick(10.0, ("cut", 0.0, 4.0), ("cut", 9.0, 10.0), gaps=away)
    )
    assert brief(last) == [("ended", "cut", 0.0, 4.0, "gap"), ("started", "cut", 9.0, False, None)]


def test_the_last_one_ends_with_the_stream() -> None:
    _, following = Following().tick(tick(4.0, ("cut", 0.0, 4.0)))
    final = past(("cut", 0.2, 4.5))
    assert brief(following.end(final)) == [("ended", "cut", 0.2, 4.5, "stream ended")]
    assert brief(following.end(past(("mix", 0.0, 4.5)))) == [("ended", "cut", 0.0, 4.0, "stream ended")]
    assert Following().end(final) == []


@pytest.mark.parametrize(
    ("segments", "since", "expected"),
    [
        ([], 0.0, []),
        ([("a", 0.0, 0.4)], -1.0, []),
        ([("a", 0.0, 2.0), ("b", 2.0, 4.0)], 2.0, [("b", 2.0, 4.0)]),
        ([("a", 0.0, 2.0), ("b", 2.0, 2.4), ("a", 2.4, 2.6)], 0.0, [("a", 0.0, 2.6)]),
        ([("a", 0.0, 2.0), ("b", 2.0, 2.4), ("c", 2.4, 4.0)], 0.0, [("a", 0.0, 2.0), ("c", 2.4, 4.0)]),
        ([("a", 0.0, 2.0), ("b", 2.0, 2.4)], 0.0, [("a", 0.0, 2.0)]),
        ([("a", 0.0, 2.0), ("a", 2.5, 4.0)], 0.0, [("a", 0.0, 2.0), ("a", 2.5, 4.0)]),  # a gap
    ],
)
def test_actions_are_segments_without_flicker(segments: list[Any], since: float, expected: list[Any]) -> None:
    found = actions_of(past(*segments), since)
    assert [(action.label, action.start, action.end) for action in found] == expected
    assert all(action.confidence == pytest.approx(0.9) for action in found)


# -- what is expected


def cutting(seen: float, *following: Candidate, **more: Any) -> Tick:
    return tick(seen, ("cut", 0.0, seen), next=following, **more)


def test_an_action_is_expected_from_one_half_on() -> None:
    first, second = said(
        cutting(4.0, mix(0.375, 12.0)), cutting(4.25, mix(0.5, 12.0), replace(mix(0.5, 9.0), label="pour"))
    )
    assert brief(first) == [("started", "cut", 0.0, False, None)]
    assert second == [
        {
            "type": "action_expected", "status": "new", "label": "mix", "probability": 0.5, "start": 12.0,
            "earliest": 11.5, "latest": 12.5, "in_seconds": 7.75, "expected_since": 4.25, "overdue": False,
            "unfamiliar": False,
        }
    ]  # fmt: skip


def test_it_is_said_again_when_it_is_a_second_nearer_or_has_moved_or_is_otherwise_probable() -> None:
    _, *later = said(
        cutting(4.0, mix(0.75, 12.0)),
        cutting(4.5, mix(0.75, 12.0)),
        cutting(5.0, mix(0.75, 12.0)),
        cutting(5.5, mix(0.75, 14.0)),
        cutting(6.0, mix(0.875, 14.0)),
        cutting(6.5, mix(0.8, 14.0)),
    )
    assert [brief(each) for each in later] == [
        [],
        [("expected", "changed", "mix", 0.75, 7.0, False)],
        [("expected", "changed", "mix", 0.75, 8.5, False)],
        [("expected", "changed", "mix", 0.875, 8.0, False)],
        [],
    ]
    assert {record["expected_since"] for each in later for record in each} == {4.0}


def test_it_is_overdue_when_the_time_has_passed_by_which_it_was_to_begin() -> None:
    _, *later = said(
        cutting(4.0, mix(1.0, 4.5, latest=5.0)),
        cutting(5.0, mix(1.0, 5.5, latest=6.0)),
        cutting(5.25, mix(1.0, 5.75, latest=6.0)),
        cutting(5.5, mix(1.0, 6.0, latest=6.5)),
        cutting(6.25, mix(1.0, 6.75, latest=7.0)),
    )
    assert [brief(each) for each in later] == [
        [],
        [("expected", "changed", "mix", 1.0, 0.5, True)],
        [],
        [("expected", "changed", "mix", 1.0, 0.5, True)],
    ]


def test_it_is_withdrawn_when_it_is_improbable_or_another_one_is_expected() -> None:
    pour = Candidate("pour", 0.75, 9.0, 9.0, 9.5)
    _, still, gone, new, other, none = said(
        cutting(4.0, mix(0.75, 12.0)),
        cutting(4.2, mix(0.7, 12.0)),
        cutting(4.4, mix(0.2, 12.0)),
        cutting(4.6, mix(0.625, 12.0)),
        cutting(4.8, pour, mix(0.25, 12.0)),
        cutting(5.0),
    )
    assert still == []
    assert brief(gone) == [("expected", "withdrawn", "mix", 0.2, 7.6, False)]
    assert brief(new) == [("expected", "new", "mix", 0.625, 7.4, False)]
    assert brief(other) == [
        ("expected", "withdrawn", "mix", 0.25, 7.2, False),
        ("expected", "new", "pour", 0.75, 4.2, False),
    ]
    assert brief(none) == [("expected", "withdrawn", "pour", 0.0, 4.0, False)]


def test_an_action_that_begins_says_since_when_it_was_expected() -> None:
    mixing = tick(6.0, ("cut", 0.0, 5.0), ("mix", 5.0, 6.0))
    *_, last = said(cutting(4.0, mix(0.75, 5.0)), mixing)
    assert brief(last) == [("ended", "cut", 0.0, 5.0, "followed"), ("started", "mix", 5.0, False, 4.0)]
    *_, last = said(cutting(4.0, replace(mix(0.75, 5.0), label="pour")), mixing)
    assert brief(last) == [
        ("ended", "cut", 0.0, 5.0, "followed"),
        ("expected", "withdrawn", "pour", 0.0, 0.0, True),
        ("started", "mix", 5.0, False, None),
    ]


def test_nothing_is_withdrawn_while_it_is_not_clear_what_is_being_done() -> None:
    unsteady = tick(4.3, ("cut", 0.0, 4.0), ("mix", 4.0, 4.3), next=(Candidate("pour", 1.0, 9.0, 9.0, 9.0),))
    _, meanwhile = said(cutting(4.0, mix(0.75, 5.0)), unsteady)
    assert meanwhile == []


def test_what_is_unfamiliar_is_said_with_each() -> None:
    (records,) = said(cutting(4.0, mix(0.75, 5.0), strangeness=1.5))
    assert [record["unfamiliar"] for record in records] == [True, True]


def test_that_it_is_overdue_is_said_once_as_long_as_nothing_else_changes() -> None:
    _, *later = said(
        cutting(4.0, mix(1.0, 4.5, latest=5.0)),
        cutting(5.25, mix(1.0, 5.0, latest=5.0)),
        cutting(5.25, mix(1.0, 5.0, latest=5.0)),
    )
    assert [brief(each) for each in later] == [[("expected", "changed", "mix", 1.0, 0.0, True)], []]
