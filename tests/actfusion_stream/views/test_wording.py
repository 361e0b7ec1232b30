"""Words and clocks as people read them, and how much of the timeline is shown."""

from itertools import pairwise

import pytest

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.views.wording import (
    clock,
    countdown,
    percent,
    picture,
    printable,
    spoken,
    timeline_window,
    until,
)


def test_labels_are_shown_with_spaces() -> None:
    assert spoken("place_cucumber_into_bowl") == "place cucumber into bowl"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (65.9, "1:05"), (3723, "1:02:03"), (-0.5, "0:00"), (36000, "10:00:00")],
)
def test_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (3.2, "in 4 s"),
        (4.0, "in 4 s"),
        (0.1, "in 1 s"),
        (0.0, "any moment"),
        (-2.0, "any moment"),
        (60, "in 1:00"),
        (80, "in 1:20"),
    ],
)
def test_countdown(seconds: float, shown: str) -> None:
    assert countdown(seconds) == shown


@pytest.mark.parametrize(
    ("range_", "shown"),
    [
        ((5.0, 3.2, 8.7), "in 4-9 s"),
        ((5.6, 5.1, 6.0), "in 6 s"),  # both ends round to the same
        ((5.9, 5.6, 6.5), "in 6 s"),  # less than a second apart
        ((5.9, 5.5, 6.5), "in 6-7 s"),
        ((12.0, 11.2, 17.9), "in 12-18 s"),
        ((70.0, 50.0, 80.0), "in 0:50-1:20"),
        ((3.0, -0.5, 8.2), "within 9 s"),  # some of the futures have it begun
        ((40.0, 0.0, 90.0), "within 1:30"),
        ((-0.5, -2.0, 0.5), "within 1 s"),
        ((-2.0, -4.0, -0.1), "any moment"),  # nearly all of them have
        ((-1.0, -1.0, -1.0), "any moment"),
    ],
)
def test_a_start_that_nobody_knows_quite_is_a_range(range_: tuple[float, float, float], shown: str) -> None:
    assert until(*range_) == shown.replace("-", "\N{EN DASH}")


def test_percent() -> None:
    assert percent(0.856) == "86 %"


@pytest.mark.parametrize(
    ("duration", "window"),
    [
        (90.0, (60.0, 30.0)),
        (3600.0, (60.0, 30.0)),
        (None, (60.0, 30.0)),
        (30.0, (20.0, 10.0)),
        (3.0, (10.0, 5.0)),
    ],
)
def test_the_window_slides_over_long_videos_and_fits_short_ones(
    duration: float | None, window: tuple[float, float]
) -> None:
    assert timeline_window(duration) == pytest.approx(window)


def test_the_window_shows_what_overlaps_it() -> None:
    window = timeline_window(90.0)  # 60 seconds before now, 30 after
    edges = [0.0, 40.0, 41.0, 99.0, 129.0, 130.0, 200.0]
    segments = [Segment("cut", start, end, 1.0) for start, end in pairwise(edges)]
    assert window.in_sight(segments, now=100.0) == segments[1:-1]
    assert window.in_sight(segments, now=500.0) == []
    assert window.in_sight((), now=5.0) == ()


@pytest.mark.parametrize(("rate", "shown"), [(29.97003, "640x480, 29.97 fps"), (None, "640x480")])
def test_what_the_pictures_of_a_source_are(rate: float | None, shown: str) -> None:
    assert picture(SourceInfo("camera 0", 640, 480, None, rate, live=True, has_audio=False)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("käse.mp4", "käse.mp4"),
        ("a\nb\x1b[2Jc", "a?b?[2Jc"),
        ("k\udce4se", "k?se"),  # a name that is no UTF-8, as Python spells it
    ],
)
def test_a_name_is_harmless_on_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_letters_that_an_encoding_lacks_are_left_out() -> None:
    assert printable("käse 切", "ascii") == "k?se ?"
    assert printable("käse 切", "latin-1") == "käse ?"
