"""The terminal view, read as text from a recorded console."""

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sample_moment import (
    CAMERA,
    CANDIDATES,
    CLASSES,
    FILE,
    FUTURE,
    PAST,
    SEVERAL,
    TICK,
    UNFAMILIAR,
    console,
    stats,
    written,
)

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.views.bigtext import big_text
from actfusion_stream.views.terminal import TerminalView

HATCH = "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}"


STRANGE = replace(SEVERAL, strangeness=1.5)


def view(
    width: int = 80,
    height: int = 24,
    tick: Tick | None = TICK,
    info: SourceInfo = FILE,
    time: float = 41.0,
) -> list[str]:
    """The lines of the view."""
    shown = TerminalView(info, CLASSES, stats(), console(width, height))
    shown.update(tick, time)
    return [line.plain for line in shown.render(width, height - 1)]


def line_with(lines: list[str], text: str) -> str:
    return next(line for line in lines if text in line)


@pytest.mark.parametrize(("share", "label"), [(0.86, "cut tomato"), (0.87, "not sure")])
def test_what_is_less_sure_than_asked_is_not_named(share: float, label: str) -> None:
    shown = TerminalView(FILE, CLASSES, stats(), console(80, 24), min_confidence=share)
    shown.update(TICK, 41.0)
    lines = shown.render(80, 23)
    large = big_text(label, 78)
    assert large is not None
    place = next(i for i, line in enumerate(lines) if line.plain.strip() == large[0].strip())
    assert [line.plain.strip() for line in lines[place : place + 3]] == [row.strip() for row in large]
    assert ("86 %" in lines[place - 1].plain) == (label != "not sure")
    colors = {str(span.style) for line in lines[place : place + 3] for span in line.spans}
    assert any("#80848c" in color for color in colors) == (label == "not sure")  # grey
    assert any("cut tomato" in line.plain for line in lines)  # the legend keeps it


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize(
    "tick", [TICK, None, SEVERAL, STRANGE], ids=["tick", "warming up", "several futures", "unfamiliar"]
)
def test_fits_the_terminal_and_keeps_its_height(width: int, tick: Tick | None) -> None:
    lines = view(width, 24, tick)
    assert len(lines) == 23  # one row stays free for the cursor
    assert max(map(len, lines)) <= width - 1


def test_what_is_drawn_does_not_wrap() -> None:
    drawn = console(80, 24)
    with TerminalView(FILE, CLASSES, stats(), drawn) as shown:
        shown.update(TICK, 41.0)
    last = written(drawn).split("\x1b[2K")[-1]
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", last)
    assert [line for line in plain.splitlines() if len(line) > 80] == []
    assert "cut tomato" in plain


def test_source_progress_and_time_left() -> None:
    header = view()[0]
    assert header.startswith(" kitchen.mp4  320x240, 15 fps")
    assert header.endswith("0:41 / 1:30  0:24 left")  # 49 s at twice real time
    assert view()[1] == " " + 36 * "━" + 42 * "─"


def test_a_camera_has_no_end() -> None:
    lines = view(info=CAMERA)
    assert lines[0].startswith(" camera 0  640x480, 30 fps")
    assert lines[0].endswith("● live  0:41 so far")
    assert "━" not in "".join(lines)


def test_the_current_action_with_confidence_and_since_when() -> None:
    lines = view()
    i = lines.index(line_with(lines, "NOW"))
    assert lines[i] == " NOW  86 %  for 0:21, since 0:20, 0.5 s foreseen"
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


@pytest.mark.parametrize("several", [False, True])
def test_nothing_to_come_is_said(several: bool) -> None:
    futures = SEVERAL.futures if several else None
    lines = view(tick=Tick(40.5, 40, PAST, FUTURE[:1], futures=futures))
    assert line_with(lines, "no change in sight")


