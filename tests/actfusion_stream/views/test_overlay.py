"""The overlay: what is drawn where, at any size of picture, and at what cost."""

import numpy as np
import pytest

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.palette import class_colors

CLASSES = ["background", "cut_tomato", "place_cucumber_into_bowl", "serve_salad_onto_plate"]
COLORS = class_colors(CLASSES)
PAST = (Segment("background", 0, 4, 0.9), Segment("cut_tomato", 4, 40, 0.8))
FUTURE = (
    Segment("cut_tomato", 40, 45, 0.7),
    Segment("place_cucumber_into_bowl", 45, 50, 0.6),
    Segment("serve_salad_onto_plate", 50, 60, 0.5),
)
TICK = Tick(seen_until=40.5, observed_until=40.0, past=PAST, future=FUTURE)
SIZES = [(120, 160), (240, 320), (720, 1280), (1280, 720), (1080, 1920), (96, 72), (40, 30), (2160, 3840)]


def picture(height: int = 240, width: int = 320, value: int = 120) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def where(image: np.ndarray, label: str) -> np.ndarray:
    """(H, W) bool: pixels that have exactly the colour of a class."""
    return (image == COLORS[label]).all(axis=2)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("tick", [TICK, None], ids=["tick", "warming up"])
def test_draws_on_any_size_without_touching_the_frame(height: int, width: int, tick: Tick | None) -> None:
    frame = picture(height, width)
    drawn = Overlay(CLASSES, "a note that is a good deal longer than fits").draw(frame, 41.0, tick)
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8
    assert (frame == 120).all()
    assert (drawn != 120).any()


def test_leaves_most_of_the_picture_alone() -> None:
    drawn = Overlay(CLASSES).draw(picture(), 41.0, TICK)
    assert (drawn[:140] == 120).all()


def test_takes_frames_that_are_not_contiguous_or_read_only() -> None:
    frame = picture(720, 1280)[::3, ::4]
    frame.flags.writeable = False
    np.testing.assert_array_equal(
        Overlay(CLASSES).draw(frame, 41.0, TICK), Overlay(CLASSES).draw(picture(240, 320), 41.0, TICK)
    )


def test_past_is_solid_future_hatched_and_now_between_them() -> None:
    drawn = Overlay(CLASSES).draw(picture(), 40.0, TICK)
    strip = drawn[222:230]  # (8, W, 3)
    cut, serve = where(strip, "cut_tomato"), where(strip, "serve_salad_onto_plate")
    # The strip spans 302 pixels from x = 9 for 60 s of past and 30 s of future: now is at 210.
    assert cut[:, 95:205].all()
    assert 0.3 < serve[:, 246:276].mean() < 0.7
    assert serve[:, :210].sum() == 0
    assert (strip[:, 210] > 240).all()


def test_time_slides_under_the_now_marker() -> None:
    overlay = Overlay(CLASSES)
    starts = [
        where(overlay.draw(picture(), t, TICK)[222:230], "cut_tomato").any(axis=0).argmax()
        for t in (40.0, 43.0)
    ]
    # Three seconds at 302 pixels for 90 s.
    assert starts[0] - starts[1] == 10


def test_short_sources_get_a_finer_strip() -> None:
    short = Tick(6.0, 6.0, (Segment("cut_tomato", 0, 6, 1.0),), ())
    widths = [
        where(Overlay(CLASSES, duration=seconds).draw(picture(), 6.0, short)[222:230], "cut_tomato")[0].sum()
        for seconds in (15.0, 90.0)
    ]
    assert widths[0] > 5 * widths[1]


def test_the_countdown_counts_from_the_frame_not_from_the_tick() -> None:
    overlay = Overlay(CLASSES)
    corner = np.s_[196:210, 250:]  # where the countdown stands
    images = [overlay.draw(picture(), t, TICK)[corner] for t in (41.0, 41.9, 42.5)]
    assert not np.array_equal(images[0], images[2])
    np.testing.assert_array_equal(
        overlay.draw(picture(), 41.2, TICK)[corner], overlay.draw(picture(), 41.8, TICK)[corner]
    )


def test_long_labels_end_within_the_picture() -> None:
    label = "place_the_very_finely_chopped_cucumber_into_the_large_wooden_bowl"
    tick = Tick(5.0, 5.0, (Segment(label, 0, 5, 1.0),), (Segment(label + "_again", 5, 9, 1.0),))
    for height, width in SIZES[:4]:
        drawn = Overlay([label]).draw(picture(height, width, 0), 5.0, tick)
        assert (drawn[:, -2:] < 60).all()


def test_nothing_more_to_come_is_said() -> None:
    ending = Tick(40.5, 40.0, PAST, FUTURE[:1])
    drawn = Overlay(CLASSES).draw(picture(value=0), 41.0, ending)
    assert (drawn[196:210, 9:120] > 150).any()


def test_the_note_stands_at_the_top_also_before_the_first_tick() -> None:
    for tick in (None, TICK):
        drawn = Overlay(CLASSES, "demo model").draw(picture(), 0.0, tick)
        assert (drawn[9:24, 9:80] > 200).any()
        assert (Overlay(CLASSES).draw(picture(), 0.0, tick)[:60] == 120).all()


def test_a_label_the_classes_do_not_have_is_grey() -> None:
    tick = Tick(5.0, 5.0, (Segment("unheard_of", 0, 5, 1.0),), ())
    assert Overlay(CLASSES).draw(picture(), 5.0, tick).shape == (240, 320, 3)
