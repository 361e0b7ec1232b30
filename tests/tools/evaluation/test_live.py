"""What a viewer had of a stream: every figure on a video of ten seconds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.kitchen.script import Step
from actfusion_stream.tools.evaluation.live import (
    NOTHING,
    Live,
    delays_of_changes,
    next_right,
    on_screen,
    relabelled,
    score_live,
    soon_right,
)

INDEX = {"a": 0, "b": 1, "c": 2}
SCRIPT = (Step("a", 0.0, 4.0), Step("b", 4.0, 7.0), Step("c", 7.0, 10.0))


def spans(text: str, start: float = 0.0) -> tuple[Segment, ...]:
    """E.g. "a4 b7": a up to 4 s, b up to 7 s."""
    found = []
    for part in text.split():
        end = float(part[1:])
        found.append(Segment(part[0], start, end, 0.9))
        start = end
    return tuple(found)


def tick(seen: float, past: str, future: str, settled: int = 0) -> Tick:
    """A tick that has observed as far as its past goes."""
    head = float(past.split()[-1][1:])
    return Tick(seen, head, spans(past), spans(future, head), settled=settled)


def test_the_next_action_is_asked_for_where_there_is_one() -> None:
    ticks = [
        tick(2.0, "a2", "a4 b9"),  # right, whenever it is said to start
        tick(3.0, "a3", "a5 c9"),  # b is next
        tick(3.5, "a3.5", "a9"),  # nothing was said to come
        tick(5.0, "a5", "b6 c9"),  # c is next, which is second here
        tick(6.0, "a4 b6", "c9"),
        tick(8.0, "a4 b7 c8", "b9"),  # the last action: nothing is next
    ]
    assert next_right(ticks, SCRIPT).tolist() == [True, False, False, False, True]


def test_the_next_five_seconds_end_with_the_video() -> None:
    # After 2 s come 2 s of a and 3 s of b; after 8 s, 2 s of c, and then nothing that counts.
    assert soon_right([tick(2.0, "a2", "a4 b9")], SCRIPT, INDEX) == (50, 50)
    assert soon_right([tick(2.0, "a2", "a9")], SCRIPT, INDEX) == (20, 50)
    assert soon_right([tick(8.0, "c8", "c9 b30")], SCRIPT, INDEX) == (10, 20)
    # A future that ends early goes on as it ended.
    assert soon_right([tick(2.0, "a2", "a4 b5")], SCRIPT, INDEX) == (50, 50)
    assert soon_right([tick(10.0, "c10", "c12")], SCRIPT, INDEX) == (0, 0)


def test_what_is_taken_back_is_counted_in_seconds() -> None:
    assert relabelled([tick(2.0, "a2", "a4"), tick(3.0, "a2 b3", "b4")], INDEX) == 0.0
    # From 1.5 to 2 s it was a and is b; what is new from 2 s on was not labelled before.
    assert relabelled([tick(2.0, "a2", "a4"), tick(3.0, "a1.5 b3", "b4")], INDEX) == pytest.approx(0.5)
    # There and back is twice.
    back = [tick(2.0, "a2", "a4"), tick(3.0, "b3", "b4"), tick(4.0, "a4", "a5")]
    assert relabelled(back, INDEX) == pytest.approx(2.0 + 3.0)
    # Two stretches, and an edge that moves: 0.25 of a, 0.5 of c.
    moved = [tick(3.0, "a1 b2 c3", "c4"), tick(3.0, "a0.75 b2 c2.5 a3", "c4")]
    assert relabelled(moved, INDEX) == pytest.approx(0.75)
    # What has settled is the same in both, and is not compared again.
    assert relabelled([tick(3.0, "a1 b3", "b4", 1), tick(4.0, "a1 c4", "c5", 1)], INDEX) == pytest.approx(2.0)
    assert relabelled([tick(3.0, "a3", "a4")], INDEX) == 0.0


def test_a_frame_is_shown_beside_what_the_latest_tick_says_of_its_time() -> None:
    ticks = [tick(1.0, "a0.5", "b2"), tick(2.0, "a0.5 c1.5", "b3 a9")]
    times = np.array([0.0, 0.9, 1.0, 1.9, 2.0, 2.9, 3.0, 8.0])
    shown = on_screen(ticks, times, INDEX)
    # Before the first tick nothing; from 1 s on its future; a frame that triggers a tick is shown with it.
    assert shown.tolist() == [NOTHING, NOTHING, 1, 1, 1, 1, 0, 0]
    assert on_screen([], times, INDEX).tolist() == [NOTHING] * 8
    # A tick that was given at a frame's time, up to rounding, is that frame's.
    assert on_screen([tick(0.1 + 0.2, "a0.3", "a1")], np.array([0.3]), INDEX).tolist() == [0]


def test_a_change_is_seen_at_the_first_frame_with_its_label() -> None:
    times = np.arange(20) / 2  # two frames a second
    #                  a a a a a a a a|b b b b b b|c c c c c c
    shown = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
    delays, missed = delays_of_changes(shown, times, SCRIPT, INDEX)
    assert delays.tolist() == [1.0, 0.0]
    assert missed.tolist() == [False, False]
    # Said too early is in time; said first in the action after it is missed, and costs its length.
    shown = np.array([0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2])
    delays, missed = delays_of_changes(shown, times, SCRIPT, INDEX)
    assert delays.tolist() == [3.0, 0.5]
    assert missed.tolist() == [True, False]
    # Between frames, the next one is the first to show it.
    late = (Step("a", 0.0, 4.2), Step("b", 4.2, 10.0))
    delays, _ = delays_of_changes(np.ones(20, int), times, late, INDEX)
    assert delays == pytest.approx([0.3])


def live() -> Live:
    ticks = [tick(2.0, "a2", "a4 b9"), tick(6.0, "a4 b5 c6", "c9"), tick(9.0, "a4 b7 c9", "c12")]
    return Live.of(ticks, spans("a5 b7 c10"), SCRIPT, np.arange(10) + 0.5, INDEX)


def test_one_video_as_a_whole() -> None:
    found = live()
    assert found.now.tolist() == [True, False, True]
    assert found.next.tolist() == [True, False]  # c was said to be under way, so it cannot be next
    assert found.soon == (50 + 30 + 10, 50 + 40 + 10)
    assert found.relabelled == pytest.approx(1.0)  # b in place of c from 5 to 6 s
    assert found.seconds == 10.0
    assert found.hindsight.tolist() == [True] * 4 + [False] + [True] * 5
    #                                    -      -      a, a,  b, b    c      c ...
    assert found.on_screen.tolist() == [False, False, True, True, True, True, False, True, True, True]
    assert found.delays.tolist() == [0.5, 0.5]
    assert not found.missed.any()


def test_the_figures_are_pooled_over_videos() -> None:
    assert score_live([live()]) == pytest.approx(
        {
            "now": 200 / 3,
            "next": 50.0,
            "soon": 90.0,
            "hindsight": 90.0,
            "flicker": 6.0,
            "on_screen": 70.0,
            "delay_median": 0.5,
            "delay_p95": 0.5,
            "missed": 0.0,
        }
    )
    right = Live.of(
        [tick(0.5 + t, f"a{0.5 + t}", "a60") for t in range(30)],
        spans("a30"), (Step("a", 0.0, 30.0),), np.arange(30) + 0.5, INDEX,
    )  # fmt: skip
    assert len(right.next) == 0
    both = score_live([live(), right])
    assert both["now"] == pytest.approx(100 * 32 / 33)
    assert both["flicker"] == pytest.approx(60 * 1 / 40)
    assert both["on_screen"] == pytest.approx(100 * 37 / 40)
    # Of a video in which nothing changes there is no next action, and no change to see.
    alone = score_live([right])
    assert not {"next", "missed", "delay_median", "delay_p95"} & alone.keys()
