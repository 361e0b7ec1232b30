"""Where on a picture the overlay puts what: a dark band along its lower or upper edge.

The band is never higher than 22 % of the picture. Within that, text is as large as suits the picture, and as
lets the names of all classes be read as they are: now and next stand side by side or one above the other, on
a line or on two.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actfusion_stream.views.typeface import BOLD, REGULAR, Typeface

BAND = 0.22  # of the height
SIZES = {"small": 0.75, "medium": 1.0, "large": 1.4}
# Heights by how large the text of now is, which is 1.
_NEXT, _ASIDE, _MARKS, _STRIP, _STRIP_TEXT = 0.7, 0.66, 0.4, 0.5, 0.36
_LEADING = 1.22  # from line to line
_FADE, _GAP, _EDGE = 0.4, 0.32, 0.22
_SHARES = (1.0, 0.85, 0.72, 0.6)  # of the size that suits the picture, which are tried for long names
_SMALLEST, _SMALLEST_NEXT, _SMALLEST_ALONE, _SMALLEST_MARKS = (
    11,
    9,
    8,
    9,
)  # pixels; what is less cannot be read
_LONGEST_ASIDES = "100 %", "in 10\N{EN DASH}20 s"


@dataclass(frozen=True)
class Look:
    """How the overlay is to look.

    Attributes:
        place: of the dark band, "bottom" or "top"; "off" for nothing at all.
        size: of its text, "small", "medium" or "large", as far as there is room.
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.
    """

    place: str = "bottom"
    size: str = "medium"
    min_confidence: float = 0.0


@dataclass(frozen=True)
class Column:
    """Room for what is said.

    Attributes:
        left, right: in pixels.
        lines: how many there is room for.
        size: of the text, pixels.
        step: from line to line.
    """

    left: int
    right: int
    lines: int
    size: int
    step: int

    def widths(self, taken: int) -> list[int]:
        """Pixels of each line, of the first without what is taken."""
        line = self.right - self.left
        return [line - taken, *[line] * (self.lines - 1)]


@dataclass(frozen=True)
class Layout:
    """Where things go on pictures of one size, in pixels.

    Attributes:
        text, strip, edge: rows of the three parts of the band, from row to row, at even ones, because colours
            are stored for two rows at once; `edge` holds the marks.
        fade: rows over which the band darkens.
        dark_below: it darkens downwards.
        now, next: what is said; `next` has no lines where there is no room for it.
        beside: one beside the other, else one above the other.
        text_begins: row at which text begins that stands next to the strip: from there it goes away from it.
        span: left and right of the strip.
        bar: its rows.
        marks_baseline: of the marks of time; 0 without.
        aside_size, marks_size, strip_text_size: of texts; 0 where there is none.
        remark_size, margin: of the remark in the free corner.
        gap: between texts.
        line: half the width of the marker of now.
        hatch: width of a stripe of what is anticipated.
    """

    width: int
    height: int
    text: tuple[int, int]
    strip: tuple[int, int]
    edge: tuple[int, int]
    fade: int
    dark_below: bool
    now: Column
    next: Column
    beside: bool
    text_begins: int
    span: tuple[int, int]
    bar: tuple[int, int]
    marks_baseline: int
    aside_size: int
    marks_size: int
    strip_text_size: int
    remark_size: int
    margin: int
    gap: int
    line: int
    hatch: int

    @property
    def band(self) -> tuple[int, int]:
        """First row of the band, and the one after its last."""
        return min(self.text[0], self.edge[0]), max(self.text[1], self.edge[1])

    def baselines(self, now: int, following: int) -> tuple[list[int], list[int]]:
        """Rows on which so many lines of now and of next stand, as close to the strip as can be."""
        step, drop = self.now.step, round(0.25 * self.now.size)
        if self.beside:
            following_step, height = step, 0
        else:
            following_step, height = self.next.step, self.next.step * following
        top = self.text_begins - step * now - height if self.dark_below else self.text_begins
        of_now = [top + step * (i + 1) - drop for i in range(now)]
        if self.beside:
            first = (of_now[-1] - step * (following - 1)) if self.dark_below else of_now[0]
        else:
            first = top + step * now + following_step - round(0.25 * self.next.size)
        return of_now, [first + following_step * i for i in range(following)]


def lay_out(width: int, height: int, look: Look, typeface: Typeface) -> Layout:
    """Lay out a picture.

    Args:
        width, height: of the picture, even.
        look: how it is to look.
        typeface: knows the names that have to be read.
    """
    # Sizes grow slower than the picture, because people sit closer to a big one.
    wanted = 18 * (min(width, height) / 240) ** 0.7 * SIZES[look.size]
    room = int(BAND * height) // 2 * 2
    made = [
        _arranged(width, height, room, share * wanted, look, beside, lines)
        for beside, lines in ((True, 1), (False, 1), (True, 2), (False, 2))
        for share in _SHARES
    ]
    readable = [one for one in made if one.now.size >= _SMALLEST and one.next.size >= _SMALLEST_NEXT]
    if not readable:
        alone = _arranged(width, height, room, wanted, look, beside=False, lines=1, alone=True)
        if alone.now.size >= _SMALLEST_ALONE:
            return alone
        return _arranged(width, height, room, wanted, look, beside=False, lines=0, alone=True)
    whole = [one for one in readable if _holds(one, typeface.names(), typeface)]
    if whole:
        return max(whole, key=lambda one: (one.now.size, one.band[0] - one.band[1]))
    return max(readable, key=_capacity)


def _holds(layout: Layout, names: Iterable[str], typeface: Typeface) -> bool:
    """Whether all names can be written as they are, now and next."""
    columns = (
        (layout.now, BOLD, _LONGEST_ASIDES[0], layout.aside_size, REGULAR),
        (layout.next, REGULAR, _LONGEST_ASIDES[1], layout.next.size, BOLD),
    )
    for column, weight, aside, size, aside_weight in columns:
        taken = typeface.width(aside, size, aside_weight) + layout.gap
        swatch = column.size + layout.gap
        widths = [width - swatch for width in column.widths(taken)]
        if not all(typeface.fits(name, widths, column.size, weight) for name in names):
            return False
    return True


def _capacity(layout: Layout) -> float:
    """Letters of the next action that there is room for, about."""
    column = layout.next
    return (column.right - column.left) * column.lines / column.size


def _arranged(
    width: int,
    height: int,
    room: int,
    wanted: float,
    look: Look,
    beside: bool,
    lines: int,
    alone: bool = False,
) -> Layout:
    """One way to do it: now and next beside or above each other, on so many lines each; or now alone."""
    stacked = not beside and not alone
    text_rows = lines * _LEADING + (lines * _LEADING * _NEXT if stacked else 0)
    plain = _FADE + text_rows + _GAP + _STRIP + _EDGE
    unit = min(wanted, room / plain)
    marks_size = round(_MARKS * unit)
    if marks_size >= _SMALLEST_MARKS:
        unit = min(wanted, room / (plain + _MARKS * _LEADING))
        marks_size = round(_MARKS * unit)
    marks_size = marks_size if marks_size >= _SMALLEST_MARKS else 0

    # From the edge inwards.
    margin = max(round(0.5 * unit), 3)
    edge = max(round(_EDGE * unit), 1)
    marks = round(_LEADING * marks_size)
    bar = max(round(_STRIP * unit), 3)
    line = max(round(0.06 * unit), 1)
    gap = max(round(_GAP * unit), 2)
    size, next_size = max(int(unit), 1), max(int(_NEXT * unit), 1)
    step, next_step = round(_LEADING * size), round(_LEADING * next_size)
    up = look.place == "bottom"

    def row(distance: int) -> int:
        """The row that far from the edge."""
        return height - distance if up else distance

    bar_near, bar_far = edge + marks, edge + marks + bar
    bar_rows = (row(bar_far), row(bar_near)) if up else (row(bar_near), row(bar_far))
    reach = 2 * line  # of the marker of now, beyond the strip
    strip_near = max(bar_near - reach, 0) // 2 * 2
    strip_far = min(-(-(bar_far + reach) // 2) * 2, room)
    text_height = step * lines + (next_step * lines if stacked else 0)
    band = min(-(-(strip_far + gap + text_height + round(_FADE * unit)) // 2) * 2, room)

    def span(near: int, far: int) -> tuple[int, int]:
        return (row(far), row(near)) if up else (row(near), row(far))

    middle = width // 2
    return Layout(
        width=width,
        height=height,
        text=span(strip_far, band),
        strip=span(strip_near, strip_far),
        edge=span(0, strip_near),
        # The outermost line begins or ends within it: letters leave more room above them than below.
        fade=max(band - strip_far - gap - text_height, 1) + (size // 3 if up else next_size // 6),
        dark_below=up,
        now=Column(margin, (middle if beside else width) - margin, lines, size, step),
        next=Column(
            middle if beside else margin, width - margin, 0 if alone else lines, next_size, next_step
        ),
        beside=beside,
        text_begins=row(strip_far + gap),
        span=(margin, width - margin),
        bar=bar_rows,
        marks_baseline=(row(edge) - round(0.1 * marks_size) if up else edge + round(0.78 * marks_size))
        if marks_size
        else 0,
        aside_size=max(round(_ASIDE * size), 7),
        marks_size=marks_size,
        strip_text_size=round(_STRIP_TEXT * unit) if _STRIP_TEXT * unit >= _SMALLEST_MARKS else 0,
        remark_size=max(round(0.58 * unit), 9),
        margin=margin,
        gap=gap,
        line=line,
        hatch=max(round(0.17 * unit), 2),
    )
