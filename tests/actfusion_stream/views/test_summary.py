"""The summary at the end: what was seen, what was left out and why, what was written."""

import io

import pytest
from rich.console import Console
from sample_moment import CLASSES, PAST, console, stats, written

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.views.summary import print_summary


def test_the_summary() -> None:
    printed = console(terminal=False)
    print_summary(printed, CLASSES, PAST, stats(dropped=0), {"annotated video": "out/annotated.mp4"})
    lines = written(printed).splitlines()
    assert lines[1].split() == ["▌", "0:00", "4.0", "s", "90", "%", "background"]
    assert lines[3].split() == ["▌", "0:20", "20.0", "s", "86", "%", "cut", "tomato"]
    assert lines[-4] == "0:41 of video in 0:20 (2.0x real time), 3 segments, 0 frames dropped"
    assert lines[-3] == "left out: ticks skipped 2"
    assert lines[-2] == "ms at p50/p95/p99: prediction 33/39/40"  # no other stage was reached
    assert lines[-1] == "annotated video: out/annotated.mp4"


def test_the_summary_of_an_hour_stays_compact() -> None:
    printed = console(terminal=False)
    many = [Segment(CLASSES[i % 5], 5.0 * i, 5.0 * i + 5, 0.9) for i in range(720)]
    print_summary(printed, CLASSES, many, stats(), {})
    lines = written(printed).splitlines()
    assert "... 680 earlier segments" in lines
    assert len(lines) == 46  # with the frames dropped, and the latencies


def test_what_was_left_out_is_told_by_its_cause() -> None:
    late = stats(dropped=0)
    late.drops.update({"ticks skipped": 1, "stale": 2})
    late.gaps = 1
    printed = console(terminal=False)
    print_summary(printed, CLASSES, PAST, late, {})
    assert "left out: stale 2, ticks skipped 3, gaps 1" in written(printed).splitlines()


@pytest.mark.parametrize(("encoding", "name"), [("ascii", "k?se"), ("latin-1", "käse"), ("utf-8", "käse")])
def test_the_summary_takes_any_letters_wherever_it_goes(encoding: str, name: str) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding) as file:
        to = Console(file=file, width=80)
        seen = [Segment("cut_käse", 0.0, 5.0, 0.9), Segment("l" * 100, 5.0, 6.0, 0.9)]
        print_summary(to, CLASSES, seen, stats(), {"events": "out/\udce4\x1b[2J.jsonl"})
        file.flush()
        lines = raw.getvalue().decode(encoding).splitlines()
    assert lines[1].endswith(f"90 %  cut {name}")
    assert len(lines[2]) == 80
    assert lines[-1] == "events: out/??[2J.jsonl"
