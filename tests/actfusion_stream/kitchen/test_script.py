"""The grammar of salads: what a script always has, what it may vary, and how early the future shows."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from actfusion_stream.kitchen.script import CLASS_NAMES, PREPARE, SEASONINGS, Step, label_at, write_script

SEEDS = range(300)


def labels(seed: int, seconds: float = 90.0) -> list[str]:
    return [step.label for step in write_script(seed, seconds)]


def test_there_are_at_least_14_actions():
    assert CLASS_NAMES[0] == "background"
    assert len(set(CLASS_NAMES) - {"background"}) == 20


@pytest.mark.parametrize("seconds", [4.0, 10.0, 30.0, 90.0, 600.0])
def test_a_script_fills_its_time_exactly_and_without_holes(seconds: float):
    for seed in range(60):
        script = write_script(seed, seconds)
        assert script[0].start == 0.0
        assert script[-1].end == seconds
        assert all(step.end == following.start for step, following in pairwise(script))
        assert all(step.end > step.start for step in script)
        assert script[0].label == script[-1].label == "background"


@pytest.mark.parametrize("seed", SEEDS)
def test_work_is_done_in_an_order_that_a_kitchen_allows(seed: int):
    done = labels(seed)
    assert done[-3:] == ["mix_salad", "serve_salad", "background"]
    made = [label.removeprefix("take_") for label in done if label.startswith("take_")]
    assert made, "a salad of nothing"
    for name in made:
        steps = [f"take_{name}", *PREPARE[name], f"place_{name}_into_bowl"]
        at = done.index(steps[0])
        assert done[at : at + len(steps)] == steps
    worked_on = {label for label in done if label.startswith(("peel_", "cut_", "tear_", "place_"))}
    expected = {step for name in made for step in (*PREPARE[name], f"place_{name}_into_bowl")}
    assert worked_on == expected, "nothing is cut or placed that was not taken"
    assert any(label in SEASONINGS for label in done)
    assert max(Counter(label for label in done if label != "background").values()) == 1
    assert all(
        done.index(label) < done.index("mix_salad") for label in (*worked_on, *SEASONINGS) if label in done
    )


def test_every_action_occurs_and_salads_differ():
    scripts = [tuple(labels(seed)) for seed in SEEDS]
    assert {label for script in scripts for label in script} == set(CLASS_NAMES)
    assert len(set(scripts)) > 60
    assert Counter(scripts).most_common(1)[0][1] < 0.15 * len(scripts)


def test_the_same_seed_writes_the_same_script():
    assert write_script(7) == write_script(7)
    assert write_script(7) != write_script(8)


def test_the_cook_shows_early():
    """After one action cooks go on in different ways; their first action tells which."""
    after, after_and_first = Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
    for seed in range(1000):
        done = labels(seed)
        for label, following in pairwise(done[1:]):
            after[label, following] += 1
            after_and_first[done[1], label, following] += 1

    def right(counts: Counter) -> float:
        """Share of transitions that the most likely successor in each context gets right."""
        best: dict[tuple, int] = {}
        for (*context, _), count in counts.items():
            best[tuple(context)] = max(best.get(tuple(context), 0), count)
        return sum(best.values()) / counts.total()

    assert right(after) < 0.75
    assert 0.85 < right(after_and_first) < 0.97


def test_a_short_salad_leaves_steps_out_rather_than_hurry_them():
    assert len(labels(3, 12.0)) < len(labels(3, 90.0)) == len(labels(3, 200.0))


@pytest.mark.parametrize("seconds", [0.0, -1.0, 3.9, float("nan"), float("inf"), 3601.0])
def test_a_length_that_makes_no_sense_is_refused(seconds: float):
    with pytest.raises(ValueError, match=r"^a salad of .* s was asked for; one takes 4 to 3600 s$"):
        write_script(0, seconds)


def test_label_at_takes_the_action_under_way():
    script = (Step("background", 0.0, 2.0), Step("cut_tomato", 2.0, 5.0))
    assert [label_at(script, time) for time in (0.0, 1.999, 2.0, 5.0, 99.0)] == [
        "background", "background", "cut_tomato", "cut_tomato", "cut_tomato",
    ]  # fmt: skip
