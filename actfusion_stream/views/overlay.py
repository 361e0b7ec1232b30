"""Draws what a tick says, to lay over the frame that a live viewer was seeing: now, next, a strip of both.

Everything sits on a scrim, the darkening towards the lower edge that video players use under their controls,
so that it reads on any picture and hides little of it. The strip has the past in solid colours, the future
hatched, fainter where several futures disagree, and now always at the same place; time slides under it. Text
is drawn by OpenCV 5's own font engine with its built-in typeface (Rubik).

The frame itself has no part in it: what is drawn are patches, each with how much of the frame shows through.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from actfusion_stream.views.moment import UNFAMILIAR, Moment, agreement, in_hindsight, moment_of
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix, subdued, text_color
from actfusion_stream.views.patches import TRACK, Patch, fade, hatch, over, scrim, swatch
from actfusion_stream.views.wording import percent, spoken, timeline_window

if TYPE_CHECKING:
    from actfusion_stream.engine.timeline import Segment, Tick

_BOLD, _REGULAR = 600, 400  # font weights
_QUIET = mix(PAPER, INK, 0.25)  # second-rank text
_SUBDUED = mix(PAPER, INK, 0.4)  # text that may mean nothing

_Drawn = tuple[Hashable, Patch]  # what a patch says, and the patch


class Overlay:
    """Draws ticks for frames of any size.

    Args:
        class_names: the classes in the order of the checkpoint; they decide the colours.
        duration: seconds of the whole source, None for a live one; short sources get a finer strip.
        final: the final segmentation, to draw it in the place of what ticks say of now and of the past; ()
            for what a live viewer saw.
    """

    def __init__(
        self, class_names: Sequence[str], duration: float | None = None, final: Sequence[Segment] = ()
    ) -> None:
        self._final = tuple(final)
        self._colors = class_colors(class_names)
        self._columns = {name: column for column, name in enumerate(class_names)}
        self._window = timeline_window(duration)
        self._font = cv2.FontFace("sans")
        self._drawn: dict[str, _Drawn] = {}  # for the last frame
        self._tick: Tick | None = None  # of that frame

    def draw(self, width: int, height: int, time: float, tick: Tick | None) -> list[Patch]:
        """Draw `tick` for the frame shown at `time`.

        Args:
            width, height: of the frame, even.
            time: presentation time of the frame, seconds of the source. Countdown and strip count from it.
            tick: the last tick made of frames up to `time`; None before the first.

        Returns:
            What to lay over the frame, at even places, in even sizes. A patch that looks as it did for the
            frame before is the same object.
        """
        layout = _layout(height, width)
        moment = None if tick is None else moment_of(tick, time)
        if self._final:
            moment = in_hindsight(self._final, tick, time)
        coming = None if tick is None else self._next(moment)
        patches = {
            "text": self._text_patch(layout, width, self._now(moment), coming),
            "strip": self._strip_patch(layout, width, time, tick),
        }
        if layout.strip_ends < layout.bottom:
            patches["margin"] = self._margin_patch(layout, width)
        if tick is not None and tick.unfamiliar:
            patches["remark"] = self._remark_patch(layout, width, height, UNFAMILIAR)
        self._drawn, self._tick = patches, tick
        return [patch for _, patch in patches.values()]

    def _again(self, name: str, looks: Hashable, draw: Callable[[], Patch]) -> _Drawn:
        """The patch of that name as it was drawn before, if it still looks so, else a new one."""
        before = self._drawn.get(name)
        return before if before is not None and before[0] == looks else (looks, draw())

    def _text_patch(self, layout: _Layout, width: int, now: _Said, coming: _Said | None) -> _Drawn:
        def write(canvas: np.ndarray) -> None:
            self._draw_now(canvas, layout, now)
            if coming is not None and layout.next_baseline:
                self._draw_next(canvas, layout, coming)

        def draw() -> Patch:
            return over(
                layout.scrim_top, 0, _ground(layout, width, layout.scrim_top, layout.strip_begins), write
            )

        return self._again("text", (layout, width, now, coming), draw)

    def _strip_patch(self, layout: _Layout, width: int, time: float, tick: Tick | None) -> _Drawn:
        left, right = layout.strip_span
        scale = (right - left) / (self._window.past + self._window.future)  # pixels per second
        now = round((right - left) * self._window.past / (self._window.past + self._window.future))
        # Rounding absolute times, not distances from now, moves all edges together: nothing wobbles.
        origin = now - round(time * scale)

        def draw() -> Patch:
            keep = _ground(layout, width, layout.strip_begins, layout.strip_ends)
            canvas = np.zeros((*keep.shape, 3), np.uint8)
            self._draw_strip(canvas, keep, layout, origin, now, time, tick)
            return Patch(layout.strip_begins, 0, canvas, keep)

        return self._again("strip", (layout, width, origin, id(tick)), draw)

    def _margin_patch(self, layout: _Layout, width: int) -> _Drawn:
        def draw() -> Patch:
            keep = _ground(layout, width, layout.strip_ends, layout.bottom)
            return Patch(layout.strip_ends, 0, np.zeros((*keep.shape, 3), np.uint8), keep)

        return self._again("margin", (layout, width), draw)

    def _remark_patch(self, layout: _Layout, width: int, height: int, remark: str) -> _Drawn:
        def draw() -> Patch:
            size, pad, margin = layout.remark_size, layout.remark_size // 2, layout.now_span[0]
            lines = self._wrap(remark, width - 2 * margin - 2 * pad, size)
            across = max(self._width(line, size, _REGULAR) for line in lines) + 2 * pad
            step = round(1.35 * size)
            keep = np.full((margin + step * len(lines) + pad, margin + across), 255, np.uint8)
            keep = np.pad(keep, [(0, side % 2) for side in keep.shape], constant_values=255)
            keep[margin : margin + step * len(lines) + pad, margin : margin + across] = round(0.3 * 255)

            def write(canvas: np.ndarray) -> None:
                for i, line in enumerate(lines):
                    baseline = margin + pad // 2 + step * i + size
                    self._text(canvas, line, margin + pad, baseline, size, _REGULAR, PAPER)

            return over(0, 0, keep[:height, :width], write)

        return self._again("remark", (layout, width, height, remark), draw)

    def _now(self, moment: Moment | None) -> _Said:
        if moment is None:
            return _Said("warming up", "", GREY)
        now = moment.now
        return _Said(spoken(now.label), percent(now.confidence), self._color(now), moment.tick.unfamiliar)

    def _next(self, moment: Moment | None) -> _Said | None:
        if moment is None:
            return None
        if not moment.coming:
            return _Said("no change in sight", "", None, moment.tick.unfamiliar)
        following = moment.coming[0]
        return _Said(spoken(following.label), moment.next_in, self._color(following), moment.tick.unfamiliar)

    def _draw_now(self, canvas: np.ndarray, layout: _Layout, now: _Said) -> None:
        weight, ink, quiet, color = _BOLD, PAPER, _QUIET, now.color or GREY
        if now.doubtful:
            weight, ink, quiet, color = _REGULAR, _SUBDUED, _SUBDUED, subdued(color)
        left, right = layout.now_span
        size, gap, baseline = layout.label_size, layout.gap, layout.now_baseline - layout.scrim_top
        x = left + swatch(canvas, left, baseline, size, color, hatched=False) + gap
        sure_width = self._width(now.aside, layout.small_size, _REGULAR) + gap
        label = self._fit(now.label, right - x - sure_width, size, weight)
        x = self._text(canvas, label, x, baseline, size, weight, ink)
        self._text(canvas, now.aside, x + gap, baseline, layout.small_size, _REGULAR, quiet)

    def _draw_next(self, canvas: np.ndarray, layout: _Layout, coming: _Said) -> None:
        left, right = layout.next_span
        size, gap, baseline = layout.next_size, layout.gap, layout.next_baseline - layout.scrim_top
        weight, ink, quiet = (_REGULAR, _SUBDUED, _SUBDUED) if coming.doubtful else (_BOLD, PAPER, _QUIET)
        if coming.color is None:
            text = self._fit(coming.label, right - left, size, _REGULAR)
            self._text(canvas, text, left, baseline, size, _REGULAR, quiet)
            return
        when = self._fit(coming.aside, right - left, size, weight)
        when_left = right - self._width(when, size, weight)
        color = subdued(coming.color) if coming.doubtful else coming.color
        x = left + swatch(canvas, left, baseline, size, color, hatched=True) + gap
        if right - left > 12 * size:  # on less, the label needs the room
            x = self._text(canvas, "next", x, baseline, size, _REGULAR, quiet) + gap
        label = self._fit(coming.label, when_left - gap - x, size, _REGULAR)
        self._text(canvas, label, x, baseline, size, _REGULAR, ink)
        self._text(canvas, when, when_left, baseline, size, weight, ink)

    def _draw_strip(
        self,
        canvas: np.ndarray,
        keep: np.ndarray,
        layout: _Layout,
        origin: int,
        now: int,
        time: float,
        tick: Tick | None,
    ) -> None:
        left, right = layout.strip_span
        top, bottom = layout.strip_top - layout.strip_begins, layout.strip_bottom - layout.strip_begins
        strip = canvas[top:bottom, left:right]
        keep[top:bottom, left:right] = 0
        width = right - left
        scale = width / (self._window.past + self._window.future)

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
            color = self._color(segment)
            part = strip[:, start:end]
            part[:] = color
            if anticipated and tick is not None:
                part[stripes[:, start:end]] = mix(color, INK, 0.62)
                column = self._columns.get(segment.label)
                if tick.futures is not None and column is not None:
                    middles = (np.arange(start, end) + 0.5 - origin) / scale  # seconds
                    fade(part, agreement(tick, column, middles))
            elif layout.strip_text_size:
                self._draw_strip_label(part, layout, spoken(segment.label), text_color(color))
        for gap in tick.gaps if tick is not None else ():  # holes: nothing was seen there
            start, end = (min(max(origin + round(t * scale), 0), width) for t in (gap.start, gap.end))
            strip[:, start:end] = TRACK
        for half, color in ((2 * layout.line, INK), (layout.line, PAPER)):  # the marker of now, with its edge
            x, reach = left + now, 2 * layout.line
            marker = np.s_[max(top - reach, 0) : bottom + reach, max(x - half, 0) : x + half]
            canvas[marker], keep[marker] = color, 0

    def _draw_strip_label(self, part: np.ndarray, layout: _Layout, label: str, color: Color) -> None:
        size = layout.strip_text_size
        if self._width(label, size, _REGULAR) + size <= part.shape[1]:
            baseline = (part.shape[0] + round(0.7 * size)) // 2
            self._text(part, label, size // 2, baseline, size, _REGULAR, color)

    def _color(self, segment: Segment) -> Color:
        return self._colors.get(segment.label, GREY)

    def _text(
        self, canvas: np.ndarray, text: str, x: int, baseline: int, size: int, weight: int, color: Color
    ) -> int:
        """Draw one line and return the x at which it ends."""
        if text:
            cv2.putText(canvas, text, (x, baseline), color, self._font, size, weight)
        return x + self._width(text, size, weight)

    def _width(self, text: str, size: int, weight: int) -> int:
        x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), self._font, size, weight)
        return int(x + width)

    def _fit(self, text: str, width: int, size: int, weight: int) -> str:
        """Shorten `text` at its end until it is at most `width` pixels wide; empty if nothing fits."""
        if self._width(text, size, weight) <= width:
            return text
        for length in range(len(text) - 1, 0, -1):
            short = text[:length].rstrip() + "…"
            if self._width(short, size, weight) <= width:
                return short
        return ""

    def _wrap(self, text: str, width: int, size: int) -> list[str]:
        """Break `text` at spaces into lines of at most `width` pixels."""
        lines: list[str] = []
        for word in text.split():
            longer = f"{lines[-1]} {word}" if lines else word
            if lines and self._width(longer, size, _REGULAR) <= width:
                lines[-1] = longer
            else:
                lines.append(self._fit(word, width, size, _REGULAR))
        return lines


@dataclass(frozen=True)
class _Said:
    """What a line of text says.

    Attributes:
        label: an action, or that there is none; `aside`, beside it, how sure it is, or when it comes.
        color: of the action; None for none.
        doubtful: it may mean nothing.
    """

    label: str
    aside: str
    color: Color | None
    doubtful: bool = False


@dataclass(frozen=True)
class _Layout:
    """Where things go on a picture of one size, in pixels; spans are (left, right)."""

    bottom: int
    scrim_top: int  # even, as `strip_begins`: colours are stored for two rows at once
    strip_begins: int  # where the text ends
    strip_ends: int
    fade: int  # rows over which the scrim darkens
    now_span: tuple[int, int]
    now_baseline: int
    next_span: tuple[int, int]
    next_baseline: int  # 0: no room for what comes next
    strip_span: tuple[int, int]
    strip_top: int
    strip_bottom: int
    label_size: int
    next_size: int
    small_size: int
    remark_size: int
    strip_text_size: int  # 0: the strip is too thin for text
    gap: int
    line: int  # half the width of the now marker
    hatch: int


@lru_cache(maxsize=4)
def _layout(height: int, width: int) -> _Layout:
    """Lay out a picture: sizes grow slower than the picture, because people sit closer to a big one."""
    unit = (min(height, width) / 240) ** 0.7
    margin = max(round(9 * unit), 3)
    label_size, next_size = max(round(19 * unit), 11), max(round(12.5 * unit), 9)
    strip_bottom = height - margin
    strip_top = strip_bottom - max(round(11 * unit), 5)
    text_bottom = strip_top - max(round(10 * unit), 5)
    side_by_side = width / unit > 480
    roomy = height >= 160
    now_baseline = text_bottom if side_by_side or not roomy else text_bottom - round(1.55 * next_size)
    middle = width // 2
    scrim_top = max(now_baseline - round(2.1 * label_size), 0) // 2 * 2
    line = max(round(unit), 1)
    return _Layout(
        bottom=height,
        scrim_top=scrim_top,
        strip_begins=max(strip_top - 2 * line, 0) // 2 * 2,
        strip_ends=min(-(-(strip_bottom + 2 * line) // 2) * 2, height),
        fade=now_baseline - round(0.9 * label_size) - scrim_top,
        now_span=(margin, middle - margin if side_by_side else width - margin),
        now_baseline=now_baseline,
        next_span=(middle if side_by_side else margin, width - margin),
        next_baseline=text_bottom if roomy else 0,
        strip_span=(margin, width - margin),
        strip_top=strip_top,
        strip_bottom=strip_bottom,
        label_size=label_size,
        next_size=next_size,
        small_size=next_size,
        remark_size=max(round(10.5 * unit), 9),
        strip_text_size=round(6.5 * unit) if unit > 1.8 else 0,
        gap=max(round(6 * unit), 3),
        line=line,
        hatch=max(round(3 * unit), 2),
    )


def _ground(layout: _Layout, width: int, top: int, bottom: int) -> np.ndarray:
    """(h, w) uint8: how much the scrim keeps of the picture between two rows."""
    rows = scrim(layout.bottom - layout.scrim_top, layout.fade)
    return np.repeat(rows[top - layout.scrim_top : bottom - layout.scrim_top, None], width, axis=1)
