"""The overlay: what is drawn where, at any size of picture, and at what cost."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from laid_over import laid_over

from actfusion_stream.engine.timeline import Candidate, Futures, Segment, Tick
from actfusion_stream.views.layout import Look, lay_out
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.palette import class_colors
from actfusion_stream.views.typeface import Typeface

CLASSES = ["background", "cut_tomato", "place_cucumber_into_bowl", "serve_salad_onto_plate"]
COLORS = class_colors(CLASSES)
PAST = (Segment("background", 0, 4, 0.9), Segment("cut_tomato", 4, 40, 0.8))
FUTURE = (
    Segment("cut_tomato", 40, 45, 0.7),
    Segment("place_cucumber_into_bowl", 45, 50, 0.6),
    Segment("serve_salad_onto_plate", 50, 60, 0.5),
)
TICK = Tick(seen_until=40.5, observed_until=40.0, past=PAST, future=FUTURE)
SURE = np.zeros((20, 4), np.float32)  # of each second from 40 s on
SURE[:5, 1] = SURE[5:10, 2] = SURE[10:, 3] = 1.0
# Of a picture of 320x240: rows of the strip, and of the texts; the strip has 306 columns from x = 7 for 90 s.
LAYOUT = lay_out(320, 240, Look(), Typeface(CLASSES))
STRIP, TEXT = slice(*LAYOUT.bar), slice(*LAYOUT.text)
NOW, NEXT = slice(190, 210), slice(211, 224)
SIZES = [(120, 160), (240, 320), (720, 1280), (1280, 720), (1080, 1920), (96, 72), (40, 30), (2160, 3840)]


def picture(height: int = 240, width: int = 320, value: int = 120) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def several(probabilities: np.ndarray, earliest: float = 45.0, latest: float = 45.0) -> Tick:
    """The tick, as futures with these probabilities see it."""
    candidate = Candidate("place_cucumber_into_bowl", 0.9, 45.0, earliest, latest)
    return replace(TICK, next=(candidate,), futures=Futures((FUTURE,), 0, probabilities))


def where(image: np.ndarray, label: str) -> np.ndarray:
    """(H, W) bool: pixels that have exactly the colour of a class."""
    return (image == COLORS[label]).all(axis=2)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize(
    "tick",
    [TICK, None, several(SURE / 2, 43.5, 120.0), replace(TICK, strangeness=2.0)],
    ids=["tick", "warming up", "several futures", "unfamiliar"],
)
def test_draws_on_any_size_without_touching_the_frame(height: int, width: int, tick: Tick | None) -> None:
    frame = picture(height, width)
    drawn = laid_over(Overlay(CLASSES), frame, 41.0, tick)
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8
    assert (frame == 120).all()
    assert (drawn != 120).any()


def test_leaves_most_of_the_picture_alone() -> None:
    drawn = laid_over(Overlay(CLASSES), picture(), 41.0, TICK)
    assert (drawn[:188] == 120).all()


def test_takes_frames_that_are_not_contiguous_or_read_only() -> None:
    frame = picture(720, 1280)[::3, ::4]
    frame.flags.writeable = False
    np.testing.assert_array_equal(
        laid_over(Overlay(CLASSES), frame, 41.0, TICK),
        laid_over(Overlay(CLASSES), picture(240, 320), 41.0, TICK),
    )


def test_past_is_solid_future_hatched_and_now_between_them() -> None:
    drawn = laid_over(Overlay(CLASSES), picture(), 40.0, TICK)
    strip = drawn[STRIP]  # (7, W, 3)
    cut, serve = where(strip, "cut_tomato"), where(strip, "serve_salad_onto_plate")
    # 60 s of past and 30 s of future: now is at 211.
    assert cut[:, 95:205].all()
    assert 0.3 < serve[:, 246:276].mean() < 0.7
    assert serve[:, :211].sum() == 0
    assert (strip[:, 211] > 240).all()


def test_time_slides_under_the_now_marker() -> None:
    overlay = Overlay(CLASSES)
    starts = [
        where(laid_over(overlay, picture(), t, TICK)[STRIP], "cut_tomato").any(axis=0).argmax()
        for t in (40.0, 43.0)
    ]
    # Three seconds at 306 pixels for 90 s.
    assert starts[0] - starts[1] == 10


def test_short_sources_get_a_finer_strip() -> None:
    short = Tick(6.0, 6.0, (Segment("cut_tomato", 0, 6, 1.0),), ())
    widths = [
        where(laid_over(Overlay(CLASSES, duration=seconds), picture(), 6.0, short)[STRIP], "cut_tomato")[
            0
        ].sum()
        for seconds in (15.0, 90.0)
    ]
    assert widths[0] > 5 * widths[1]


def test_the_countdown_counts_from_the_frame_not_from_the_tick() -> None:
    overlay = Overlay(CLASSES)
    corner = np.s_[NEXT, 250:]  # where the countdown stands
    images = [laid_over(overlay, picture(), t, TICK)[corner] for t in (41.0, 41.9, 42.5)]
    assert not np.array_equal(images[0], images[2])
    np.testing.assert_array_equal(
        laid_over(overlay, picture(), 41.2, TICK)[corner], laid_over(overlay, picture(), 41.8, TICK)[corner]
    )


def test_long_labels_end_within_the_picture() -> None:
    label = "place_the_very_finely_chopped_cucumber_into_the_large_wooden_bowl"
    following = Segment(label + "_again", 5.5, 9, 1.0)
    candidates = (Candidate(following.label, 1.0, 65.0, 55.0, 140.0),)  # the longest range: "in 0:50-2:15"
    past, future = (Segment(label, 0, 5, 1.0),), (Segment(label, 5, 5.5, 1.0), following)
    tick = Tick(5.0, 5.0, past, future, next=candidates, strangeness=2.0)
    for height, width in SIZES[:4]:
        drawn = laid_over(Overlay([label]), picture(height, width, 0), 5.0, tick)
        assert (drawn[:, -2:] < 60).all()


def test_nothing_more_to_come_is_said() -> None:
    ending = Tick(40.5, 40.0, PAST, FUTURE[:1])
    drawn = laid_over(Overlay(CLASSES), picture(value=0), 41.0, ending)
    assert (drawn[NEXT, 9:120] > 150).any()


def test_the_strip_fades_where_the_futures_disagree() -> None:
    def brightness(probabilities: np.ndarray) -> np.ndarray:
        """(64,) of the strip's future, from just after now on."""
        strip = laid_over(Overlay(CLASSES), picture(), 40.0, several(probabilities))[STRIP, 214:278]
        return strip.max(axis=(0, 2)).astype(int)

    sure, half, never = (brightness(share * SURE) for share in (1.0, 0.5, 0.0))
    edges = sure < 50  # the hairlines between segments
    assert edges.sum() == 2
    assert (sure > half + 30)[~edges].all()
    assert (half > never + 30)[~edges].all()
    assert (never > 45)[~edges].all()  # the track is 40: what the likeliest future has is always to be seen
    later = SURE.copy()
    later[10:] *= np.linspace(1, 0, 10)[:, None]
    fading = brightness(later)
    np.testing.assert_array_equal(fading[:32], sure[:32])  # 40 to 49.5 s
    assert (np.diff(fading[38:]) <= 0).all()
    assert fading[-1] < fading[38] - 100


