"""Shows a running stream on the terminal: what is being done, what was done, and what comes next.

Every line is composed to the width at hand, so nothing wraps or jumps; on a low terminal the table of what
comes next gives way first. Colours and the timeline's window are those of the overlay.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.style import Style
from rich.text import Text

from actfusion_stream.engine.stats import PERCENTILES, STAGES
from actfusion_stream.views.bigtext import HEIGHT, big_text
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix
from actfusion_stream.views.wording import clock, countdown, percent, spoken, timeline_window

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.timeline import Segment, Tick
    from actfusion_stream.sources.frames import SourceInfo

_REFRESH_SECONDS = 1 / 8  # faster than this nobody reads, and a refresh costs a few milliseconds
_PROGRESS_SECONDS = 30.0  # of the source, between two lines of progress in a log
_MAX_WIDTH = 140  # beyond, the eye has to travel too far
_HATCH = "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}"
_LEGEND_ROWS = 2
_TABLE_ROWS = 7  # with its heading; a fixed height, so that what stands below does not jump as it fills
_SUMMARY_ROWS = 40  # an hour of segments would push everything else off the screen
_BOLD, _DIM = Style(bold=True), Style(dim=True)
_WARNING = Style(color="yellow")


class View(Protocol):
    """What shows a running stream: a context manager that is told of every frame."""

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(self, tick: Tick | None, time: float) -> None:
        """Take note of the last tick (None before the first) and of the last frame's time in seconds."""


def open_view(
    display: str,
    info: SourceInfo,
    class_names: Sequence[str],
    stats: Stats,
    note: str = "",
    stdout_taken: bool = False,
) -> View:
    """Choose how to show a stream.

    Args:
        display: "terminal", "none", or "auto": the terminal view on a terminal, plain lines otherwise.
        info: the source.
        class_names: the classes in the order of the checkpoint.
        stats: counters of the stream, read at each refresh.
        note: a remark to keep in sight.
        stdout_taken: standard output carries data, so show everything on standard error, and plainly unless
            told otherwise.

    Returns:
        A view to enter and to update with each frame.
    """
    console = Console(stderr=stdout_taken, highlight=False)
    if display == "none":
        return SilentView()
    drawable = console.is_terminal and console.encoding.startswith("utf") and not stdout_taken
    if display == "terminal" or drawable:
        return DetachableView(TerminalView(info, class_names, stats, note, console))
    return DetachableView(PlainView(info, stats, note, console))


class SilentView:
    """Shows nothing."""

    def __enter__(self) -> SilentView:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, tick: Tick | None, time: float) -> None:
        pass


