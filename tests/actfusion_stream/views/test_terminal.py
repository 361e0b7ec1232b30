"""The terminal view, read as text from a recorded console; and the plain one, as a log keeps it."""

import errno
import io
import re
from collections import Counter

import pytest
from rich.console import Console

from actfusion_stream.engine.stats import PREDICTION, Stats
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.views.terminal import (
    DetachableView,
    PlainView,
    SilentView,
    TerminalView,
    open_view,
    print_summary,
)

CLASSES = ["background", "cut_tomato", "peel_cucumber", "place_cucumber_into_bowl", "serve_salad_onto_plate"]
PAST = (
    Segment("background", 0, 4, 0.9),
    Segment("peel_cucumber", 4, 20, 0.95),
    Segment("cut_tomato", 20, 40, 0.86),
)
FUTURE = (
    Segment("cut_tomato", 40, 43, 0.7),
    Segment("place_cucumber_into_bowl", 43, 48, 0.64),
    Segment("serve_salad_onto_plate", 48, 118, 0.52),
)
TICK = Tick(seen_until=40.5, observed_until=40.0, past=PAST, future=FUTURE)
FILE = SourceInfo("kitchen.mp4", 320, 240, 90.0, 15.0, live=False, has_audio=True)
CAMERA = SourceInfo("camera 0", 640, 480, None, 30.0, live=True, has_audio=False)
HATCH = "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}"
NOTE = "demo model: labels here mean nothing"


def console(width: int = 80, height: int = 24, terminal: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
    )


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def stats(dropped: int = 3) -> Stats:
    drops = Counter({"stale": dropped, "ticks skipped": 2})
    counted = Stats(frames=1350, features=675, ticks=90, drops=drops, seen_until=41.0)
    counted.started -= 20.5
    for milliseconds in (30.0, 33.0, 40.0):
        counted.add_latency(PREDICTION, milliseconds)
    return counted


def view(
    width: int = 80, height: int = 24, tick: Tick | None = TICK, info: SourceInfo = FILE, note: str = NOTE
) -> list[str]:
    """The lines of the view at 41 s."""
    shown = TerminalView(info, CLASSES, stats(), note, console(width, height))
    shown.update(tick, 41.0)
    return [line.plain for line in shown.render(width, height - 1)]


def line_with(lines: list[str], text: str) -> str:
    return next(line for line in lines if text in line)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("tick", [TICK, None], ids=["tick", "warming up"])
def test_fits_the_terminal_and_keeps_its_height(width: int, tick: Tick | None) -> None:
    lines = view(width, 24, tick)
    assert len(lines) == 23  # one row stays free for the cursor
    assert max(map(len, lines)) <= width - 1


def test_what_is_drawn_does_not_wrap() -> None:
    drawn = console(80, 24)
    with TerminalView(FILE, CLASSES, stats(), NOTE, drawn) as shown:
        shown.update(TICK, 41.0)
    last = written(drawn).split("\x1b[2K")[-1]
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last)
    assert [line for line in plain.splitlines() if len(line) > 80] == []
    assert NOTE in plain


def test_source_progress_and_time_left() -> None:
    header = view()[0]
    assert header.startswith(" kitchen.mp4  320x240, 15 fps")
    assert header.endswith("0:41 / 1:30  0:24 left")  # 49 s at twice real time
    filled = Console(width=80).render_str(view()[1]).plain.count("━")
    assert filled == 78


def test_a_camera_has_no_end() -> None:
    lines = view(info=CAMERA)
    assert lines[0].startswith(" camera 0  640x480, 30 fps")
    assert lines[0].endswith("● live  0:41 so far")
    assert "━" not in "".join(lines)


def test_the_current_action_with_confidence_and_since_when() -> None:
    lines = view()
    i = lines.index(line_with(lines, "NOW"))
    assert lines[i] == " NOW  86 %  for 0:21, since 0:20, 0.5 s behind"
    assert lines[i + 1].startswith(" ▗▄▖▖ ▖▄▄▖")  # CUT


def test_what_cannot_be_set_large_is_still_said() -> None:
    label = "place_the_finely_chopped_cucumber_into_bowl"
    assert line_with(
        view(tick=Tick(5, 5, (Segment(label, 0, 5, 1),), ())), "place the finely chopped cucumber into bowl"
    )


def test_the_timeline_has_past_now_and_future() -> None:
    row = line_with(view(), "┃")
    # 78 columns for 60 s of past and 30 s of future: now is column 52; the last 1 s has not been observed.
    assert row.index("┃") == 1 + 52
    assert row[53 - 34 : 52] == "█" * 33
    assert row[54:64] == 10 * HATCH
    assert line_with(view(), "+30 s").split() == ["-60", "s", "now", "+30", "s"]


def test_the_legend_names_what_is_in_sight_in_the_order_of_time() -> None:
    legend = " ".join(line for line in view(140) if "■" in line)
    assert re.findall(r"■ (.*?)(?=  |$)", legend) == [
        "background",
        "peel cucumber",
        "cut tomato",
        "place cucumber into bowl",
        "serve salad onto plate",
    ]


