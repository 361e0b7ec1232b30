"""Shows a running stream on the terminal: what is being done, what was done, and what comes next.

Every line is composed to the width at hand, so nothing wraps or jumps; on a low terminal the table of what
comes next gives way first. Colours and the timeline's window are those of the overlay.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.style import Style
from rich.text import Text

from actfusion_stream.views.bigtext import HEIGHT, big_text
from actfusion_stream.views.lines import BOLD, DIM, colored, fit, pack, rgb, spread
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix
from actfusion_stream.views.wording import (
    clock,
    countdown,
    percent,
    picture,
    printable,
    spoken,
    timeline_window,
)

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.timeline import Segment, Tick
    from actfusion_stream.sources.frames import SourceInfo

_REFRESH_SECONDS = 1 / 8  # faster than this nobody reads, and a refresh costs a few milliseconds
_MAX_WIDTH = 140  # beyond, the eye has to travel too far
_HATCH = "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}"
_LEGEND_ROWS = 2
_TABLE_ROWS = 7  # with its heading; a fixed height, so that what stands below does not jump as it fills
_WARNING = Style(color="yellow")


class TerminalView:
    """Draws the stream on the terminal in place, and leaves the last view standing.

    Args:
        info: the source.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        stats: counters of the stream, read at each refresh.
        note: a remark to keep in sight.
        console: where to draw; standard output if None.
    """

    lost = ""

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
        try:
            self._live.start()
            self._draw()
        except BaseException:
            with suppress(Exception):
                self._give_back()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._draw()
        finally:
            self._give_back()

    def update(self, tick: Tick | None, time: float) -> bool:
        """Draw anew unless the last drawing is too fresh; cheap enough to be called for every frame.

        Returns:
            Whether it has drawn the tick.
        """
        self._tick, self._time = tick, time
        if perf_counter() - self._drawn < _REFRESH_SECONDS:
            return False
        self._draw()
        return tick is not None

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
            bottom.append(fit(Text(self._note, _WARNING), width))
        table = self._table(width, height - len(top) - len(strip) - len(bottom) - 1)
        lines = [*top, *strip, *table, *([Text()] if table else []), *bottom]
        excess = len(lines) - height
        for i in range(len(lines) - 1, -1, -1):  # still too low a terminal: empty lines go
            if excess > 0 and not lines[i].plain:
                del lines[i]
                excess -= 1
        return [fit(Text(" ") + line, width + 1) for line in lines[:height]]

    def _draw(self) -> None:
        width, height = self._console.size
        # One row stays free for the cursor: a full screen would scroll when the view ends.
        self._live.update(Group(*self.render(width, height - 1)), refresh=True)
        self._drawn = perf_counter()

    def _give_back(self) -> None:
        """Leave the terminal as it was found: the cursor shown, standard output and error no longer taken."""
        try:
            self._live.stop()
        except Exception:
            # rich keeps what it could not write, and fails on it again: the cursor goes past it.
            if self._console.is_terminal:
                print(Control.show_cursor(True), file=self._console.file, flush=True)
            raise

    def _source_lines(self, width: int) -> list[Text]:
        name = Text.assemble((printable(self._info.name), BOLD), "  ", (picture(self._info), DIM))
        if self._info.live or not self._info.duration:
            live = Text("● live  ", Style(color="red", bold=True)) if self._info.live else Text()
            return [spread(name, live + Text(f"{clock(self._time)} so far"), width)]
        done = min(self._time / self._info.duration, 1.0)
        speed = self._stats.speed
        left = f"{clock((self._info.duration - self._time) / speed)} left" if speed > 0 else ""
        clocks = Text.assemble(
            f"{clock(self._time)} / {clock(self._info.duration)}", (f"  {left}" if left else "", DIM)
        )
        filled = round(done * width)
        bar = Text.assemble(
            ("━" * filled, colored(PAPER)), ("━" * (width - filled), colored(mix(INK, PAPER, 0.2)))
        )
        return [spread(name, clocks, width), bar]

    def _now_lines(self, width: int) -> list[Text]:
        if self._tick is None:
            label, color, caption = "warming up", GREY, Text("NOW", BOLD)
        else:
            current = self._tick.current
            label, color = spoken(current.label), self._color(current)
            behind = self._tick.seen_until - self._tick.observed_until  # the look-ahead of the features
            lasted = clock(self._time - current.start)
            since = f"for {lasted}, since {clock(current.start)}, {behind:.1f} s behind"
            caption = Text.assemble(("NOW", BOLD), f"  {percent(current.confidence)}  ", (since, DIM))
        big = big_text(label, width) or ["", label, ""][:HEIGHT]
        return [fit(caption, width), *(fit(Text(row, colored(color) + BOLD), width) for row in big)]

    def _timeline_lines(self, width: int) -> list[Text]:
        """Two rows of timeline, the past solid and the future hatched, and the scale under them."""
        scale = width / (self._window.past + self._window.future)  # columns per second
        now = round(width * self._window.past / (self._window.past + self._window.future))
        past, future = self._in_sight()
        row = Text()
        for column in range(width):
            if column == now:
                row.append("┃", colored(PAPER) + BOLD)
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
        return [row, row.copy(), fit(Text(scale_row, DIM), width)]

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
            packed = pack([self._legend_entry(label) for label in entries], width)
            if len(packed) <= _LEGEND_ROWS:
                return packed + rows[len(packed) :]
        return rows

    def _legend_entry(self, label: str) -> Text:
        return Text.assemble(("■ ", colored(self._colors.get(label, GREY))), spoken(label))

    def _table(self, width: int, rows: int) -> list[Text]:
        """What comes next, in at most `rows` lines; none if there is no room for a first entry."""
        if rows < 2:
            return []
        rows = min(rows, _TABLE_ROWS)
        columns = (max(min(self._longest + 6, width - 27), 10), 9, 9, 9)

        def line(cells: Sequence[str], style: Style, swatch: Text) -> Text:
            name = fit(Text.assemble(swatch, (cells[0], style)), columns[0])
            name.pad_right(columns[0] - name.cell_len)
            rest = "".join(cell.rjust(n) for cell, n in zip(cells[1:], columns[1:], strict=True))
            return fit(name + Text(rest, style), width)

        upcoming = self._tick.upcoming if self._tick else ()
        lines = [line(("NEXT", "starts", "lasts", "sure"), DIM, Text())]
        for i, segment in enumerate(upcoming[: rows - 1]):
            lasts = f"{segment.duration:.0f} s" if segment.duration < 60 else clock(segment.duration)
            cells = (
                spoken(segment.label),
                countdown(segment.start - self._time),
                lasts,
                percent(segment.confidence),
            )
            swatch = Text(2 * _HATCH + " ", colored(self._color(segment)))
            lines.append(line(cells, BOLD if i == 0 else Style(), swatch))
        if not upcoming:
            lines.append(fit(Text("no change in sight" if self._tick else "", DIM), width))
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
        return fit(Text(text, DIM), width)

    def _color(self, segment: Segment) -> Color:
        return self._colors.get(segment.label, GREY)


def _cell(left: tuple[Color, bool] | None, right: tuple[Color, bool] | None) -> tuple[str, Style]:
    """One column of the timeline from what holds in its two halves."""
    track = mix(INK, PAPER, 0.1)
    if (left and left[1]) or (right and right[1]):  # any half anticipated: the whole column is hatched
        color = (right or left or (GREY, True))[0]
        return _HATCH, Style(color=rgb(color), bgcolor=rgb(mix(color, INK, 0.72)))
    colors = [half[0] if half else track for half in (left, right)]
    # Background in the block's own colour: no seams between the rows, whatever the font.
    block = "▌" if left != right else "█" if left else " "
    return block, Style(color=rgb(colors[0]), bgcolor=rgb(colors[1]))
