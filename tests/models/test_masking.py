"""The five masks, and how often each is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from actfusion_stream.models.masking import (
    Kind,
    MaskConfig,
    anticipative_mask,
    boundary_mask,
    draw_mask,
    random_mask,
    relation_mask,
)

LABELS = np.repeat([3, 1, 3, 7, 2], 20)  # 100 steps, four classes
BOUNDARY = np.where(np.arange(100) % 20 < 2, 0.6, 0.4)


@pytest.mark.parametrize(
    ("length", "ratio", "observed"), [(100, 0.2, 20), (100, 0.8, 80), (7, 0.5, 3), (3, 0.2, 1)]
)
def test_anticipative_mask_hides_the_future(length: int, ratio: float, observed: int) -> None:
    assert anticipative_mask(length, ratio).tolist() == [True] * observed + [False] * (length - observed)


@pytest.mark.parametrize("seed", range(5))
def test_random_mask_hides_whole_patches(seed: int) -> None:
    visible = random_mask(100, patches=3, patch_size=10, rng=np.random.default_rng(seed))
    patches = visible.reshape(10, 10)
    assert (patches.all(axis=1) | ~patches.any(axis=1)).all()
    assert (~visible).sum() == 30


def test_random_mask_of_a_short_video() -> None:
    visible = random_mask(25, patches=1, patch_size=10, rng=np.random.default_rng(3))
    assert (~visible).sum() in (10, 5)  # the last patch has 5 steps
    assert not random_mask(25, patches=10, patch_size=10, rng=np.random.default_rng(0)).any()


def test_boundary_mask_hides_what_reaches_the_threshold() -> None:
    assert boundary_mask(np.array([0.0, 0.49, 0.5, 1.0]), 0.5).tolist() == [True, True, False, False]
    assert boundary_mask(np.array([0.0, 0.29, 0.3, 0.49]), 0.3).tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("classes", "chances"),
    # Of four classes, with replacement, as the release draws them: in a quarter the second is the first.
    [(1, {1: 1}), (2, {1: 1 / 4, 2: 3 / 4}), (3, {1: 1 / 16, 2: 9 / 16, 3: 6 / 16})],
)
def test_relation_mask_hides_up_to_so_many_whole_classes(classes: int, chances: dict[int, float]) -> None:
    rng = np.random.default_rng(0)
    hidden: Counter[int] = Counter()
    for _ in range(2000):
        visible = relation_mask(LABELS, classes, rng)
        for label in np.unique(LABELS):
            assert len(set(visible[label == LABELS])) == 1
        hidden[len(np.unique(LABELS[~visible]))] += 1
    assert {count: times / 2000 for count, times in hidden.items()} == pytest.approx(chances, abs=0.03)


def test_masks_are_drawn_as_often_as_they_are_named() -> None:
    config = MaskConfig(kinds=("none", "boundary", "boundary", "boundary"))
    rng = np.random.default_rng(0)
    drawn = Counter(bool(draw_mask(LABELS, BOUNDARY, config, rng).all()) for _ in range(2000))
    assert drawn[True] / 2000 == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("kind", ["none", "anticipative", "random", "boundary", "relation"])
def test_each_kind_can_be_drawn(kind: Kind) -> None:
    config = MaskConfig(kinds=(kind,))
    hidden = {int((~draw_mask(LABELS, BOUNDARY, config, np.random.default_rng(s))).sum()) for s in range(60)}
    assert (
        hidden
        == {
            "none": {0},
            "anticipative": {80, 70, 60, 50, 40, 30, 20},
            "random": {50, 60, 70, 80, 90, 100},
            "boundary": {10},
            "relation": {20, 40, 60},  # one or two classes; class 3 occurs twice
        }[kind]
    )


def test_the_same_generator_draws_the_same_mask() -> None:
    draws = [draw_mask(LABELS, BOUNDARY, MaskConfig(), np.random.default_rng(5)) for _ in range(2)]
    assert np.array_equal(*draws)
    assert draws[0].shape == (100,)
    assert draws[0].dtype == bool


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="mask kind 'future' is unknown; choose none, anticipative, random"):
        draw_mask(LABELS, BOUNDARY, MaskConfig(kinds=("future",)), np.random.default_rng(0))  # type: ignore[arg-type]
