"""Shows a running stream on the terminal: what is being done, what was done, and what comes next.

Every line is composed to the width at hand, so nothing wraps or jumps; on a low terminal the table of what
comes next gives way first, then the bars of what may be next. Colours and the timeline's window are those of
the overlay.
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
from actfusion_stream.views.lines import BOLD, DIM, colored, filled_bar, fit, pack, rgb, spread
from actfusion_stream.views.moment import UNFAMILIAR, Moment, moment_of, starts_in
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix, subdued
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
_HARDLY = 0.005  # likelier than what is said as 0 %
_BAR_ROWS = 4  # with their heading; as fixed
_TRACK = mix(INK, PAPER, 0.1)
_WARNING = Style(color="yellow")


class TerminalView:
    """Draws the stream on the terminal in place.

    Args:
        info: the source.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        stats: counters of the stream, read at each refresh.
        console: where to draw; standard output if None.
        standing: the last view is left standing.
    """

    lost = ""

    def __init__(
        self,
        info: SourceInfo,
        class_names: Sequence[str],
        stats: Stats,
        console: Console | None = None,
        *,
        standing: bool = True,
    ) -> None:
        self._info, self._stats = info, stats
        self._colors = class_colors(class_names)
        self._longest = max((len(spoken(name)) for name in class_names), default=0)
        self._window = timeline_window(info.duration)
        self._console = console or Console(highlight=False)
        self._live = Live(
            console=self._console, auto_refresh=False, vertical_overflow="crop", transient=not standing
        )
        self._moment: Moment | None = None
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
        self._moment, self._time = None if tick is None else moment_of(tick, time), time
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
        room = height - len(top) - len(strip) - 2
        bars = self._bars(width, room)
        table = self._table(width, room - len(bars))
        roomy = bars and len(bars) + len(table) < room
        ahead = [*bars, *([Text()] if roomy else []), *table]
        lines = [*top, *strip, *ahead, *([Text()] if ahead else []), self._status_line(width)]
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
        if self._moment is None:
            label, style, caption = "warming up", colored(GREY) + BOLD, Text("NOW", BOLD)
        else:
            now, tick = self._moment.now, self._moment.tick
            label, style = spoken(now.label), colored(self._color(now.label)) + BOLD
            if tick.unfamiliar:
                style = colored(subdued(self._color(now.label)))
                caption = Text.assemble(("NOW", BOLD), "  ", (UNFAMILIAR, _WARNING))
            else:
                foreseen = tick.seen_until - tick.observed_until  # the look-ahead of the features
                since = f"for {clock(self._time - now.start)}, since {clock(now.start)}"
                since += f", {foreseen:.1f} s foreseen"
                caption = Text.assemble(("NOW", BOLD), f"  {percent(now.confidence)}  ", (since, DIM))
        big = big_text(label, width) or ["", label, ""][:HEIGHT]
        return [fit(caption, width), *(fit(Text(row, style), width) for row in big)]

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
        if self._moment is None:
            return (), ()
        past, future = self._moment.tick.past, self._moment.tick.future
        return self._window.in_sight(past, self._time), self._window.in_sight(future, self._time)

    def _at(
        self, time: float, past: Sequence[Segment], future: Sequence[Segment]
    ) -> tuple[Color, bool] | None:
        """Colour at a time, and whether it is anticipated; None where nothing is known."""
        if self._moment and any(gap.start <= time < gap.end for gap in self._moment.tick.gaps):
            return None  # a hole in the timeline: nothing was seen there
        for segments, anticipated in ((past, False), (future, True)):
            for segment in segments:
                if segment.start <= time < segment.end:
                    return self._color(segment.label), anticipated
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
        return Text.assemble(("■ ", colored(self._color(label))), spoken(label))

    def _bars(self, width: int, rows: int) -> list[Text]:
        """What may be next, the likeliest first, in at most `rows` lines; none where nobody asked.

        That the current action goes on beyond the horizon stands among them, in its place.
        """
        moment = self._moment
        if rows < 2 or moment is None or moment.tick.futures is None:
            return []
        rows = min(rows, _BAR_ROWS)
        entries = [(c.probability, c.label, starts_in(c, moment.time)) for c in moment.candidates]
        if moment.candidates and moment.goes_on > _HARDLY:
            entries.append((moment.goes_on, moment.now.label, "goes on"))
        if not moment.candidates and moment.coming:  # just begun, and nobody counted from it yet
            entries.append((moment.coming[0].confidence, moment.coming[0].label, moment.next_in))
        entries.sort(key=lambda entry: -entry[0])
        length = max(min(width // 5, 20), 6)
        name_width = max(min(self._longest + 6, width - length - 19), 10)
        unfamiliar = moment.tick.unfamiliar
        heading = f"{'NEXT':<{name_width}}{'likely':<{length + 6}}{'starts':>13}"
        lines = [fit(Text(heading, DIM), width)]
        for i, (share, label, when) in enumerate(entries[: rows - 1]):
            color = subdued(self._color(label)) if unfamiliar else self._color(label)
            name = fit(Text.assemble((2 * _HATCH + " ", colored(color)), spoken(label)), name_width - 1)
            name.pad_right(name_width - name.cell_len)
            told = Text(f"{percent(share):>6}{when:>13}")
            lines.append(fit(Text.assemble(name, filled_bar(share, length, color, _TRACK), told), width))
            lines[-1].stylize(DIM if unfamiliar else BOLD if i == 0 else Style())
        if not entries:
            lines.append(fit(Text("no change in sight", DIM), width))
        return lines + [Text()] * (rows - len(lines))

    def _table(self, width: int, rows: int) -> list[Text]:
        """The likeliest course of things in at most `rows` lines; none if a first entry has no room."""
        if rows < 2:
            return []
        rows = min(rows, _TABLE_ROWS)
        columns = (max(min(self._longest + 6, width - 27), 10), 9, 9, 9)

        def line(cells: Sequence[str], style: Style, swatch: Text) -> Text:
            name = fit(Text.assemble(swatch, (cells[0], style)), columns[0])
            name.pad_right(columns[0] - name.cell_len)
            rest = "".join(cell.rjust(n) for cell, n in zip(cells[1:], columns[1:], strict=True))
            return fit(name + Text(rest, style), width)

        moment = self._moment
        several = moment is not None and moment.tick.futures is not None
        unfamiliar = moment is not None and moment.tick.unfamiliar
        coming = moment.coming if moment else ()
        lines = [line(("LIKELIEST COURSE" if several else "NEXT", "starts", "lasts", "sure"), DIM, Text())]
        for i, segment in enumerate(coming[: rows - 1]):
            lasts = f"{segment.duration:.0f} s" if segment.duration < 60 else clock(segment.duration)
            cells = (
                spoken(segment.label),
                countdown(segment.start - self._time),
                lasts,
                percent(segment.confidence),
            )
            swatch = Text(2 * _HATCH + " ", colored(self._color(segment.label)))
            style = DIM if unfamiliar else Style() if i or several else BOLD
            lines.append(line(cells, style, swatch))
        if not coming:
            lines.append(fit(Text("no change in sight" if moment else "", DIM), width))
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

    def _color(self, label: str) -> Color:
        return self._colors.get(label, GREY)


def _cell(left: tuple[Color, bool] | None, right: tuple[Color, bool] | None) -> tuple[str, Style]:
    """One column of the timeline from what holds in its two halves."""
    if (left and left[1]) or (right and right[1]):  # any half anticipated: the whole column is hatched
        color = (right or left or (GREY, True))[0]
        return _HATCH, Style(color=rgb(color), bgcolor=rgb(mix(color, INK, 0.72)))
    colors = [half[0] if half else _TRACK for half in (left, right)]
    # Background in the block's own colour: no seams between the rows, whatever the font.
    block = "▌" if left != right else "█" if left else " "
    return block, Style(color=rgb(colors[0]), bgcolor=rgb(colors[1]))