class DetachableView:
    """A view that may lose its terminal, as when a connection to another machine ends; the rest goes on.

    Args:
        view: what to show as long as somebody looks.

    Attributes:
        view: the same.
        lost: the terminal has gone away.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.lost = False

    def __enter__(self) -> DetachableView:
        self._try(self.view.__enter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._try(lambda: self.view.__exit__(kind, error, trace))

    def update(self, tick: Tick | None, time: float) -> None:
        self._try(lambda: self.view.update(tick, time))

    def _try(self, show: Callable[[], object]) -> None:
        if not self.lost:
            try:
                show()
            except BrokenPipeError:
                raise  # of a program that reads our output: nobody wants any more of it
            except OSError:
                self.lost = True


class PlainView:
    """Prints a line when the current action changes and one for every half minute of the source, for logs.

    Args:
        info: the source.
        stats: counters of the stream.
        note: a remark, printed once at the start.
        console: where to print; standard output if None.
    """

    def __init__(
        self, info: SourceInfo, stats: Stats, note: str = "", console: Console | None = None
    ) -> None:
        self._info, self._stats, self._note = info, stats, note
        self._file = console.file if console else sys.stdout
        self._label: str | None = None
        self._next_progress = _PROGRESS_SECONDS

    def __enter__(self) -> PlainView:
        self._print(f"{self._info.name}: {_describe(self._info)}")
        if self._note:
            self._print(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, tick: Tick | None, time: float) -> None:
        """Print what has changed, if anything."""
        if tick is not None and tick.current.label != self._label:
            self._label = tick.current.label
            line = f"{clock(time)}  {spoken(self._label)}, {percent(tick.current.confidence)} sure"
            if tick.upcoming:
                following = tick.upcoming[0]
                line += f"; next {spoken(following.label)} {countdown(following.start - time)}"
            self._print(line)
        if time >= self._next_progress:
            self._next_progress = (time // _PROGRESS_SECONDS + 1) * _PROGRESS_SECONDS
            of = f" of {clock(self._info.duration)}" if self._info.duration else ""
            speed = f"{self._stats.speed:.1f}x real time"
            self._print(f"{clock(time)}{of}  {speed}, {self._stats.dropped} frames dropped")

    def _print(self, line: str) -> None:
        encoding = getattr(self._file, "encoding", None) or "utf-8"
        print(line.encode(encoding, "replace").decode(encoding), file=self._file, flush=True)


class TerminalView:
    """Draws the stream on the terminal in place, and leaves the last view standing.

    Args:
        info: the source.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        stats: counters of the stream, read at each refresh.
        note: a remark to keep in sight.
        console: where to draw; standard output if None.
    """

    def __init__(
        self,
        info: SourceInfo,
        class_names: Sequence[str],
        stats: Stats,
        note: str = "",
        console: Console | None = None,
    ) -> None:
        self._info, self._stats, self._note = info, stats, note
        self._colors = class_colors(class_names)
        self._longest = max((len(spoken(name)) for name in class_names), default=0)
        self._window = timeline_window(info.duration)
        self._console = console or Console(highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, vertical_overflow="crop", transient=False
        )
        self._tick: Tick | None = None
        self._time = 0.0
        self._drawn = float("-inf")

    def __enter__(self) -> TerminalView:
        self._live.start()
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        self._live.stop()

    def update(self, tick: Tick | None, time: float) -> None:
        """Draw anew unless the last drawing is too fresh; cheap enough to be called for every frame."""
        self._tick, self._time = tick, time
        if perf_counter() - self._drawn >= _REFRESH_SECONDS:
            self._draw()

    def render(self, width: int, height: int) -> list[Text]:
        """Compose the view.

        Args:
            width: columns of the terminal.
            height: rows of the terminal.

        Returns:
            At most `height` lines, each at most `width` wide.
        """
        width = min(width, _MAX_WIDTH) - 2  # a column of air on both sides
        top = [*self._source_lines(width), Text(), *self._now_lines(width), Text()]
        strip = [*self._timeline_lines(width), *self._legend(width), Text()]
        bottom = [self._status_line(width)]
        if self._note:
            bottom.append(_line(Text(self._note, _WARNING), width))
        table = self._table(width, height - len(top) - len(strip) - len(bottom) - 1)
        lines = [*top, *strip, *table, *([Text()] if table else []), *bottom]
        excess = len(lines) - height
        for i in range(len(lines) - 1, -1, -1):  # still too low a terminal: empty lines go
            if excess > 0 and not lines[i].plain:
                del lines[i]
                excess -= 1
        return [_line(Text(" ") + line, width + 1) for line in lines[:height]]

    def _draw(self) -> None:
        width, height = self._console.size
        # One row stays free for the cursor: a full screen would scroll when the view ends.
        self._live.update(Group(*self.render(width, height - 1)), refresh=True)
        self._drawn = perf_counter()

    def _source_lines(self, width: int) -> list[Text]:
        name = Text.assemble((self._info.name, _BOLD), "  ", (_describe(self._info), _DIM))
        if self._info.live or not self._info.duration:
            live = Text("● live  ", Style(color="red", bold=True)) if self._info.live else Text()
            return [_spread(name, live + Text(f"{clock(self._time)} so far"), width)]
        done = min(self._time / self._info.duration, 1.0)
        speed = self._stats.speed
        left = f"{clock((self._info.duration - self._time) / speed)} left" if speed > 0 else ""
        clocks = Text.assemble(
            f"{clock(self._time)} / {clock(self._info.duration)}", (f"  {left}" if left else "", _DIM)
        )
        filled = round(done * width)
        bar = Text.assemble(
            ("━" * filled, _style(PAPER)), ("━" * (width - filled), _style(mix(INK, PAPER, 0.2)))
        )
        return [_spread(name, clocks, width), bar]

    def _now_lines(self, width: int) -> list[Text]:
        if self._tick is None:
            label, color, caption = "warming up", GREY, Text("NOW", _BOLD)
        else:
            current = self._tick.current
            label, color = spoken(current.label), self._color(current)
            behind = self._tick.seen_until - self._tick.observed_until  # the look-ahead of the features
            lasted = clock(self._time - current.start)
            since = f"for {lasted}, since {clock(current.start)}, {behind:.1f} s behind"
            caption = Text.assemble(("NOW", _BOLD), f"  {percent(current.confidence)}  ", (since, _DIM))
        big = big_text(label, width) or ["", label, ""][:HEIGHT]
        return [_line(caption, width), *(_line(Text(row, _style(color) + _BOLD), width) for row in big)]

    def _timeline_lines(self, width: int) -> list[Text]:
        """Two rows of timeline, the past solid and the future hatched, and the scale under them."""
        scale = width / (self._window.past + self._window.future)  # columns per second
        now = round(width * self._window.past / (self._window.past + self._window.future))
        past, future = self._in_sight()
        row = Text()
        for column in range(width):
            if column == now:
                row.append("┃", _style(PAPER) + _BOLD)
                continue
            # Each column shows two halves, so that short actions survive.
            left, right = (
                self._at(self._time + (column + half - now) / scale, past, future) for half in (0.25, 0.75)
            )
            row.append(*_cell(left, right))
        before, after = f"-{self._window.past:.0f} s", f"+{self._window.future:.0f} s"
        scale_row = (
            before + " " * (now - len(before) - 1) + "now" + " " * (width - now - 2 - len(after)) + after
        )
        return [row, row.copy(), _line(Text(scale_row, _DIM), width)]

    def _in_sight(self) -> tuple[Sequence[Segment], Sequence[Segment]]:
        """Past and future segments that the timeline's window shows."""
        if self._tick is None:
            return (), ()
        past, future = self._tick.past, self._tick.future
        return self._window.in_sight(past, self._time), self._window.in_sight(future, self._time)

    def _at(
        self, time: float, past: Sequence[Segment], future: Sequence[Segment]
    ) -> tuple[Color, bool] | None:
        """Colour at a time, and whether it is anticipated; None where nothing is known."""
        if self._tick and any(gap.start <= time < gap.end for gap in self._tick.gaps):
            return None  # a hole in the timeline: nothing was seen there
        for segments, anticipated in ((past, False), (future, True)):
            for segment in segments:
                if segment.start <= time < segment.end:
                    return self._color(segment), anticipated
        return None

    def _legend(self, width: int) -> list[Text]:
        """The classes in sight in the order of time, on rows that are always there, empty or not.

        Where not all fit, the latest of the past are kept: the table names what comes next anyway.
        """
        rows = [Text() for _ in range(_LEGEND_ROWS)]
        past, future = ([segment.label for segment in part] for part in self._in_sight())
        shown = list(dict.fromkeys((*past, *future)))
        by_importance = list(dict.fromkeys((*reversed(past), *future)))
        for kept in range(len(by_importance), 0, -1):
            entries = [label for label in shown if label in by_importance[:kept]]
            packed = _pack([self._legend_entry(label) for label in entries], width)
            if len(packed) <= _LEGEND_ROWS:
                return packed + rows[len(packed) :]
        return rows

    def _legend_entry(self, label: str) -> Text:
        return Text.assemble(("■ ", _style(self._colors.get(label, GREY))), spoken(label))

    def _table(self, width: int, rows: int) -> list[Text]:
        """What comes next, in at most `rows` lines; none if there is no room for a first entry."""
        if rows < 2:
            return []
        rows = min(rows, _TABLE_ROWS)
        columns = (max(min(self._longest + 6, width - 27), 10), 9, 9, 9)

        def line(cells: Sequence[str], style: Style, swatch: Text) -> Text:
            name = _line(Text.assemble(swatch, (cells[0], style)), columns[0])
            name.pad_right(columns[0] - name.cell_len)
            rest = "".join(cell.rjust(n) for cell, n in zip(cells[1:], columns[1:], strict=True))
            return _line(name + Text(rest, style), width)

        upcoming = self._tick.upcoming if self._tick else ()
        lines = [line(("NEXT", "starts", "lasts", "sure"), _DIM, Text())]
        for i, segment in enumerate(upcoming[: rows - 1]):
            lasts = f"{segment.duration:.0f} s" if segment.duration < 60 else clock(segment.duration)
            cells = (
                spoken(segment.label),
                countdown(segment.start - self._time),
                lasts,
                percent(segment.confidence),
            )
            swatch = Text(2 * _HATCH + " ", _style(self._color(segment)))
            lines.append(line(cells, _BOLD if i == 0 else Style(), swatch))
        if not upcoming:
            lines.append(_line(Text("no change in sight" if self._tick else "", _DIM), width))
        return lines + [Text()] * (rows - len(lines))

    def _status_line(self, width: int) -> Text:
        """Most telling first: a narrow terminal cuts the end."""
        stats = self._stats
        text = ""
        gaps = f"{stats.gaps} gap{'' if stats.gaps == 1 else 's'}"
        for separator, pace, latency in ((" · ", "real time", "latency p50/p95"), ("  ", "speed", "p50/p95")):
            text = separator.join(
                (
                    f"{stats.speed:.1f}x {pace}",
                    f"{latency} {stats.latency(50):.0f}/{stats.latency(95):.0f} ms",
                    f"{stats.dropped} dropped" + (separator + gaps if stats.gaps else ""),
                    f"{stats.frames} frames",
                    f"{stats.features} features",
                    f"{stats.ticks} ticks",
                )
            )
            if len(text) <= width:
                break
        return _line(Text(text, _DIM), width)

    def _color(self, segment: Segment) -> Color:
        return self._colors.get(segment.label, GREY)


