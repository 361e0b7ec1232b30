"""The timeline on a picture: marks of time at its edge, names on what was done and on what comes."""

from dataclasses import replace

import numpy as np
import pytest
from laid_over import laid_over

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.views.layout import Look, lay_out
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.palette import class_colors
from actfusion_stream.views.typeface import Typeface

CLASSES = ["background", "cut", "mix", "serve_salad_onto_plate"]
COLORS = class_colors(CLASSES)
PAST = (Segment("background", 0, 20, 0.9), Segment("cut", 20, 40, 0.8))
TICK = Tick(40.0, 40.0, PAST, (Segment("mix", 40, 64, 0.7), Segment("serve_salad_onto_plate", 64, 67, 0.7)))


def drawn(width: int, height: int, tick: Tick | None, look: Look | None = None) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    return laid_over(Overlay(CLASSES, look=look or Look()), picture, 40.0, tick)


@pytest.mark.parametrize("place", ["bottom", "top"])
@pytest.mark.parametrize(
    ("width", "height", "marks"),
    [
        (320, 240, [-60, -30, 30]),
        (1920, 1080, [-60, -50, -40, -30, -20, -10, 10, 20, 30]),
    ],
)
def test_places_of_the_strip_are_marked_between_it_and_the_edge(
    width: int, height: int, marks: list[int], place: str
) -> None:
    look = Look(place)
    layout = lay_out(width, height, look, Typeface(CLASSES))
    left, right = layout.span
    row = layout.bar[1] if place == "bottom" else layout.bar[0] - 1
    notches = drawn(width, height, None, look)[row].min(axis=1) > 100
    now = left + round((right - left) * 2 / 3)
    notches[now - 2 * layout.line : now + 2 * layout.line] = False
    begins = np.flatnonzero(notches & ~np.roll(notches, 1))
    assert [round((x - now) * 90 / (right - left)) for x in begins] == pytest.approx(marks, abs=0.6)


def test_marks_are_written_where_they_can_be_read() -> None:
    columns = []
    for size in ((1920, 1080), (320, 240)):
        layout = lay_out(*size, Look(), Typeface(CLASSES))
        below = drawn(*size, None)[layout.bar[1] + 2 * layout.line :]
        columns.append(int((below.max(axis=(0, 2)) > 100).sum()))
    assert columns[0] > 300
    assert columns[1] <= 3 + 4  # three notches, and the marker of now


def test_past_and_future_are_named_where_there_is_room() -> None:
    layout = lay_out(1920, 1080, Look(), Typeface(CLASSES))
    left, right = layout.span

    def named(tick: Tick, label: str, begins: float, ends: float) -> bool:
        """Whether its part of the strip has more than its colour, solid or in stripes."""
        x = [left + round((right - left) * (seconds + 20) / 90) for seconds in (begins, ends)]
        part = drawn(1920, 1080, tick)[slice(*layout.bar), x[0] + 10 : x[1] - 10].reshape(-1, 3)
        return len(np.unique(part, axis=0)) > 3

    assert named(TICK, "cut", 20, 39)
    assert named(TICK, "mix", 41, 64)
    assert not named(TICK, "serve_salad_onto_plate", 64, 67)
    nameless = replace(TICK, past=(replace(PAST[0], end=39.0), replace(PAST[1], start=39.0)))
    assert not named(nameless, "cut", 39, 40)


def test_a_name_in_the_future_stands_on_a_plain_ground() -> None:
    layout = lay_out(1920, 1080, Look(), Typeface(CLASSES))
    top = layout.bar[0]
    now = layout.span[0] + round((layout.span[1] - layout.span[0]) * 2 / 3)
    size, across = layout.strip_text_size, Typeface(CLASSES).width("mix", layout.strip_text_size, 400)
    begins = now + 3 * layout.line + size // 2
    ground = drawn(1920, 1080, TICK)[top + 1 : top + 3, begins : begins + across]
    assert len(np.unique(ground.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(drawn(1920, 1080, TICK)[top + 1, begins + across + 40 : begins + 300], axis=0)) == 2