def test_what_may_be_next_as_bars() -> None:
    lines = view(100, tick=SEVERAL)
    i = lines.index(line_with(lines, "NEXT"))
    assert lines[i].split() == ["NEXT", "likely", "starts"]
    rows = [re.split(r"  +", line.strip()) for line in lines[i + 1 : i + 4]]
    assert rows == [  # bars of 19 columns: 76, 38 and 19 eighths
        [2 * HATCH + " place cucumber into bowl", "█████████▌", "50 %", "in 2\N{EN DASH}6 s"],
        [2 * HATCH + " peel cucumber", "████▊", "25 %", "in 3 s"],
        [2 * HATCH + " serve salad onto plate", "██▍", "12 %", "in 7\N{EN DASH}20 s"],
    ]
    assert lines[i + 4].split() == ["LIKELIEST", "COURSE", "starts", "lasts", "sure"]
    assert re.split(r"  +", lines[i + 5])[1:] == ["in 2 s", "5 s", "64 %"]


def test_that_the_action_goes_on_stands_among_what_may_be_next() -> None:
    lines = view(100, tick=replace(SEVERAL, next=CANDIDATES[1:]))
    i = lines.index(line_with(lines, "NEXT"))
    assert re.split(r"  +", lines[i + 1].strip()) == [
        2 * HATCH + " cut tomato",
        "███████████▉",
        "62 %",
        "goes on",
    ]
    sure = (replace(CANDIDATES[0], probability=1.0),)
    assert "goes on" not in "".join(view(100, tick=replace(SEVERAL, next=sure)))


def test_on_a_narrow_terminal_bars_and_times_are_whole() -> None:
    lines = view(60, tick=SEVERAL)
    i = lines.index(line_with(lines, "NEXT"))
    assert lines[i + 1] == f" {2 * HATCH} place cucumber into bowl █████▌       50 %     in 2\N{EN DASH}6 s"
    assert lines[i + 3].endswith("12 %    in 7\N{EN DASH}20 s")


def test_what_stands_below_does_not_jump_as_futures_come_and_go() -> None:
    certain = replace(SEVERAL, next=CANDIDATES[:1])
    begun = [view(100, 30, tick, time=time) for tick, time in ((SEVERAL, 41), (certain, 41), (SEVERAL, 43.5))]
    assert len({lines.index(line_with(lines, "LIKELIEST")) for lines in begun}) == 1
    assert {len(lines) for lines in begun} == {len(begun[0])}


def test_what_has_begun_by_now_is_now_and_not_next() -> None:
    for tick in (TICK, SEVERAL):
        lines = view(tick=tick, time=43.5)
        assert lines[lines.index(line_with(lines, "NOW"))].startswith(" NOW  64 %  for 0:00, since 0:43")
        following = lines[lines.index(line_with(lines, "NEXT")) + 1]
        assert following.startswith(f" {2 * HATCH} serve salad onto plate")
        assert "in 5 s" in following
        assert "place cucumber" not in "".join(lines[lines.index(line_with(lines, "NEXT")) :])


def test_what_is_unfamiliar_is_called_so_in_the_place_of_how_sure_it_is() -> None:
    for width in (60, 100):
        lines = view(width, tick=STRANGE)
        i = lines.index(line_with(lines, "NOW"))
        assert lines[i] == " NOW  " + UNFAMILIAR
        assert lines[i + 1 :] == view(width, tick=SEVERAL)[i + 1 :]
    assert UNFAMILIAR[:20] in line_with(view(40, tick=STRANGE), "NOW")


def test_unfamiliar_labels_are_subdued() -> None:
    def styles(tick: Tick) -> list[str]:
        """Of the large label, and of the first row of bars."""
        shown = TerminalView(FILE, CLASSES, stats(), console())
        shown.update(tick, 41.0)
        lines = shown.render(80, 23)
        plain = [line.plain for line in lines]
        rows = plain.index(line_with(plain, "NOW")) + 1, plain.index(line_with(plain, "NEXT")) + 1
        return [" ".join(str(span.style) for span in lines[row].spans) for row in rows]

    assert all("bold" in style for style in styles(SEVERAL))
    assert not any("bold" in style for style in styles(STRANGE))
    assert "dim" in styles(STRANGE)[1]


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


