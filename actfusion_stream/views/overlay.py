"""Draws what a tick says, to lay over the frame that a live viewer was seeing: now, next, a strip of both.

Everything sits on a scrim, the darkening towards an edge that video players use under their controls, so that
it reads on any picture and hides little of it.

The frame itself has no part in it: what is drawn are patches, each with how much of the frame shows through.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from actfusion_stream.views.due import Due
from actfusion_stream.views.layout import Column, Layout, Look, lay_out
from actfusion_stream.views.moment import UNFAMILIAR, Moment, in_hindsight, moment_of
from actfusion_stream.views.palette import GREY, INK, PAPER, Color, mix, subdued
from actfusion_stream.views.patches import Patch, over, scrim, swatch
from actfusion_stream.views.picture_strip import PictureStrip
from actfusion_stream.views.typeface import BOLD, REGULAR, Typeface
from actfusion_stream.views.wording import NOT_SURE, percent

if TYPE_CHECKING:
    from actfusion_stream.engine.timeline import Segment, Tick

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
        look: where, how large, and from which confidence on.

    Attributes:
        note: which classes cannot be named on a picture, "" where all can be.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        duration: float | None = None,
        final: Sequence[Segment] = (),
        look: Look | None = None,
    ) -> None:
        self._final = tuple(final)
        self._look = look or Look()
        self._typeface = Typeface(class_names)
        self._strip = PictureStrip(class_names, duration, self._final, self._typeface)
        self._due = Due()
        self._layout: Layout | None = None
        self._drawn: dict[str, _Drawn] = {}  # for the last frame
        self._tick: Tick | None = None  # of that frame

    @property
    def note(self) -> str:
        return "" if self._look.place == "off" else self._typeface.note

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
        if self._look.place == "off":
            return []
        if self._layout is None or (self._layout.width, self._layout.height) != (width, height):
            self._layout, self._drawn = lay_out(width, height, self._look, self._typeface), {}
        layout = self._layout
        moment = None if tick is None else moment_of(tick, time)
        if self._final:
            moment = in_hindsight(self._final, tick, time)
        coming = None if tick is None or not layout.next.lines else self._next(moment)
        patches = {}  # of a very low picture, fewer
        if layout.text[0] < layout.text[1]:
            patches["text"] = self._text_patch(layout, self._now(moment), coming)
        if layout.strip[0] < layout.strip[1]:
            patches["strip"] = self._strip_patch(layout, time, tick)
        if layout.edge[0] < layout.edge[1]:
            patches["edge"] = self._edge_patch(layout)
        if tick is not None and tick.unfamiliar:
            patches["remark"] = self._remark_patch(layout, UNFAMILIAR)
        self._drawn, self._tick = patches, tick
        return [patch for _, patch in patches.values()]

    def _again(self, name: str, looks: Hashable, draw: Callable[[], Patch]) -> _Drawn:
        """The patch of that name as it was drawn before, if it still looks so, else a new one."""
        before = self._drawn.get(name)
        return before if before is not None and before[0] == looks else (looks, draw())

    def _text_patch(self, layout: Layout, now: _Said, coming: _Said | None) -> _Drawn:
        def write(canvas: np.ndarray) -> None:
            self._write(canvas, layout, now, coming)

        def draw() -> Patch:
            return over(layout.text[0], 0, _ground(layout, layout.text), write)

        return self._again("text", (now, coming), draw)

    def _strip_patch(self, layout: Layout, time: float, tick: Tick | None) -> _Drawn:
        def draw() -> Patch:
            keep = _ground(layout, layout.strip)
            canvas = np.zeros((*keep.shape, 3), np.uint8)
            self._strip.draw(canvas, keep, layout, time, tick)
            return Patch(layout.strip[0], 0, canvas, keep)

        return self._again("strip", (self._strip.origin(layout, time), id(tick)), draw)

    def _edge_patch(self, layout: Layout) -> _Drawn:
        def draw() -> Patch:
            ground = _ground(layout, layout.edge)
            if not layout.marks_size:
                return Patch(layout.edge[0], 0, np.zeros((*ground.shape, 3), np.uint8), ground)
            return over(layout.edge[0], 0, ground, lambda canvas: self._strip.draw_marks(canvas, layout))

        return self._again("edge", (), draw)

    def _remark_patch(self, layout: Layout, remark: str) -> _Drawn:
        """In the corner that the band leaves free."""

        def draw() -> Patch:
            size, pad, margin = layout.remark_size, layout.remark_size // 2, layout.margin
            room = layout.width - 2 * margin - 2 * pad
            lines = self._typeface.wrapped(remark, room, size, REGULAR)
            across = max(self._typeface.width(line, size, REGULAR) for line in lines) + 2 * pad
            step = round(1.35 * size)
            keep = np.full((margin + step * len(lines) + pad, margin + across), 255, np.uint8)
            keep[margin:, margin:] = round(0.3 * 255)
            below = margin if layout.dark_below else 0
            if not below:
                keep = np.roll(keep, -margin, axis=0)
            keep = np.pad(keep, [(0, side % 2) for side in keep.shape], constant_values=255)
            keep = keep[: layout.height // 2, : layout.width]

            def write(canvas: np.ndarray) -> None:
                for i, line in enumerate(lines):
                    baseline = below + pad // 2 + step * i + size
                    self._typeface.draw(canvas, line, margin + pad, baseline, size, REGULAR, PAPER)

            return over(0 if below else (layout.height - keep.shape[0]) // 2 * 2, 0, keep, write)

        return self._again("remark", remark, draw)

    def _now(self, moment: Moment | None) -> _Said:
        if moment is None:
            return _Said("warming up", "", GREY)
        now, unfamiliar = moment.now, moment.tick.unfamiliar
        if not moment.named(self._look.min_confidence):
            return _Said(NOT_SURE, "", GREY, doubtful=True)
        return _Said(
            self._typeface.name(now.label), percent(now.confidence), self._strip.color(now.label), unfamiliar
        )

    def _next(self, moment: Moment | None) -> _Said | None:
        if moment is None:
            return None
        if not moment.coming:
            return _Said("no change in sight", "", None, moment.tick.unfamiliar)
        following = moment.coming[0]
        return _Said(
            self._typeface.name(following.label),
            self._due.told(moment),
            self._strip.color(following.label),
            moment.tick.unfamiliar,
        )

    def _write(self, canvas: np.ndarray, layout: Layout, now: _Said, coming: _Said | None) -> None:
        """Write what is said onto the text's rows of the band."""
        if not layout.now.lines:
            return
        type_, gap, top = self._typeface, layout.gap, layout.text[0]
        weight, ink, quiet, color = BOLD, PAPER, _QUIET, now.color or GREY
        if now.doubtful:
            weight, ink, quiet, color = REGULAR, _SUBDUED, _SUBDUED, subdued(color)
        column, aside = layout.now, layout.aside_size
        mark = _swatch_width(column, hatched=False) + gap
        taken = type_.width(now.aside, aside, REGULAR) + gap if now.aside else 0
        said = type_.broken(now.label, [width - mark for width in column.widths(taken)], column.size, weight)
        next_said = self._next_lines(layout, coming) if coming is not None else []
        of_now, of_next = layout.baselines(len(said), len(next_said))

        swatch(canvas, column.left, of_now[0] - top, column.size, color, hatched=False)
        for i, (line, baseline) in enumerate(zip(said, of_now, strict=True)):
            x = type_.draw(canvas, line, column.left + mark, baseline - top, column.size, weight, ink)
            if not i:
                type_.draw(canvas, now.aside, x + gap, baseline - top, aside, REGULAR, quiet)
        if coming is not None and next_said:
            self._write_next(canvas, layout, coming, next_said, [baseline - top for baseline in of_next])

    def _next_lines(self, layout: Layout, coming: _Said) -> list[str]:
        column = layout.next
        taken = _swatch_width(column, hatched=True) + layout.gap if coming.color is not None else 0
        taken += self._caption_width(layout, coming)
        when = self._typeface.width(coming.aside, column.size, BOLD) + layout.gap if coming.aside else 0
        widths = [width - taken for width in column.widths(when)]
        return self._typeface.broken(coming.label, widths, column.size, REGULAR)

    def _caption_width(self, layout: Layout, coming: _Said) -> int:
        """Of the word before the next action; where there is little room, its name needs it."""
        column = layout.next
        if coming.color is None or column.right - column.left < 16 * column.size:
            return 0
        return self._typeface.width("next", column.size, REGULAR) + layout.gap

    def _write_next(
        self, canvas: np.ndarray, layout: Layout, coming: _Said, said: list[str], baselines: list[int]
    ) -> None:
        type_, gap, column, size = self._typeface, layout.gap, layout.next, layout.next.size
        weight, ink, quiet = (REGULAR, _SUBDUED, _SUBDUED) if coming.doubtful else (BOLD, PAPER, _QUIET)
        x = column.left
        if coming.color is None:
            ink = quiet
        else:
            color = subdued(coming.color) if coming.doubtful else coming.color
            x += swatch(canvas, x, baselines[0], size, color, hatched=True) + gap
            if self._caption_width(layout, coming):
                x = type_.draw(canvas, "next", x, baselines[0], size, REGULAR, quiet) + gap
        for line, baseline in zip(said, baselines, strict=True):
            type_.draw(canvas, line, x, baseline, size, REGULAR, ink)
        when = type_.fit(coming.aside, column.right - column.left, size, weight)
        type_.draw(
            canvas, when, column.right - type_.width(when, size, weight), baselines[0], size, weight, ink
        )


@dataclass(frozen=True)
class _Said:
    """What a text says.

    Attributes:
        label: an action, or that there is none; `aside`, beside it, how sure it is, or when it comes.
        color: of the action; None for none.
        doubtful: it may mean nothing.
    """

    label: str
    aside: str
    color: Color | None
    doubtful: bool = False


def _swatch_width(column: Column, *, hatched: bool) -> int:
    return round(0.78 * column.size) if hatched else max(round(0.32 * column.size), 3)


def _ground(layout: Layout, rows: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8: how much the scrim keeps of the picture between two rows."""
    first, last = layout.band
    kept = scrim(last - first, layout.fade)
    if not layout.dark_below:
        kept = kept[::-1]
    return np.repeat(kept[rows[0] - first : rows[1] - first, None], layout.width, axis=1)