def print_summary(
    console: Console,
    class_names: Sequence[str],
    segments: Sequence[Segment],
    stats: Stats,
    outputs: Mapping[str, str],
) -> None:
    """Print what was seen and what was written.

    Args:
        console: where to print.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        segments: the final segmentation.
        stats: counters of the finished stream.
        outputs: what was written, path by description, e.g. {"annotated video": "out/annotated.mp4"}.
    """
    colors = class_colors(class_names)
    swatch = "▌ " if console.encoding.startswith("utf") else ""
    console.print()
    hidden = max(len(segments) - _SUMMARY_ROWS, 0)
    if hidden:
        console.print(Text(f"... {hidden} earlier segments", _DIM))
    for segment in segments[hidden:]:
        times = f"{clock(segment.start):>8}  {segment.duration:6.1f} s  {percent(segment.confidence):>6}  "
        row = Text.assemble(
            (swatch, _style(colors.get(segment.label, GREY))), (times, _DIM), spoken(segment.label)
        )
        console.print(_line(row, console.width))
    console.print()
    console.print(
        f"{clock(stats.seen_until)} of video in {clock(stats.elapsed)} ({stats.speed:.1f}x real time), "
        f"{len(segments)} segments, {stats.dropped} frames dropped",
        highlight=False,
    )
    lost = [f"{cause} {count}" for cause, count in stats.drops.items() if count]
    if stats.gaps:
        lost.append(f"gaps {stats.gaps}")
    if lost:
        console.print(Text.assemble(("left out: ", _DIM), ", ".join(lost)), soft_wrap=True)
    if stats.ticks:
        stages = (
            f"{stage} " + "/".join(f"{stats.latency(percentile, stage):.0f}" for percentile in PERCENTILES)
            for stage in STAGES
        )
        names = "/".join(f"p{percentile}" for percentile in PERCENTILES)
        console.print(Text.assemble((f"ms at {names}: ", _DIM), ", ".join(stages)), soft_wrap=True)
    for what, path in outputs.items():
        console.print(Text.assemble((f"{what}: ", _DIM), path), soft_wrap=True)


