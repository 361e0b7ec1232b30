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
from actfusion_stream.views.due import Due
from actfusion_stream.views.lines import BOLD, DIM, colored, filled_bar, fit, spread
from actfusion_stream.views.moment import UNFAMILIAR, Moment, moment_of, starts_in
from actfusion_stream.views.palette import GREY, INK, PAPER, mix, subdued
from actfusion_stream.views.strip import TRACK, Strip
from actfusion_stream.views.wording import (
    NOT_SURE,
    clock,
    countdown,
    percent,
    picture,
    printable,
    spoken,
)

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.timeline import Segment, Tick
    from actfusion_stream.sources.frames import SourceInfo

_REFRESH_SECONDS = 1 / 8  # faster than this nobody reads, and a refresh costs a few milliseconds
_MAX_WIDTH = 140  # beyond, the eye has to travel too far
_TWO_COLUMNS = 112  # from here on there is room for what was done beside what comes
_COLUMN_GAP = 4
_TABLE_ROWS = 7  # with its heading; a fixed height, so that what stands below does not jump as it fills
_HARDLY = 0.005  # likelier than what is said as 0 %
_BAR_ROWS = 4  # with their heading; as fixed
_WARNING = Style(color="yellow")


class TerminalView:
    """Draws the stream on the terminal in place.

    Args:
        info: the source.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        stats: counters of the stream, read at each refresh.
        console: where to draw; standard output if None.
        standing: the last view is left standing.
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.
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
        min_confidence: float = 0.0,
    ) -> None:
        self._min_confidence = min_confidence
        self._info, self._stats = info, stats
        self._longest = max((len(spoken(name)) for name in class_names), default=0)
        self._console = console or Console(highlight=False)
        in_color = self._console.color_system is not None and not self._console.no_color
        self._strip = Strip(class_names, info.duration, in_color)
        self._live = Live(
            console=self._console, auto_refresh=False, vertical_overflow="crop", transient=not standing
        )
        self._due, self._next_in = Due(), ""
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
        self._next_in = self._due.told(self._moment) if self._moment and self._moment.coming else ""
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
        strip = [
            *self._strip.rows(self._moment, self._time, width),
            *self._strip.legend(self._moment, self._time, width),
            Text(),
        ]
        ahead = self._ahead(width, height - len(top) - len(strip) - 2)
        lines = [*top, *strip, *ahead, *([Text()] if ahead else []), self._status_line(width)]
        excess = len(lines) - height
        for i in range(len(lines) - 1, -1, -1):  # still too low a terminal: empty lines go
            if excess > 0 and not lines[i].plain:
                del lines[i]
                excess -= 1
        return [fit(Text(" ") + line, width + 1) for line in lines[:height]]

    def _ahead(self, width: int, rows: int) -> list[Text]:
        """What comes, in at most `rows` lines; on a wide terminal what was done stands beside it."""
        left = width if width < _TWO_COLUMNS else (width - _COLUMN_GAP) * 5 // 9
        bars = self._bars(left, rows)
        table = self._table(left, rows - len(bars))
        roomy = bars and len(bars) + len(table) < rows
        lines = [*bars, *([Text()] if roomy else []), *table]
        if left == width or not lines:
            return lines
        history = self._history(width - left - _COLUMN_GAP, len(lines))
        for line in lines:
            line.pad_right(left + _COLUMN_GAP - line.cell_len)
        return [line + done for line, done in zip(lines, history, strict=True)]

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
        begins = self._info.begins
        done = min((self._time - begins) / max(self._info.duration - begins, 1e-6), 1.0)
        speed = self._stats.speed
        left = f"{clock((self._info.duration - self._time) / speed)} left" if speed > 0 else ""
        clocks = Text.assemble(
            f"{clock(self._time)} / {clock(self._info.duration)}", (f"  {left}" if left else "", DIM)
        )
        filled = round(done * width)
        bar = Text.assemble(
            ("━" * filled, colored(PAPER)), ("─" * (width - filled), colored(mix(INK, PAPER, 0.2)))
        )
        return [spread(name, clocks, width), bar]

    def _now_lines(self, width: int) -> list[Text]:
        if self._moment is None:
            label, style, caption = "warming up", colored(GREY) + BOLD, Text("NOW", BOLD)
        elif not self._moment.named(self._min_confidence):
            label, style, caption = NOT_SURE, colored(GREY), Text("NOW", BOLD)
            if self._moment.tick.unfamiliar:
                caption = Text.assemble(caption, "  ", (UNFAMILIAR, _WARNING))
        else:
            now, tick = self._moment.now, self._moment.tick
            label, style = spoken(now.label), colored(self._strip.color(now.label)) + BOLD
            if tick.unfamiliar:
                style = colored(subdued(self._strip.color(now.label)))
                caption = Text.assemble(("NOW", BOLD), "  ", (UNFAMILIAR, _WARNING))
            else:
                foreseen = tick.seen_until - tick.observed_until  # the look-ahead of the features
                since = f"for {clock(self._time - now.start)}, since {clock(now.start)}"
                since += f", {foreseen:.1f} s foreseen"
                caption = Text.assemble(("NOW", BOLD), f"  {percent(now.confidence)}  ", (since, DIM))
        big = big_text(label, width) or ["", label, ""][:HEIGHT]
        return [fit(caption, width), *(fit(Text(row, style), width) for row in big)]

    def _bars(self, width: int, rows: int) -> list[Text]:
        """What may be next, the likeliest first, in at most `rows` lines; none where nobody asked.

        That the current action goes on beyond the horizon stands among them, in its place.
        """
        moment = self._moment
        if rows < 2 or moment is None or moment.tick.futures is None:
            return []
        rows = min(rows, _BAR_ROWS)
        following = moment.coming[0].label if moment.coming else ""
        entries = [
            (c.probability, c.label, self._next_in if c.label == following else starts_in(c, moment.time))
            for c in moment.candidates
        ]
        if moment.goes_on > _HARDLY:
            entries.append((moment.goes_on, moment.now.label, "goes on"))
        if not moment.candidates and moment.coming:  # just begun, and nobody counted from it yet
            entries.append((moment.coming[0].confidence, moment.coming[0].label, self._next_in))
        entries.sort(key=lambda entry: -entry[0])
        length = max(min(width // 5, 20), 6)
        name_width = max(min(self._longest + 6, width - length - 19), 10)
        unfamiliar = moment.tick.unfamiliar
        heading = f"{'NEXT':<{name_width}}{'likely':<{length + 6}}{'starts':>13}"
        lines = [fit(Text(heading, DIM), width)]
        for i, (share, label, when) in enumerate(entries[: rows - 1]):
            color = subdued(self._strip.color(label)) if unfamiliar else self._strip.color(label)
            name = fit(Text.assemble(self._strip.swatch(label, color), spoken(label)), name_width - 1)
            name.pad_right(name_width - name.cell_len)
            told = Text(f"{percent(share):>6}{when:>13}")
            lines.append(fit(Text.assemble(name, filled_bar(share, length, color, TRACK), told), width))
            lines[-1].stylize(DIM if unfamiliar else BOLD if i == 0 else Style())
        if not entries:
            lines.append(fit(Text("no change in sight", DIM), width))
        return lines + [Text()] * (rows - len(lines))

    def _table(self, width: int, rows: int) -> list[Text]:
        """The likeliest course of things in at most `rows` lines; none if a first entry has no room."""
        if rows < 2:
            return []
        rows = min(rows, _TABLE_ROWS)
        columns = (max(min(self._longest + 6, width - 28), 10), 12, 8, 8)

        def line(cells: Sequence[str], style: Style, swatch: Text) -> Text:
            name = fit(Text.assemble(swatch, (cells[0], style)), columns[0])
            name.pad_right(columns[0] - name.cell_len)
            rest = "".join(cell.rjust(n) for cell, n in zip(cells[1:], columns[1:], strict=True))
            return fit(name + Text(rest, style), width)

        moment = self._moment
        several = moment is not None and moment.tick.futures is not None
        unfamiliar = moment is not None and moment.tick.unfamiliar
        coming = [segment for segment in moment.coming if round(segment.duration)] if moment else []
        lines = [line(("LIKELIEST COURSE" if several else "NEXT", "starts", "lasts", "sure"), DIM, Text())]
        for i, segment in enumerate(coming[: rows - 1]):
            late = self._due.past and moment is not None and segment is moment.coming[0]
            cells = (
                spoken(segment.label),
                self._next_in if late else countdown(segment.start - self._time),
                _lasting(segment),
                percent(segment.confidence),
            )
            style = DIM if unfamiliar else Style() if i or several else BOLD
            lines.append(line(cells, style, self._strip.swatch(segment.label)))
        if not coming:
            lines.append(fit(Text("no change in sight" if moment else "", DIM), width))
        return lines + [Text()] * (rows - len(lines))

    def _history(self, width: int, rows: int) -> list[Text]:
        """What was done before the current action, the newest first, in so many lines."""
        past = self._moment.tick.past[:-1] if self._moment else ()
        name_width = max(min(self._longest + 4, width - 24), 10)
        lines = [fit(Text(f"{'DONE':<{name_width}}{'began':>8}{'lasted':>8}{'sure':>8}", DIM), width)]
        for segment in reversed(past):
            if len(lines) == rows:
                break
            if not round(segment.duration):
                continue
            name = Text.assemble(self._strip.swatch(segment.label, done=True), spoken(segment.label))
            name = fit(name, name_width - 1)
            name.pad_right(name_width - name.cell_len)
            told = f"{clock(segment.start):>8}{_lasting(segment):>8}{percent(segment.confidence):>8}"
            lines.append(fit(name + Text(told), width))
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


def _lasting(segment: Segment) -> str:
    return f"{segment.duration:.0f} s" if segment.duration < 60 else clock(segment.duration)
