"""The picture of a stream: segmentations as bars, anticipation at a few times, the triangle of all ticks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actfusion_stream.views.palette import class_colors, text_color

from .foreseen import UNSAID, foreseen, triangle
from .replay import Replay, Span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 11.0  # inches
_BAR, _TRIANGLE, _LEGEND = 0.34, 4.2, 0.23  # inches of a bar, the triangle, a line of the legend
_AROUND = 1.1  # inches of titles, axes and margins
_AXES = 9.6  # inches of the axes, nearly
_LETTER = 0.058  # inches of a letter in a bar
_PALE = 0.55  # of white in what is anticipated
_SIZE = (480, 1200)  # of the triangle: times of saying, times of the video
_INK, _SOFT = "#1b1f24", "#6b727c"
# Letters of many scripts: the first that are there.
_FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans Arabic", "Noto Sans Hebrew")

Color = tuple[float, float, float]


def draw(replay: Replay, truth: Sequence[Span] | None, times: Sequence[float]) -> Figure:
    """One figure of everything.

    Args:
        replay: the stream.
        truth: what was done; None if nobody knows.
        times: seconds at which the anticipation is shown.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ticks = [replay.tick_at(time) for time in times]
    rows = [("final", replay.final), ("said online", replay.online)]
    if truth is not None:
        rows.insert(0, ("truth", tuple(truth)))
    ahead = [(f"said at {tick.seen:.0f} s", tick) for tick in ticks]
    shown = [span.label for _, spans in rows for span in spans]
    labels = list(dict.fromkeys([*shown, *(s.label for tick in replay.ticks for s in tick.spans)]))
    colors = {name: _unit(color) for name, color in class_colors(labels).items()}

    columns = max(1, min(6, int(WIDTH / (0.5 + 1.1 * _LETTER * max(map(len, labels))))))
    lines = -(-len(labels) // columns)
    bars = (len(rows) + len(ahead) + 0.7) * _BAR
    with rc_context(
        {"font.family": _fonts(), "font.size": 9, "text.parse_math": False, "svg.fonttype": "none"}
    ):
        figure = Figure(figsize=(WIDTH, bars + _TRIANGLE + lines * _LEGEND + _AROUND), layout="constrained")
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(bars, _TRIANGLE))
        _draw_bars(top, rows, ahead, colors, replay.end)
        _draw_triangle(below, replay, truth, labels, colors)
        top.set_title(replay.source, loc="left", fontsize=12, fontweight="bold", color=_INK)
        _draw_legend(figure, labels, colors, columns)
    return figure