def _describe(info: SourceInfo) -> str:
    rate = f", {info.rate:.4g} fps" if info.rate else ""
    return f"{info.width}x{info.height}{rate}"


def _cell(left: tuple[Color, bool] | None, right: tuple[Color, bool] | None) -> tuple[str, Style]:
    """One column of the timeline from what holds in its two halves."""
    track = mix(INK, PAPER, 0.1)
    if (left and left[1]) or (right and right[1]):  # any half anticipated: the whole column is hatched
        color = (right or left or (GREY, True))[0]
        return _HATCH, Style(color=_rgb(color), bgcolor=_rgb(mix(color, INK, 0.72)))
    colors = [half[0] if half else track for half in (left, right)]
    # Background in the block's own colour: no seams between the rows, whatever the font.
    block = "▌" if left != right else "█" if left else " "
    return block, Style(color=_rgb(colors[0]), bgcolor=_rgb(colors[1]))


def _pack(entries: Sequence[Text], width: int) -> list[Text]:
    """Fill lines of `width` columns with entries, two spaces apart."""
    lines: list[Text] = []
    for entry in entries:
        if lines and lines[-1].cell_len + 2 + entry.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], "  ", entry)
        else:
            lines.append(_line(entry, width))
    return lines


def _spread(left: Text, right: Text, width: int) -> Text:
    """`left` and `right` at the two ends of a line; `left` is shortened if they meet."""
    left = _line(left, max(width - right.cell_len - 2, 0))
    left.pad_right(max(width - left.cell_len - right.cell_len, 0))
    return _line(left + right, width)


def _line(text: Text, width: int) -> Text:
    """One line of at most `width` columns."""
    line = text.copy()
    line.truncate(max(width, 0), overflow="ellipsis")
    line.no_wrap = True
    return line


def _style(color: Color) -> Style:
    return Style(color=_rgb(color))


def _rgb(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
