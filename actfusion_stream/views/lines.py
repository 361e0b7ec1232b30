"""Lines of styled text, each cut to the columns there are: terminal view and summary are made of them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from actfusion_stream.views.palette import Color

_EIGHTHS = ("", *"▏▎▍▌▋▊▉")
BOLD, DIM = Style(bold=True), Style(dim=True)


def fit(text: Text, width: int) -> Text:
    """One line of at most `width` columns."""
    line = text.copy()
    line.truncate(max(width, 0), overflow="ellipsis" if width > 0 else "crop")  # "…" takes a column, too
    line.no_wrap = True
    return line


def spread(left: Text, right: Text, width: int) -> Text:
    """`left` and `right` at the two ends of a line; `left` is shortened if they meet."""
    left = fit(left, max(width - right.cell_len - 2, 0))
    left.pad_right(max(width - left.cell_len - right.cell_len, 0))
    return fit(left + right, width)


def pack(entries: Sequence[Text], width: int) -> list[Text]:
    """Fill lines of `width` columns with entries, two spaces apart."""
    lines: list[Text] = []
    for entry in entries:
        if lines and lines[-1].cell_len + 2 + entry.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], "  ", entry)
        else:
            lines.append(fit(entry, width))
    return lines


def filled_bar(share: float, width: int, color: Color, track: Color) -> Text:
    """A bar of `width` columns, filled to `share` (0..1) in eighths of a column."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    filled = ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).ljust(width)
    return Text(filled, Style(color=rgb(color), bgcolor=rgb(track)))


def colored(color: Color) -> Style:
    return Style(color=rgb(color))


def rgb(color: Color) -> str:
    """A colour as rich writes it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
