"""Colours: stable per class, far apart, readable on dark and under text."""

import itertools

import numpy as np
import pytest

from actfusion_stream.views.palette import GREY, INK, PAPER, class_colors, mix, oklab_from_srgb, text_color

SALADS = [
    *("cut_tomato", "place_tomato_into_bowl", "cut_cheese", "place_cheese_into_bowl", "cut_lettuce"),
    *("place_lettuce_into_bowl", "add_salt", "add_vinegar", "add_oil", "add_pepper", "mix_dressing"),
    *("peel_cucumber", "cut_cucumber", "place_cucumber_into_bowl", "add_dressing", "mix_ingredients"),
    *("serve_salad_onto_plate", "action_start", "action_end"),
]


def distance(a: tuple[int, int, int], b: tuple[int, int, int]) -> float:
    return float(np.linalg.norm(oklab_from_srgb(a) - oklab_from_srgb(b)))


@pytest.mark.parametrize("idle", ["background", "SIL", "action_start", "action_end"])
def test_idle_classes_are_grey(idle: str) -> None:
    assert class_colors([idle, "cut_tomato"])[idle] == GREY


def test_idle_classes_take_no_colour_from_others() -> None:
    assert class_colors(["background", "cut", "peel"]) == {
        **class_colors(["cut", "peel"]),
        "background": GREY,
    }


def test_a_colour_depends_only_on_what_comes_before() -> None:
    few, many = class_colors(SALADS[:5]), class_colors(SALADS)
    assert all(many[name] == color for name, color in few.items())


def test_classes_of_50_salads_are_told_apart() -> None:
    colors = [*class_colors(SALADS[:17]).values(), GREY]
    # 0.02 in OKLab is about a just noticeable difference between neighbouring areas.
    assert min(distance(a, b) for a, b in itertools.combinations(colors, 2)) > 0.08


def test_more_classes_than_colours_still_have_one_each() -> None:
    colors = class_colors([f"class_{i}" for i in range(200)])
    assert len(colors) == 200
    assert len(set(colors.values())) == 72


def test_all_colours_stand_out_from_a_dark_background() -> None:
    assert all(oklab_from_srgb(color)[0] > 0.55 for color in class_colors([*"abcdefghijklmnop"]).values())


def test_oklab_of_known_colours() -> None:
    assert oklab_from_srgb((255, 255, 255)) == pytest.approx([1.0, 0.0, 0.0], abs=1e-4)
    assert oklab_from_srgb((255, 0, 0)) == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)


def test_text_is_dark_on_light_and_light_on_dark() -> None:
    assert text_color((255, 230, 120)) == INK
    assert text_color((60, 20, 90)) == PAPER


def test_mix() -> None:
    assert mix((0, 100, 200), (100, 200, 0), 0.25) == (25, 125, 150)
