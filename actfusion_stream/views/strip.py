"""The timeline on a terminal, and the legend under it: in colours, or where there are none in letters."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.views.lines import BOLD, DIM, colored, fit, pack, rgb
from actfusion_stream.views.moment import Moment
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix
from actfusion_stream.views.wording import spoken, timeline_window

HATCH = "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}"
TRACK = mix(INK, PAPER, 0.1)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_LEGEND_ROWS = 2
_Look = tuple[str, bool]  # label, and whether it is anticipated


class Strip:
    """Draws what was done and what comes, a colour or a letter for each class.

    Args:
        class_names: the classes in the order of the checkpoint; they decide colours and letters.
        duration: seconds of the whole source; None for a live one.
        in_color: there are colours; else a class is told by its letter, and the future by its texture.
    """

    def __init__(self, class_names: Sequence[str], duration: float | None, in_color: bool = True) -> None:
        self._colors = class_colors(class_names)
        self._letters = {name: _LETTERS[i % len(_LETTERS)] for i, name in enumerate(class_names)}
        self._window = timeline_window(duration)
        self._in_color = in_color

    def color(self, label: str) -> Color:
        return self._colors.get(label, GREY)

    def swatch(self, label: str, color: Color | None = None, *, done: bool = False) -> Text:
        """What stands before a class in a list: three columns, its colour or its letter.

        Args:
            label: the class.
            color: instead of its own.
            done: it is of the past, so solid as there.
        """
        if not self._in_color:
            return Text(f"{self._letters.get(label, '?')}  ")
        return Text(2 * ("█" if done else HATCH) + " ", colored(color or self.color(label)))

    def rows(self, moment: Moment | None, time: float, width: int) -> list[Text]:
        """Two rows of timeline, the past solid and the future hatched, and the scale under them."""
        scale = width / (self._window.past + self._window.future)  # columns per second
        now = round(width * self._window.past / (self._window.past + self._window.future))
        past, future = self._in_sight(moment, time)
        upper, lower = Text(), Text()
        for column in range(width):
            if column == now:
                upper.append("┃", colored(PAPER) + BOLD)
                lower.append("┃", colored(PAPER) + BOLD)
                continue
            # Each column shows two halves, so that short actions survive.
            left, right = (
                _look(moment, time + (column + half - now) / scale, past, future) for half in (0.25, 0.75)
            )
            if self._in_color:
                cell = self._cell(left, right)
                upper.append(*cell)
                lower.append(*cell)
            else:
                shown = right or left
                upper.append(self._letters.get(shown[0], "?") if shown else " ")
                lower.append(" " if shown is None else HATCH if shown[1] else "█")
        before, after = f"-{self._window.past:.0f} s", f"+{self._window.future:.0f} s"
        marks = before + " " * (now - len(before) - 1) + "now" + " " * (width - now - 2 - len(after)) + after
        return [upper, lower, fit(Text(marks, DIM), width)]

    def legend(self, moment: Moment | None, time: float, width: int) -> list[Text]:
        """The classes in sight in the order of time, on rows that are always there, empty or not.

        Where not all fit, the latest of the past are kept: the table names what comes next anyway.
        """
        rows = [Text() for _ in range(_LEGEND_ROWS)]
        past, future = ([segment.label for segment in part] for part in self._in_sight(moment, time))
        shown = list(dict.fromkeys((*past, *future)))
        by_importance = list(dict.fromkeys((*reversed(past), *future)))
        for kept in range(len(by_importance), 0, -1):
            entries = [label for label in shown if label in by_importance[:kept]]
            packed = pack([self._entry(label) for label in entries], width)
            if len(packed) <= _LEGEND_ROWS:
                return packed + rows[len(packed) :]
        return rows

    def _entry(self, label: str) -> Text:
        mark = "■" if self._in_color else self._letters.get(label, "?")
        return Text.assemble((f"{mark} ", colored(self.color(label))), spoken(label))

    def _in_sight(self, moment: Moment | None, time: float) -> tuple[Sequence[Segment], Sequence[Segment]]:
        """Past and future segments that the window shows."""
        if moment is None:
            return (), ()
        past, future = moment.tick.past, moment.tick.future
        return self._window.in_sight(past, time), self._window.in_sight(future, time)

    def _cell(self, left: _Look | None, right: _Look | None) -> tuple[str, Style]:
        """One column of the timeline from what holds in its two halves."""
        if (left and left[1]) or (right and right[1]):  # any half anticipated: the whole column is hatched
            shown = right or left
            color = self.color(shown[0]) if shown else GREY
            return HATCH, Style(color=rgb(color), bgcolor=rgb(mix(color, INK, 0.72)))
        colors = [self.color(half[0]) if half else TRACK for half in (left, right)]
        # Background in the block's own colour: no seams between the rows, whatever the font.
        block = "▌" if left != right else "█" if left else " "
        return block, Style(color=rgb(colors[0]), bgcolor=rgb(colors[1]))


def _look(
    moment: Moment | None, time: float, past: Sequence[Segment], future: Sequence[Segment]
) -> _Look | None:
    """What holds at a time; None where nothing is known."""
    if moment and any(gap.start <= time < gap.end for gap in moment.tick.gaps):
        return None  # a hole in the timeline: nothing was seen there
    for segments, anticipated in ((past, False), (future, True)):
        for segment in segments:
            if segment.start <= time < segment.end:
                return segment.label, anticipated
    return None