def test_the_table_of_what_comes_next() -> None:
    lines = view()
    i = lines.index(line_with(lines, "NEXT"))
    assert lines[i].split() == ["NEXT", "starts", "lasts", "sure"]
    assert lines[i + 1].split("  ")[0].strip() == 2 * HATCH + " place cucumber into bowl"
    assert re.split(r"  +", lines[i + 1])[1:] == ["in 2 s", "5 s", "64 %"]
    assert re.split(r"  +", lines[i + 2])[1:] == ["in 7 s", "1:10", "52 %"]


def test_nothing_to_come_is_said() -> None:
    assert line_with(view(tick=Tick(40.5, 40, PAST, FUTURE[:1])), "no change in sight")


def test_the_status_line() -> None:
    assert line_with(view(100), "ticks") == (
        " 2.0x real time · latency p50/p95 33/39 ms · 3 dropped · 1350 frames · 675 features · 90 ticks"
    )
    assert line_with(view(80), "ticks") == (
        " 2.0x speed  p50/p95 33/39 ms  3 dropped  1350 frames  675 features  90 ticks"
    )


@pytest.mark.parametrize("height", [22, 18, 14, 10, 5, 2])
def test_a_low_terminal_loses_the_table_first(height: int) -> None:
    lines = view(height=height)
    assert len(lines) <= height - 1
    text = "\n".join(lines)
    assert ("NEXT" in text) == (height >= 22)
    if height >= 14:
        assert "NOW" in text
        assert "┃" in text
        assert "ticks" in text


def test_a_narrow_terminal_is_not_overrun() -> None:
    for width in (10, 20, 40, 60):
        assert max(map(len, view(width))) <= width


def test_refreshes_at_most_eight_times_a_second() -> None:
    drawn = console()
    with TerminalView(FILE, CLASSES, stats(), "", drawn) as shown:
        before = len(written(drawn))
        for i in range(200):
            shown.update(TICK, i / 1000)
        assert len(written(drawn)) < before + 20_000


def test_the_plain_view_is_a_readable_log() -> None:
    log = console(terminal=False)
    counted = stats(dropped=0)
    with PlainView(FILE, counted, NOTE, log) as shown:
        shown.update(None, 0.0)
        shown.update(Tick(2, 2, PAST[:1], ()), 2.0)
        for time in (29.9, 30.1, 41.0, 41.1, 60.0, 60.1):
            shown.update(TICK, time)
    assert written(log).splitlines() == [
        "kitchen.mp4: 320x240, 15 fps",
        "demo model: labels here mean nothing",
        "0:02  background, 90 % sure",
        "0:29  cut tomato, 86 % sure; next place cucumber into bowl in 14 s",
        "0:30 of 1:30  2.0x real time, 0 frames dropped",
        "1:00 of 1:30  2.0x real time, 0 frames dropped",
    ]


def test_the_display_is_chosen_by_where_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = stats()

    def chosen(display: str, stdout_taken: bool = False) -> type:
        view = open_view(display, FILE, CLASSES, counted, stdout_taken=stdout_taken)
        return type(view.view if isinstance(view, DetachableView) else view)

    assert chosen("auto") is PlainView  # pytest's stdout is no terminal
    assert chosen("none") is SilentView
    assert chosen("terminal") is TerminalView
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any output for a terminal
    assert chosen("auto") is TerminalView
    assert chosen("auto", stdout_taken=True) is PlainView


def test_a_terminal_that_goes_away_is_noticed_and_left_alone() -> None:
    class Gone(SilentView):
        asked = 0

        def update(self, tick: Tick | None, time: float) -> None:
            self.asked += 1
            raise OSError(errno.EIO, "Input/output error")

    gone = Gone()
    with DetachableView(gone) as shown:
        for _ in range(3):
            shown.update(None, 0.0)
    assert shown.lost
    assert gone.asked == 1


def test_data_on_standard_output_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view("auto", FILE, CLASSES, stats(), stdout_taken=True) as shown:
        shown.update(TICK, 41.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "cut tomato" in captured.err


def test_the_silent_view_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view("none", FILE, CLASSES, stats()) as shown:
        shown.update(TICK, 41.0)
    assert capsys.readouterr() == ("", "")


def test_the_summary() -> None:
    printed = console(terminal=False)
    print_summary(printed, CLASSES, PAST, stats(dropped=0), {"annotated video": "out/annotated.mp4"})
    lines = written(printed).splitlines()
    assert lines[1].split() == ["▌", "0:00", "4.0", "s", "90", "%", "background"]
    assert lines[3].split() == ["▌", "0:20", "20.0", "s", "86", "%", "cut", "tomato"]
    assert lines[-4] == "0:41 of video in 0:20 (2.0x real time), 3 segments, 0 frames dropped"
    assert lines[-3] == "left out: ticks skipped 2"
    assert lines[-2].startswith("ms at p50/p95/p99: feature 0/0/0, prediction ")
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
