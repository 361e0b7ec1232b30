"""Where the overlay goes: a band that hides little of a picture of any size, with text as large as can be."""

import numpy as np
import pytest
from laid_over import laid_over

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.views.layout import SIZES, Layout, Look, lay_out
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.typeface import Typeface

SHORT = ["background", "cut", "mix"]
SIMILAR = ["background", "place_cheese_into_bowl", "place_cucumber_into_bowl"]
LONG = [f"place_the_very_finely_chopped_{what}_into_the_large_wooden_bowl" for what in ("cheese", "cucumber")]
PICTURES = [(320, 240), (240, 320), (1920, 1080), (1080, 1920), (3840, 2160), (8192, 4096), (640, 360)]
TINY = [(160, 120), (64, 64), (40, 30), (64, 2000), (2000, 64), (32, 32), (2, 2)]


def tick_of(names: list[str]) -> Tick:
    past = (Segment(names[0], 0, 20, 0.9), Segment(names[-2], 20, 40, 0.86))
    return Tick(40.5, 40.0, past, (Segment(names[-2], 40, 45, 0.9), Segment(names[-1], 45, 60, 0.8)))


def layout(size: tuple[int, int], names: list[str], look: Look | None = None) -> Layout:
    return lay_out(*size, look or Look(), Typeface(names))


@pytest.mark.parametrize("place", ["bottom", "top"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("names", [SHORT, SIMILAR, LONG], ids=["short", "similar", "long"])
@pytest.mark.parametrize(("width", "height"), [*PICTURES, *TINY])
def test_the_band_is_along_its_edge_and_at_most_22_percent_high(
    width: int, height: int, names: list[str], size: str, place: str
) -> None:
    found = layout((width, height), names, Look(place, size))
    first, last = found.band
    assert (last - first) / height <= 0.22
    assert (last == height) if place == "bottom" else (first == 0)
    rows = sorted([found.text, found.strip, found.edge])
    assert [row % 2 for span in rows for row in span] == [0] * 6
    assert (rows[0][0], rows[0][1], rows[1][1], rows[2][1]) == (first, rows[1][0], rows[2][0], last)


@pytest.mark.parametrize("place", ["bottom", "top"])
@pytest.mark.parametrize(("width", "height"), [(320, 240), (240, 320), (640, 360), (64, 64)])
def test_nothing_is_drawn_but_in_the_band(width: int, height: int, place: str) -> None:
    picture = np.full((height, width, 3), 120, np.uint8)
    look = Look(place)
    drawn = laid_over(Overlay(SIMILAR, look=look), picture, 41.0, tick_of(SIMILAR))
    first, last = layout((width, height), SIMILAR, look).band
    assert (drawn[:first] == 120).all()
    assert (drawn[last:] == 120).all()
    assert (drawn[first:last] != 120).any(axis=(1, 2)).mean() > 0.7


@pytest.mark.parametrize(
    ("size", "names", "beside", "lines"),
    [
        ((640, 360), SHORT, True, 1),
        ((640, 360), SIMILAR, False, 1),  # beside each other, they would have to be smaller
        ((1920, 1080), SIMILAR, True, 1),
        ((1920, 1080), LONG, False, 1),
        ((240, 320), SIMILAR, False, 1),
        ((1080, 1920), LONG, False, 2),
    ],
)
def test_names_decide_how_now_and_next_are_put(
    size: tuple[int, int], names: list[str], beside: bool, lines: int
) -> None:
    found = layout(size, names)
    assert (found.beside, found.now.lines, found.next.lines) == (beside, lines, lines)


def test_texts_are_as_large_as_was_asked_where_there_is_room() -> None:
    small, medium, large = (
        layout((1920, 1080), SHORT, Look("bottom", size)).now.size for size in ("small", "medium", "large")
    )
    assert (small, medium, large) == (38, 51, 72)
    cramped = {layout((320, 240), SHORT, Look("bottom", size)).now.size for size in ("medium", "large")}
    assert len(cramped) == 1  # the band is as high as it may be


@pytest.mark.parametrize("size", [(160, 120), (2000, 120)])
def test_a_low_picture_has_no_room_for_what_comes_next(size: tuple[int, int]) -> None:
    found = layout(size, SHORT)
    assert (found.now.lines, found.next.lines) == (1, 0)


def test_a_tiny_picture_has_the_strip_alone() -> None:
    found = layout((64, 64), SHORT)
    assert (found.now.lines, found.next.lines) == (0, 0)
    assert found.bar[1] - found.bar[0] >= 4


def test_lines_stand_at_the_strip_whichever_edge_it_is_at() -> None:
    """A name on one line of two leaves the other free on the side of the picture."""
    for place in ("bottom", "top"):
        found = layout((1080, 1920), LONG, Look(place))
        for now, following in ((1, 1), (2, 1), (1, 2), (2, 2)):
            rows = found.baselines(now, following)
            assert [len(part) for part in rows] == [now, following]
            assert [*rows[0], *rows[1]] == sorted([*rows[0], *rows[1]])
            assert found.text[0] < rows[0][0]
            assert rows[1][-1] < found.text[1]
        nearest = (found.baselines(1, 1)[1][0], found.baselines(2, 1)[1][0])
        assert (nearest[0] == nearest[1]) == (place == "bottom")
    beside = layout((1920, 1080), SIMILAR)
    assert beside.baselines(1, 1)[0] == beside.baselines(1, 1)[1]
