"""The timeline on a picture: the past in solid colours, the future hatched, fainter where futures disagree.

Now is always at the same place; time slides under it. Segments are named where there is room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from actfusion_stream.views.layout import Layout
from actfusion_stream.views.moment import agreement
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix, text_color
from actfusion_stream.views.patches import TRACK, fade, hatch
from actfusion_stream.views.typeface import REGULAR, Typeface
from actfusion_stream.views.wording import timeline_window

if TYPE_CHECKING:
    from actfusion_stream.engine.timeline import Segment, Tick

_DARK = 0.62  # of ink, in every second stripe of what is anticipated
_MARK = mix(PAPER, INK, 0.35)
_MARK_STEPS = (1, 2, 5, 10, 15, 30)  # seconds
_MARK_ROOM = 9  # between marks, by the size of their text


class PictureStrip:
    """Draws the timeline.

    Args:
        class_names: the classes in the order of the checkpoint; they decide the colours.
        duration: seconds of the whole source, None for a live one; short sources get a finer strip.
        final: the final segmentation, to be drawn in the place of the past; () for none.
        typeface: writes the names.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        duration: float | None,
        final: tuple[Segment, ...],
        typeface: Typeface,
    ) -> None:
        self._colors = class_colors(class_names)
        self._columns = {name: column for column, name in enumerate(class_names)}
        self._final = final
        self._window = timeline_window(duration)
        self._typeface = typeface

    def color(self, label: str) -> Color:
        return self._colors.get(label, GREY)

    def origin(self, layout: Layout, time: float) -> int:
        """Column of the strip at which 0:00 is at `time`; all there is to its motion."""
        # Rounding absolute times, not distances from now, moves all edges together: nothing wobbles.
        return self._now(layout) - round(time * self._scale(layout))

    def draw(
        self, canvas: np.ndarray, keep: np.ndarray, layout: Layout, time: float, tick: Tick | None
    ) -> None:
        """Draw the strip and the marker of now.

        Args:
            canvas: (h, W, 3) the strip's rows of the band, black.
            keep: (h, W) how much of the picture shows through there.
            layout: of the picture.
            time: of the frame, seconds.
            tick: what was said last.
        """
        left, right = layout.span
        top, bottom = (row - layout.strip[0] for row in layout.bar)
        strip = canvas[top:bottom, left:right]
        keep[top:bottom, left:right] = 0
        width, scale, origin = right - left, self._scale(layout), self.origin(layout, time)
        now = self._now(layout)

        strip[:] = TRACK
        stripes = hatch(bottom - top, width, layout.hatch, -origin % (2 * layout.hatch))
        past, future = (tick.past, tick.future) if tick is not None else ((), ())
        ends, begins = width, 0  # of the past, and of the future
        if self._final:
            past = self._final
            ends = min(origin + round(past[-1].end * scale), now)
            begins = ends + layout.line
        shown = [(segment, False) for segment in self._window.in_sight(past, time)]
        shown += [(segment, True) for segment in self._window.in_sight(future, time)]
        for segment, anticipated in shown:
            start, end = (origin + round(t * scale) for t in (segment.start, segment.end))
            # A dark hairline before the next one.
            start, end = (
                (max(start, begins), min(end - layout.line, width))
                if anticipated
                else (max(start, 0), min(end - layout.line, ends))
            )
            if start >= end:
                continue
            color = self.color(segment.label)
            part = strip[:, start:end]
            part[:] = color
            if anticipated and tick is not None:
                part[stripes[:, start:end]] = mix(color, INK, _DARK)
                column = self._columns.get(segment.label)
                if tick.futures is not None and column is not None:
                    middles = (np.arange(start, end) + 0.5 - origin) / scale  # seconds
                    fade(part, agreement(tick, column, middles))
            self._name(
                part, layout, segment.label, color, anticipated, clear=start <= now < end, now=now - start
            )
        for gap in tick.gaps if tick is not None else ():  # holes: nothing was seen there
            start, end = (min(max(origin + round(t * scale), 0), width) for t in (gap.start, gap.end))
            strip[:, start:end] = TRACK
        for _, x in self._marks(layout):
            x = left + min(x, width - layout.line)
            notch = np.s_[bottom:] if layout.dark_below else np.s_[:top]
            canvas[notch, x : x + layout.line], keep[notch, x : x + layout.line] = _MARK, 0
        for half, color in ((2 * layout.line, INK), (layout.line, PAPER)):  # the marker of now, with its edge
            x, reach = left + now, 2 * layout.line
            marker = np.s_[max(top - reach, 0) : bottom + reach, max(x - half, 0) : x + half]
            canvas[marker], keep[marker] = color, 0

    def draw_marks(self, canvas: np.ndarray, layout: Layout) -> None:
        """Write along the edge how far from now the marked places of the strip are.

        Args:
            canvas: (h, W, 3) the edge's rows of the band.
            layout: of the picture, which has room for it.
        """
        size, (left, right) = layout.marks_size, layout.span
        for seconds, x in self._marks(layout):
            text = f"{seconds:+d} s"
            across = self._typeface.width(text, size, REGULAR)
            at = min(max(left + x - across // 2, left), right - across)
            baseline = layout.marks_baseline - layout.edge[0]
            self._typeface.draw(canvas, text, at, baseline, size, REGULAR, _MARK)

    def _marks(self, layout: Layout) -> list[tuple[int, int]]:
        """Seconds from now, and columns of the strip, of the places that are marked."""
        scale, room = self._scale(layout), _MARK_ROOM * (layout.marks_size or 12)
        step = next((step for step in _MARK_STEPS if step * scale >= room), _MARK_STEPS[-1])
        first, last = -(int(self._window.past) // step), int(self._window.future) // step
        return [(step * i, self._now(layout) + round(step * i * scale)) for i in range(first, last + 1) if i]

    def _name(
        self,
        part: np.ndarray,
        layout: Layout,
        label: str,
        color: Color,
        anticipated: bool,
        *,
        clear: bool,
        now: int,
    ) -> None:
        """Name a segment on its part of the strip, beside the marker of now, if there is room."""
        size = layout.strip_text_size
        if not size:
            return
        first = now + 3 * layout.line if clear and anticipated else 0
        last = now - 3 * layout.line if clear and not anticipated else part.shape[1]
        text, pad = self._typeface.name(label), size // 2
        across = self._typeface.width(text, size, REGULAR)
        if across + 2 * pad > last - first:
            return
        ink = text_color(color)
        if anticipated:  # on a plain ground: nobody reads a text on stripes
            plain = part[:, first + pad // 2 : first + pad + across + pad // 2]
            plain[:] = mix(color, INK, _DARK)
            ink = PAPER
        baseline = (part.shape[0] + round(0.7 * size)) // 2
        self._typeface.draw(part, text, first + pad, baseline, size, REGULAR, ink)

    def _scale(self, layout: Layout) -> float:
        """Pixels per second."""
        return (layout.span[1] - layout.span[0]) / (self._window.past + self._window.future)

    def _now(self, layout: Layout) -> int:
        """Column of the strip at which now is."""
        return round(self._window.past * self._scale(layout))
