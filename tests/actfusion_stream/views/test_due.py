"""A countdown does not stand at its end: what is due and does not come is any moment, then late."""

from dataclasses import replace

import pytest
from sample_moment import CLASSES, FILE, FUTURE, PAST, console, stats

from actfusion_stream.engine.timeline import Candidate, Tick
from actfusion_stream.views.due import Due
from actfusion_stream.views.moment import moment_of
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.terminal import TerminalView

NEXT = FUTURE[1].label


def tick(at: float, ahead: float, latest: float | None = None, label: str = NEXT) -> Tick:
    """It says at a time that the next action starts so many seconds later, `latest` the latest."""
    start = at + ahead
    future = (
        replace(FUTURE[0], start=at, end=start),
        replace(FUTURE[1], label=label, start=start, end=at + 50, confidence=0.9),
    )
    after = at + (ahead if latest is None else latest)
    candidates = () if latest is None else (Candidate(label, 0.9, start, start, after),)
    return Tick(at, at, (*PAST[:2], replace(PAST[2], end=at)), future, next=candidates)


def told(*ticks: Tick) -> list[str]:
    due = Due()
    return [due.told(moment_of(one, one.seen_until)) for one in ticks]


def test_a_countdown_that_stays_at_its_end_becomes_any_moment_and_then_late() -> None:
    ticks = [tick(40.0, 3.0), tick(41.0, 2.0), tick(42.0, 1.0)]
    ticks += [tick(42.5 + i / 2, 0.8) for i in range(8)]
    assert told(*ticks) == [
        *("in 3 s", "in 2 s", "in 1 s", "in 1 s"),
        *("any moment",) * 4,  # from 43 s on, when it should have come
        *("2 s late", "2 s late", "3 s late"),
    ]


def test_what_is_said_to_have_begun_is_any_moment_but_not_for_long() -> None:
    late = [tick(40.0 + i, 0.2, latest=0.3) for i in range(5)]
    assert told(*late) == ["in 1 s", "any moment", "any moment", "2 s late", "3 s late"]


@pytest.mark.parametrize(
    ("ahead", "latest", "shown"), [(6.0, None, "in 6 s"), (0.5, 4.0, "in 1\N{EN DASH}4 s")]
)
def test_a_tick_that_says_it_takes_longer_is_believed(ahead: float, latest: float, shown: str) -> None:
    waiting = [tick(40.0, 0.5), tick(43.0, 0.5)]
    assert told(*waiting, tick(44.0, ahead, latest), tick(45.0, 0.5)) == [
        "in 1 s",
        "2 s late",
        shown,
        "in 1 s",
    ]


def test_another_next_action_is_counted_from_the_beginning() -> None:
    waiting = [tick(40.0, 0.5), tick(43.0, 0.5), tick(43.5, 0.5, label="peel_cucumber")]
    assert told(*waiting) == ["in 1 s", "2 s late", "in 1 s"]


def test_a_time_before_the_last_one_is_another_beginning() -> None:
    assert told(tick(40.0, 0.5), tick(43.0, 0.5), tick(40.0, 0.5)) == ["in 1 s", "2 s late", "in 1 s"]


def test_both_views_tell_it() -> None:
    overlay, shown = Overlay(CLASSES), TerminalView(FILE, CLASSES, stats(), console())
    patches, lines = [], []
    for one in (tick(40.0, 0.5, 0.6), tick(44.0, 0.5, 0.6)):
        patches.append(overlay.draw(320, 240, one.seen_until, one)[0].color)
        shown.update(one, one.seen_until)
        lines.append([line.plain for line in shown.render(80, 30)])
    assert (patches[0] != patches[1]).any()
    of_next = [
        [line for line in view if "place cucumber into bowl" in line and " s" in line] for view in lines
    ]
    assert [len(found) for found in of_next] == [1, 1]
    assert ("in 1 s" in of_next[0][0], "3 s late" in of_next[1][0]) == (True, True)


def test_several_minutes_are_told_as_such() -> None:
    assert told(tick(40.0, 0.2), tick(139.9, 0.1)) == ["in 1 s", "1:39 late"]
