"""What the cook does: hands that move as hands do, and things that go where the script says."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from actfusion_stream.kitchen.actions import Moment
from actfusion_stream.kitchen.canvas import HEIGHT, WIDTH
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import PREPARE, label_at


@cache
def kitchen(seed: int) -> Kitchen:
    return Kitchen(seed)


def kitchen_with(label: str) -> Kitchen:
    """The first in which there is such an action."""
    return next(kitchen(seed) for seed in range(40) if label in {step.label for step in kitchen(seed).script})


def within(shown: Kitchen, label: str, share: float) -> Moment:
    """The state of the kitchen when `share` of the action `label` is over."""
    step = next(step for step in shown.script if step.label == label)
    return shown.cook.moment(step.start + share * (step.end - step.start))


@pytest.mark.parametrize("seed", [2, 5, 13])
def test_hands_and_what_they_hold_move_without_jumps(seed: int):
    """Between two thousandths of a second nothing moves by more than a hand's width."""
    shown, before = kitchen(seed), None
    for step in shown.script:
        for time in np.arange(math.ceil(1000 * step.start), 1000 * step.end) / 1000:
            moment = shown.cook.moment(float(time))
            if before is not None:
                assert math.dist(moment.left.at, before.left.at) < 20, (step.label, time)
                assert math.dist(moment.right.at, before.right.at) < 20, (step.label, time)
                for thing in moment.held.keys() & before.held.keys():
                    assert math.dist(moment.held[thing][0], before.held[thing][0]) < 5, (thing, time)
                for thing in moment.held.keys() - before.held.keys():  # picked up where it lay
                    assert math.dist(moment.held[thing][0], shown.scene.spots[thing]) < 12, (thing, time)
            before = moment


def test_hands_stay_in_reach():
    for seed in range(20):
        shown = kitchen(seed)
        for step in shown.script:
            for time in np.linspace(step.start, step.end, 20):
                moment = shown.cook.moment(float(time))
                for x, y in (moment.left.at, moment.right.at):
                    assert -10 < x < WIDTH + 10, (seed, step.label, time)
                    assert 0 < y < HEIGHT + 10, (seed, step.label, time)


@pytest.mark.parametrize("seed", range(10))
def test_a_moment_knows_the_action_and_those_before_it(seed: int):
    script, cook = kitchen(seed).script, kitchen(seed).cook
    for index, step in enumerate(script):
        moment = cook.moment((step.start + step.end) / 2)
        assert moment.label == step.label == label_at(script, (step.start + step.end) / 2)
        assert moment.done == tuple(before.label for before in script[:index])
    assert cook.moment(-1.0).label == cook.moment(0.0).label == "background"
    assert cook.moment(1e6).done == tuple(step.label for step in script[:-1])


def test_a_salad_in_the_making():
    shown = kitchen(10007)
    first = shown.scene.ingredients[0]
    tool = {"cucumber": "peeler", "lettuce": None}.get(first, "knife")
    assert list(within(shown, f"take_{first}", 0.6).held) == [first]
    assert list(within(shown, PREPARE[first][0], 0.5).held) == ([tool] if tool else [])
    assert {name for name, *_ in within(shown, f"place_{first}_into_bowl", 0.45).carried} == {first}
    mixing = within(shown, "mix_salad", 0.5)
    assert list(mixing.held) == ["fork", "spoon"]
    assert 0 < mixing.stir < within(shown, "serve_salad", 0.5).stir
    assert [within(shown, "serve_salad", share).served for share in (0.1, 0.5, 0.999)] == [0, 1 / 3, 1]
    assert shown.cook.moment(89.999).served == 1.0


@pytest.mark.parametrize("label", ["pour_oil", "pour_vinegar", "shake_salt", "grind_pepper"])
def test_seasonings_fall_from_what_is_held(label: str):
    shown = kitchen_with(label)
    assert within(shown, label, 0.05).falling is None
    moment = within(shown, label, 0.6)
    assert list(moment.held) == [label]
    assert moment.falling is not None
    kind, start, end, _ = moment.falling
    assert kind == label
    assert start[1] < end[1], "down"
    assert math.dist(end, shown.scene.bowl) < 41, "into the bowl"


def test_wiping_leaves_no_crumbs():
    shown = kitchen_with("wipe_board")
    crumbs = [within(shown, "wipe_board", share).crumbs for share in (0.1, 0.5, 0.9)]
    assert crumbs[0] == 1.0 > crumbs[1] > crumbs[2] == 0.0
    assert within(shown, "mix_salad", 0.5).crumbs == 0.0
