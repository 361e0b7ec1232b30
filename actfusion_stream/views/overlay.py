"""Draws what a tick says over the frame that a live viewer was seeing: now, next, and a strip of both sides.

Everything sits on a scrim, the darkening towards the lower edge that video players use under their controls,
so that it reads on any picture and hides little of it. The strip has the past in solid colours, the future
hatched, fainter where several futures disagree, and now always at the same place; time slides under it. Text
is drawn by OpenCV 5's own font engine with its built-in typeface (Rubik): a line costs about 0.03 ms, so
nothing needs caching but the scrim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from actfusion_stream.views.moment import UNFAMILIAR, Moment, agreement, moment_of
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, class_colors, mix, subdued, text_color
from actfusion_stream.views.wording import percent, spoken, timeline_window

if TYPE_CHECKING:
    from actfusion_stream.engine.timeline import Segment, Tick

_BOLD, _REGULAR = 600, 400  # font weights
_QUIET = mix(PAPER, INK, 0.25)  # second-rank text
_SUBDUED = mix(PAPER, INK, 0.4)  # text that may mean nothing
_TRACK = mix(INK, PAPER, 0.08)  # the strip where nothing is known
_FAINTEST = 0.15  # opacity of what no sampled future agrees with: still to be told from nothing
_SCRIM_END = (
    0.24  # what is left of the picture's brightness under the text: PAPER on white still contrasts 8:1
)


class Overlay:
    """Draws ticks over frames of any size.

    Args:
        class_names: the classes in the order of the checkpoint; they decide the colours.
        duration: seconds of the whole source, None for a live one; short sources get a finer strip.
    """

    def __init__(self, class_names: Sequence[str], duration: float | None = None) -> None:
        self._colors = class_colors(class_names)
        self._columns = {name: column for column, name in enumerate(class_names)}
        self._window = timeline_window(duration)
        self._font = cv2.FontFace("sans")

    def draw(self, image: np.ndarray, time: float, tick: Tick | None) -> np.ndarray:
        """Draw `tick` over the frame shown at `time`.

        Args:
            image: (H, W, 3) uint8 RGB; left as it is.
            time: presentation time of the frame, seconds of the source. Countdown and strip count from it.
            tick: the last tick made of frames up to `time`; None before the first.

        Returns:
            (H, W, 3) uint8 RGB, a new image.
        """
        canvas = np.array(image, order="C")
        layout = _layout(canvas.shape[0], canvas.shape[1])
        below = canvas[layout.scrim_top :]
        cv2.multiply(below, _scrim(*below.shape[:2], layout.fade), dst=below, scale=1 / 255)
        moment = None if tick is None else moment_of(tick, time)
        self._draw_now(canvas, layout, moment)
        if moment is not None and layout.next_baseline:
            self._draw_next(canvas, layout, moment)
        self._draw_strip(canvas, layout, time, tick)
        if tick is not None and tick.unfamiliar:
            self._draw_remark(canvas, layout, UNFAMILIAR)
        return canvas

    def _draw_now(self, canvas: np.ndarray, layout: _Layout, moment: Moment | None) -> None:
        weight, ink, quiet, color = _BOLD, PAPER, _QUIET, GREY
        label, sure = "warming up", ""
        if moment is not None:
            label, sure = spoken(moment.now.label), percent(moment.now.confidence)
            color = self._color(moment.now)
            if moment.tick.unfamiliar:
                weight, ink, quiet, color = _REGULAR, _SUBDUED, _SUBDUED, subdued(color)
        left, right = layout.now_span
        size, gap = layout.label_size, layout.gap
        x = left + _swatch(canvas, left, layout.now_baseline, size, color, hatched=False) + gap
        sure_width = self._width(sure, layout.small_size, _REGULAR) + gap
        label = self._fit(label, right - x - sure_width, size, weight)
        x = self._text(canvas, label, x, layout.now_baseline, size, weight, ink)
        self._text(canvas, sure, x + gap, layout.now_baseline, layout.small_size, _REGULAR, quiet)

    def _draw_next(self, canvas: np.ndarray, layout: _Layout, moment: Moment) -> None:
        left, right = layout.next_span
        size, gap, baseline = layout.next_size, layout.gap, layout.next_baseline
        unfamiliar = moment.tick.unfamiliar
        weight, ink, quiet = (_REGULAR, _SUBDUED, _SUBDUED) if unfamiliar else (_BOLD, PAPER, _QUIET)
        if not moment.coming:
            text = self._fit("no change in sight", right - left, size, _REGULAR)
            self._text(canvas, text, left, baseline, size, _REGULAR, quiet)
            return
        following = moment.coming[0]
        when = self._fit(moment.next_in, right - left, size, weight)
        when_left = right - self._width(when, size, weight)
        color = subdued(self._color(following)) if unfamiliar else self._color(following)
        x = left + _swatch(canvas, left, baseline, size, color, hatched=True) + gap
        if right - left > 12 * size:  # on less, the label needs the room
            x = self._text(canvas, "next", x, baseline, size, _REGULAR, quiet) + gap
        label = self._fit(spoken(following.label), when_left - gap - x, size, _REGULAR)
        self._text(canvas, label, x, baseline, size, _REGULAR, ink)
        self._text(canvas, when, when_left, baseline, size, weight, ink)

    def _draw_strip(self, canvas: np.ndarray, layout: _Layout, time: float, tick: Tick | None) -> None:
        left, right = layout.strip_span
        top, bottom = layout.strip_top, layout.strip_bottom
        strip = canvas[top:bottom, left:right]
        width = right - left
        scale = width / (self._window.past + self._window.future)  # pixels per second
        now = round(width * self._window.past / (self._window.past + self._window.future))
        # Rounding absolute times, not distances from now, moves all edges together: nothing wobbles.
        origin = now - round(time * scale)

        strip[:] = _TRACK
        hatch = _hatch(bottom - top, width, layout.hatch, -origin % (2 * layout.hatch))
        past, future = (tick.past, tick.future) if tick is not None else ((), ())
        shown = [(segment, False) for segment in self._window.in_sight(past, time)]
        shown += [(segment, True) for segment in self._window.in_sight(future, time)]
        for segment, anticipated in shown:
            start, end = (origin + round(t * scale) for t in (segment.start, segment.end))
            start, end = max(start, 0), min(end - layout.line, width)  # a dark hairline before the next one
            if start >= end:
                continue
            color = self._color(segment)
            part = strip[:, start:end]
            part[:] = color
            if anticipated and tick is not None:
                part[hatch[:, start:end]] = mix(color, INK, 0.62)
                column = self._columns.get(segment.label)
                if tick.futures is not None and column is not None:
                    middles = (np.arange(start, end) + 0.5 - origin) / scale  # seconds
                    _fade(part, agreement(tick, column, middles))
            elif layout.strip_text_size:
                self._draw_strip_label(part, layout, spoken(segment.label), text_color(color))
        for gap in tick.gaps if tick is not None else ():  # holes: nothing was seen there
            start, end = (min(max(origin + round(t * scale), 0), width) for t in (gap.start, gap.end))
            strip[:, start:end] = _TRACK
        x, reach = left + now, 2 * layout.line
        cv2.rectangle(
            canvas, (x - 2 * layout.line, top - reach), (x + 2 * layout.line - 1, bottom + reach - 1), INK, -1
        )
        cv2.rectangle(
            canvas, (x - layout.line, top - reach), (x + layout.line - 1, bottom + reach - 1), PAPER, -1
        )

    def _draw_strip_label(self, part: np.ndarray, layout: _Layout, label: str, color: Color) -> None:
        size = layout.strip_text_size
        if self._width(label, size, _REGULAR) + size <= part.shape[1]:
            baseline = (part.shape[0] + round(0.7 * size)) // 2
            self._text(part, label, size // 2, baseline, size, _REGULAR, color)

    def _draw_remark(self, canvas: np.ndarray, layout: _Layout, remark: str) -> None:
        size, pad = layout.remark_size, layout.remark_size // 2
        margin = layout.now_span[0]
        lines = self._wrap(remark, canvas.shape[1] - 2 * margin - 2 * pad, size)
        width = max(self._width(line, size, _REGULAR) for line in lines) + 2 * pad
        step = round(1.35 * size)
        box = canvas[margin : margin + step * len(lines) + pad, margin : margin + width]
        box[:] = (0.3 * box).astype(np.uint8)
        for i, line in enumerate(lines):
            baseline = margin + pad // 2 + step * i + size
            self._text(canvas, line, margin + pad, baseline, size, _REGULAR, PAPER)

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
class _Layout:
    """Where things go on a picture of one size, in pixels; spans are (left, right)."""

    scrim_top: int
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
    scrim_top = max(now_baseline - round(2.1 * label_size), 0)
    return _Layout(
        scrim_top=scrim_top,
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
        line=max(round(unit), 1),
        hatch=max(round(3 * unit), 2),
    )


@lru_cache(maxsize=4)
def _scrim(height: int, width: int, fade: int) -> np.ndarray:
    """(height, width, 3) uint8 factors in 1/255 for the picture, falling within the first `fade` rows."""
    ramp = np.clip(np.arange(height) / max(fade, 1), 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)  # smoothstep: no visible edge at either end
    factor = np.rint(255 * (1 - (1 - _SCRIM_END) * ramp)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(factor[:, None, None], (height, width, 3)))


def _hatch(height: int, width: int, stripe: int, phase: int) -> np.ndarray:
    """(height, width) bool: diagonal stripes as wide as their gaps, shifted left by `phase` pixels."""
    diagonal = np.arange(height)[:, None] + np.arange(phase, phase + width)
    return diagonal % (2 * stripe) >= stripe


def _fade(part: np.ndarray, agreed: np.ndarray) -> None:
    """Let the track show through a (H, W, 3) part of the strip, the more the lower `agreed` is, (W,)."""
    opacity = (_FAINTEST + (1 - _FAINTEST) * agreed)[None, :, None]
    part[:] = np.rint(_TRACK + opacity * (part - np.array(_TRACK, np.float64)))


def _swatch(canvas: np.ndarray, x: int, baseline: int, size: int, color: Color, hatched: bool) -> int:
    """Draw a class's colour beside text of `size`, a bar or a hatched square, and return its width."""
    height = round(0.78 * size)
    width = height if hatched else max(round(0.32 * size), 3)
    bar = canvas[max(baseline - height, 0) : baseline, x : x + width]
    bar[:] = color
    if hatched:
        bar[_hatch(bar.shape[0], bar.shape[1], max(round(0.15 * size), 2), 0)] = mix(color, INK, 0.62)
    return width