def test_sure_futures_look_as_a_single_one() -> None:
    single, sure = (
        laid_over(Overlay(CLASSES), picture(), 40.0, tick)[STRIP] for tick in (TICK, several(SURE))
    )
    # But for the seconds in which one action gives way to another: 3.4 pixels each.
    differing = (single != sure).any(axis=(0, 2))
    assert differing.sum() <= 8
    assert not differing[:220].any()


def test_the_countdown_is_a_range_where_the_start_is_unsure() -> None:
    """Told by how wide it is: the text ends at the right margin."""

    def left_end(tick: Tick) -> int:
        drawn = laid_over(Overlay(CLASSES), picture(value=0), 41.0, tick)[NEXT, 230:]
        return 230 + int((drawn > 150).any(axis=(0, 2)).argmax())

    assert left_end(several(SURE)) == left_end(TICK)  # in 4 s
    assert left_end(several(SURE, 44.8, 45.6)) == left_end(TICK)
    width = cv2.getTextSize((0, 0), "\N{EN DASH}9", (0, 0), cv2.FontFace("sans"), 10, 600)[2]
    assert left_end(several(SURE, 44.2, 49.6)) == pytest.approx(left_end(TICK) - width, abs=2)  # in 4-9 s


def test_what_is_drawn_as_now_is_what_the_frame_shows() -> None:
    """Five seconds after the past ended, the action that was to come has begun."""
    seen, ahead = replace(FUTURE[1], end=46.0), replace(FUTURE[1], start=46.0)
    overlay, begun = Overlay(CLASSES), Tick(46.0, 46.0, (*PAST, seen), (ahead, FUTURE[2]))
    now = np.s_[190:226]  # the lines of now and next
    drawn = laid_over(overlay, picture(), 46.0, TICK)
    assert where(drawn, "place_cucumber_into_bowl")[NOW, 7:12].any()
    assert not where(drawn, "cut_tomato")[now].any()
    np.testing.assert_array_equal(drawn[now], laid_over(overlay, picture(), 46.0, begun)[now])


def test_what_is_unfamiliar_is_called_so_and_its_labels_are_subdued() -> None:
    familiar = laid_over(Overlay(CLASSES), picture(), 41.0, replace(TICK, strangeness=0.9))
    strange = laid_over(Overlay(CLASSES), picture(), 41.0, replace(TICK, strangeness=1.1))
    assert (familiar[:60] == 120).all()
    assert (strange[7:20, 7:230] > 200).any()
    assert (strange[7:20, 240:] == 120).all()  # one line
    assert not where(strange[TEXT], "cut_tomato").any()
    assert familiar[NOW, 20:120].max() > 230
    assert strange[NOW, 20:120].max() < 180
    np.testing.assert_array_equal(familiar[STRIP], strange[STRIP])  # the strip


def test_what_is_less_sure_than_asked_is_not_named() -> None:
    """The tick is 80 % sure of what is done at 41 s."""
    asked = [
        laid_over(Overlay(CLASSES, look=Look(min_confidence=share)), picture(), 41.0, TICK)
        for share in (0.0, 0.8, 0.81)
    ]
    np.testing.assert_array_equal(asked[0], asked[1])
    assert not where(asked[2][TEXT], "cut_tomato").any()
    assert asked[0][NOW, 20:120].max() > 230
    assert 120 < asked[2][NOW, 20:120].max() < 180  # in grey
    np.testing.assert_array_equal(asked[0][NEXT], asked[2][NEXT])
    np.testing.assert_array_equal(asked[0][STRIP], asked[2][STRIP])


def test_what_is_off_is_not_drawn() -> None:
    overlay = Overlay(["cut 🍅"], look=Look("off"))
    assert (overlay.draw(320, 240, 41.0, TICK), overlay.note) == ([], "")


def test_a_label_the_classes_do_not_have_is_grey() -> None:
    tick = Tick(5.0, 5.0, (Segment("unheard_of", 0, 5, 1.0),), ())
    assert laid_over(Overlay(CLASSES), picture(), 5.0, tick).shape == (240, 320, 3)
