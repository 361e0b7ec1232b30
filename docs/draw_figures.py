"""Draws the figures of how-it-works.md that show what the code does: one tick, and the masks of training.

    python docs/draw_figures.py

It watches a drawn kitchen that the bundled model has never seen up to one tick, and writes tick.svg and
masks.svg beside itself. Run it when the model or the masks have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np

from actfusion_stream import Engine, Segment, Tick
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES
from actfusion_stream.models.losses import soft_boundary
from actfusion_stream.models.masking import (
    anticipative_mask,
    boundary_mask,
    random_mask,
    relation_mask,
)
from actfusion_stream.views.palette import class_colors
from actfusion_stream.views.wording import spoken

SEED, SECONDS, ASKED = 10007, 40.0, 22.0  # the tick is the first one at or after ASKED
WIDTH, LEFT, RIGHT, ROW, BAR = 960, 150, 20, 26, 18  # pixels
COLORS = {name: "#{:02x}{:02x}{:02x}".format(*color) for name, color in class_colors(CLASS_NAMES).items()}


def main() -> None:
    here = Path(__file__).parent
    kitchen = Kitchen(SEED, SECONDS)
    (here / "tick.svg").write_text(draw_tick(kitchen, watch(kitchen)))
    (here / "masks.svg").write_text(draw_masks(kitchen))


def watch(kitchen: Kitchen) -> Tick:
    """What the model says at the tick that is drawn."""
    session = Engine.load(device="cpu").session(horizon="18s", tick=1.0)
    for index in range(round(SECONDS * 15)):
        tick = session.push(kitchen.frame(index / 15), index / 15)
        if tick is not None and tick.seen_until >= ASKED:
            return tick
    raise AssertionError("no tick came")


def draw_tick(kitchen: Kitchen, tick: Tick) -> str:
    """The truth, what the tick says of the past, and each of its futures, on one axis of seconds."""
    assert tick.futures is not None
    scale = (WIDTH - LEFT - RIGHT) / SECONDS
    steps = np.arange(0, SECONDS, 0.1)
    truth = runs([kitchen.label(float(t)) for t in steps], 0.1)
    rows: list[tuple[str, Sequence[Segment]]] = [("what happens", truth), ("the past it says", tick.past)]
    for number, sample in enumerate(tick.futures.samples):
        likeliest = " (likeliest)" if number == tick.futures.likeliest else ""
        rows.append((f"future {number + 1}{likeliest}", sample))
    parts = [bars(name, segments, 10 + i * ROW, scale) for i, (name, segments) in enumerate(rows)]
    bottom = 10 + len(rows) * ROW
    now = LEFT + tick.observed_until * scale
    parts.append(f'<path d="M{now:.1f} 4V{bottom + 4}" stroke="#101216" stroke-width="2"/>')
    for second in range(0, int(SECONDS) + 1, 5):
        parts.append(text(LEFT + second * scale, bottom + 18, f"{second} s", "middle"))
    shown = [name for name in CLASS_NAMES if any(name == s.label for _, row in rows for s in row)]
    legend, height = draw_legend(shown, bottom + 34)
    return picture("".join(parts) + legend, height)


def draw_masks(kitchen: Kitchen) -> str:
    """What of a video each mask leaves to the encoder; the token stands in for what is pale."""
    labels = [kitchen.label(float(t)) for t in np.arange(0, SECONDS, 0.267)]
    ids = np.array([CLASS_NAMES.index(label) for label in labels])
    rng = np.random.default_rng(0)
    masks = {
        "labels": np.ones(len(ids), bool),
        "none": np.ones(len(ids), bool),
        "anticipative": anticipative_mask(len(ids), 0.4),
        "random": random_mask(len(ids), 5, 10, rng),
        "boundary": boundary_mask(soft_boundary(ids, 2.0), 0.5),
        "relation": relation_mask(ids, 2, rng),
    }
    scale = (WIDTH - LEFT - RIGHT) / len(ids)
    parts = []
    for row, (name, visible) in enumerate(masks.items()):
        top = 10 + row * ROW
        parts.append(text(LEFT - 8, top + 14, name, "end"))
        for first, last in edges(labels if name == "labels" else list(visible)):
            seen = "#5b8def" if visible[first] else "#e3e6eb"
            color = COLORS[labels[first]] if name == "labels" else seen
            parts.append(rectangle(LEFT + first * scale, top, (last - first) * scale, color))
    return picture("".join(parts), 10 + len(masks) * ROW + 4)


def runs(labels: Sequence[str], step: float) -> list[Segment]:
    return [Segment(labels[a], a * step, b * step, 1.0) for a, b in edges(labels)]


def edges(values: Sequence[object]) -> list[tuple[int, int]]:
    """Where runs of equal values begin and end."""
    cuts = [0, *(i for i in range(1, len(values)) if values[i] != values[i - 1]), len(values)]
    return list(pairwise(cuts))


def bars(name: str, segments: Sequence[Segment], top: int, scale: float) -> str:
    boxes = (
        rectangle(LEFT + s.start * scale, top, s.duration * scale, COLORS[s.label], spoken(s.label))
        for s in segments
    )
    return text(LEFT - 8, top + 14, name, "end") + "".join(boxes)


def draw_legend(names: Sequence[str], top: int) -> tuple[str, int]:
    parts = []
    for place, name in enumerate(names):
        x, y = LEFT + place % 4 * 200, top + place // 4 * 20
        parts.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{COLORS[name]}"/>')
        parts.append(text(x + 18, y + 11, spoken(name), "start"))
    return "".join(parts), top + -(-len(names) // 4) * 20 + 6


def rectangle(x: float, y: float, width: float, color: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}">{inner}</rect>\n'


def text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>\n'


def picture(inner: str, height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="sans-serif" font-size="13" fill="#101216">\n'
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>\n{inner}</svg>\n'
    )


if __name__ == "__main__":
    main()