def save(figure: Figure, path: Path, kind: str) -> None:
    """Write the figure, the same bytes each time.

    Args:
        figure: what `draw` gave.
        path: where to.
        kind: png, svg or pdf.
    """
    from matplotlib import rc_context

    dates: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with rc_context({"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "actfusion"}):
        figure.savefig(path, format=kind, dpi=160, metadata=dates.get(kind))


def _draw_bars(axes: Axes, rows: list[Any], ahead: list[Any], colors: dict[str, Color], end: float) -> None:
    """Whole segmentations, and below them what some ticks said, what they anticipated being pale."""
    heights = [*range(len(rows)), *(len(rows) + 0.7 + i for i in range(len(ahead)))]
    for y, (_, spans) in zip(heights, rows, strict=False):
        _draw_spans(axes, y, spans, colors, end)
    for y, (_, tick) in zip(heights[len(rows) :], ahead, strict=True):
        past = [s._replace(end=min(s.end, tick.observed)) for s in tick.spans if s.start < tick.observed]
        future = [s._replace(start=max(s.start, tick.observed)) for s in tick.spans if s.end > tick.observed]
        _draw_spans(axes, y, past, colors, end)
        _draw_spans(axes, y, future, {name: _pale(color) for name, color in colors.items()}, end)
        axes.plot([tick.observed] * 2, [y - 0.45, y + 0.45], color=_INK, linewidth=2, solid_capstyle="butt")
    axes.set_yticks(heights, [name for name, _ in (*rows, *ahead)])
    axes.set_ylim(heights[-1] + 0.55, -0.55)
    axes.set_xlim(0, end)
    _plain(axes)


def _draw_spans(axes: Axes, y: float, spans: Sequence[Span], colors: dict[str, Color], end: float) -> None:
    spans = [span._replace(end=min(span.end, end)) for span in spans if span.start < end]
    axes.broken_barh(
        [(span.start, span.end - span.start) for span in spans],
        (y - 0.41, 0.82),
        facecolors=[colors[span.label] for span in spans],
        edgecolor="white",
        linewidth=0.6,
    )
    for span in spans:
        words = _fitting(span.label, (span.end - span.start) / end * _AXES)
        ink = _unit(text_color(_bytes(colors[span.label])))
        axes.text(
            (span.start + span.end) / 2, y, words, ha="center", va="center", fontsize=6.5, linespacing=1.0,
            color=ink,
        )  # fmt: skip


def _fitting(label: str, width: float) -> str:
    """The label in one line or two, if there is room in so many inches; else nothing."""
    words = label.replace("_", " ").split()
    broken = [[" ".join(words[:at]), " ".join(words[at:])] for at in range(1, len(words))]
    two = min(broken, key=lambda lines: max(map(len, lines)), default=[])
    for lines in ([" ".join(words)], two):
        if lines and max(map(len, lines)) * _LETTER < width:
            return "\n".join(lines)
    return ""


def _draw_triangle(
    axes: Axes,
    replay: Replay,
    truth: Sequence[Span] | None,
    labels: Sequence[str],
    colors: dict[str, Color],
) -> None:
    """Every tick as a row: what lies right of the diagonal was anticipated."""
    said, ahead = triangle(replay, labels, _SIZE)
    table = np.array([*(colors[label] for label in labels), (1.0, 1.0, 1.0)])
    image = table[np.where(said == UNSAID, len(labels), said)]
    image = np.where(ahead[..., None], image + (1 - image) * _PALE, image)
    axes.imshow(
        image, origin="lower", extent=(0, replay.end, 0, replay.end), aspect="auto", interpolation="nearest"
    )
    axes.plot([0, replay.end], [0, replay.end], color=_INK, linewidth=1)
    for span, since in foreseen(replay.final if truth is None else truth, replay.ticks):
        middle = (span.start + span.end) / 2
        axes.plot([middle] * 2, [since, span.start], color=_INK, linewidth=1.6, solid_capstyle="butt")
        axes.plot([middle], [since], marker="v", markersize=4, color=_INK)
        if span.start - since >= 1:
            axes.annotate(
                f"{span.start - since:.0f}", (middle, since), (0, -4), textcoords="offset points",
                ha="center", va="top", fontsize=7, color=_INK,
            )  # fmt: skip
    axes.set_ylim(0, replay.end)
    axes.set_xlabel("time in the video, s")
    axes.set_ylabel("said at, s")
    axes.text(
        0.99, 0.03, "Left of the diagonal is what was seen, right of it what was expected.\n"
        "A line: since when an action was foreseen; by how many seconds.",
        transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=_SOFT,
    )  # fmt: skip
    _plain(axes)


def _draw_legend(figure: Figure, labels: Sequence[str], colors: dict[str, Color], columns: int) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(facecolor=colors[label]) for label in labels]
    names = [f" {label}".replace("_", " ") for label in labels]
    figure.legend(
        handles, names, loc="outside lower left", ncols=columns, frameon=False, fontsize=8,
        handlelength=1.1, handleheight=1.1, columnspacing=1.4, handletextpad=0.3,
    )  # fmt: skip


def _plain(axes: Axes) -> None:
    """Without a frame."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, colors=_INK)


def _fonts() -> list[str]:
    from matplotlib.font_manager import get_font_names

    there = set(get_font_names())
    return [name for name in _FONTS if name in there]


def _pale(color: Color) -> Color:
    red, green, blue = (value + (1 - value) * _PALE for value in color)
    return red, green, blue


def _unit(color: tuple[int, int, int]) -> Color:
    red, green, blue = (value / 255 for value in color)
    return red, green, blue


def _bytes(color: Color) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in color)
    return red, green, blue