@pytest.mark.parametrize("tick", [TICK, SEVERAL, STRANGE], ids=["tick", "several futures", "unfamiliar"])
def test_a_narrow_terminal_is_not_overrun(tick: Tick) -> None:
    for width in (10, 20, 40, 60):
        assert max(map(len, view(width, tick=tick))) <= width


def test_refreshes_at_most_eight_times_a_second() -> None:
    drawn = console()
    with TerminalView(FILE, CLASSES, stats(), drawn) as shown:
        before = len(written(drawn))
        said = [shown.update(TICK, i / 1000) for i in range(200)]
        assert len(written(drawn)) < before + 20_000
    assert said.count(True) < 20


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60), st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_no_label_overruns_the_terminal(label: str, width: int) -> None:
    """Wide letters, emoji, marks that combine, right-to-left: whatever a checkpoint may name its classes."""
    tick = Tick(41, 40.5, (Segment(label, 0, 41, 0.9),), (Segment(label * 2, 41, 60, 0.5),))
    shown = TerminalView(FILE, [label, label * 2], stats(), console(width, 24))
    shown.update(tick, 41.0)
    lines = shown.render(width, 23)
    assert len(lines) <= 23
    assert max(line.cell_len for line in lines) <= width


def test_the_name_of_a_file_is_harmless() -> None:
    info = replace(FILE, name="k\udce4se\n\x1b[2J.mp4")
    assert view(info=info)[0].startswith(" k?se??[2J.mp4  320x240, 15 fps")


def test_an_error_beside_the_view_leaves_the_last_view_and_the_cursor() -> None:
    drawn = console()
    with pytest.raises(RuntimeError), TerminalView(FILE, CLASSES, stats(), drawn):
        raise RuntimeError
    assert "2.0x speed" in written(drawn).split("\x1b[2K")[-1]
    assert written(drawn).endswith("\x1b[?25h")


# -- a wide terminal


def test_a_wide_terminal_has_what_was_done_beside_what_comes() -> None:
    lines = view(140, 32, SEVERAL)
    heading = line_with(lines, "DONE")
    assert heading.split() == ["NEXT", "likely", "starts", "DONE", "began", "lasted", "sure"]
    first, second = lines[lines.index(heading) + 1 :][:2]
    column = heading.index("DONE")
    assert first[column:] == "██ peel cucumber                0:04    16 s    95 %"
    assert second[column:] == "██ background                   0:00     4 s    90 %"
    assert "in 2\N{EN DASH}6 s" in first
    assert not [line for line in view(100, 32, SEVERAL) if "DONE" in line]


def test_what_lasts_no_second_is_not_listed() -> None:
    coming = (FUTURE[0], Segment("peel_cucumber", 43, 43.4, 0.3), *FUTURE[1:])
    lines = view(80, 32, replace(TICK, future=coming))
    assert not [line for line in lines if "peel cucumber" in line and " 0 s" in line]
    assert [line.split()[1] for line in lines if line.startswith(f" {HATCH}{HATCH} ")] == ["place", "serve"]


# -- without colours


def colorless(width: int = 80, tick: Tick = SEVERAL) -> list[str]:
    to = Console(file=io.StringIO(), width=width, height=24, force_terminal=True, no_color=True)
    shown = TerminalView(FILE, CLASSES, stats(), to)
    shown.update(tick, 41.0)
    return [line.plain for line in shown.render(width, 23)]


def test_without_colours_classes_are_letters_and_the_future_is_hatched() -> None:
    lines = colorless()
    upper = next(i for i, line in enumerate(lines) if "┃" in line)
    past, future = lines[upper].strip().split("┃")
    assert re.fullmatch("A+C+B+", past)
    assert re.fullmatch("B*D+E+", future)
    solid, hatched = lines[upper + 1].strip().split("┃")
    assert (set(solid) - {HATCH}, set(hatched)) == ({"█"}, {HATCH})
    legend = " ".join(lines[upper + 3 : upper + 5])
    for entry in ("A background", "B cut tomato", "C peel cucumber", "D place cucumber into bowl"):
        assert entry in legend
    assert line_with(lines, "50 %").startswith(" D  place cucumber into bowl")
