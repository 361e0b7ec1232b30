"""What happens in the drawn kitchen: a grammar of salads that turns a seed into a script of actions.

A script has the constraints of a real kitchen (peel before cut, cut before place, vegetables and dressing
before mix, serve last), the habits of a cook (every cook has an order of doing things that shows early and
lasts), and freedom (swapped steps, things left out, tempo). So the future is partly predictable, and the more
of the past one has seen, the better: a first-order chain knows only what usually follows
`place_tomato_into_bowl`, not that this cook began with the dressing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

INGREDIENTS = ("cucumber", "tomato", "cheese", "lettuce")
SEASONINGS = ("pour_oil", "pour_vinegar", "shake_salt", "grind_pepper")

# Mean seconds of each action at an unhurried tempo; also the class list, in this order.
MEAN_SECONDS = {
    "background": 2.5,
    "take_cucumber": 3.4,
    "peel_cucumber": 7.0,
    "cut_cucumber": 7.0,
    "place_cucumber_into_bowl": 4.0,
    "take_tomato": 3.4,
    "cut_tomato": 6.0,
    "place_tomato_into_bowl": 4.0,
    "take_cheese": 3.4,
    "cut_cheese": 6.0,
    "place_cheese_into_bowl": 4.0,
    "take_lettuce": 3.4,
    "tear_lettuce": 6.5,
    "place_lettuce_into_bowl": 4.0,
    "pour_oil": 5.0,
    "pour_vinegar": 5.0,
    "shake_salt": 4.5,
    "grind_pepper": 5.0,
    "wipe_board": 4.5,
    "mix_salad": 7.5,
    "serve_salad": 7.0,
}
CLASS_NAMES = tuple(MEAN_SECONDS)

PREPARE = {
    "cucumber": ("peel_cucumber", "cut_cucumber"),
    "tomato": ("cut_tomato",),
    "cheese": ("cut_cheese",),
    "lettuce": ("tear_lettuce",),
}


@dataclass(frozen=True)
class Habit:
    """How one kind of cook goes about it: ingredients and seasonings in order, and two manners."""

    ingredients: tuple[str, ...]
    seasonings: tuple[str, ...]
    seasons_first: bool = False
    wipes_board: bool = False


_OIL, _VINEGAR, _SALT, _PEPPER = SEASONINGS
_CUCUMBER, _TOMATO, _CHEESE, _LETTUCE = INGREDIENTS
# Chosen so that what follows an action differs from cook to cook, and the first two actions tell the cook.
HABITS = (
    Habit((_CUCUMBER, _TOMATO, _CHEESE), (_OIL, _VINEGAR, _SALT, _PEPPER)),
    Habit((_CUCUMBER, _LETTUCE, _TOMATO), (_SALT, _OIL, _PEPPER), seasons_first=True, wipes_board=True),
    Habit((_TOMATO, _CUCUMBER, _LETTUCE), (_VINEGAR, _SALT, _OIL), wipes_board=True),
    Habit((_TOMATO, _CHEESE, _CUCUMBER), (_PEPPER, _OIL, _VINEGAR), seasons_first=True),
    Habit((_CHEESE, _LETTUCE, _CUCUMBER), (_OIL, _SALT), wipes_board=True),
    Habit((_CHEESE, _TOMATO, _LETTUCE), (_VINEGAR, _PEPPER, _SALT), seasons_first=True),
    Habit((_LETTUCE, _CHEESE, _TOMATO), (_SALT, _VINEGAR, _PEPPER, _OIL)),
    Habit((_LETTUCE, _CUCUMBER, _CHEESE), (_OIL, _PEPPER, _SALT, _VINEGAR), seasons_first=True),
)

_FREE_COOK = 0.06  # how often nobody's habit is followed
_SWAP = 0.07  # how often two neighbouring ingredients, or seasonings, change places
_FORGET = 0.05  # how often a seasoning is left out
_SPREAD = 0.14  # of the log of an action's length around the cook's tempo
_BRISKEST = 0.55  # no action is squeezed below this part of its natural length; steps are left out instead
_SHORTEST, _LONGEST = 4.0, 3600.0  # seconds; below, not even one ingredient fits


@dataclass(frozen=True)
class Step:
    """One action of the script, over [start, end) seconds."""

    label: str
    start: float
    end: float


def _swap_neighbours(items: list[str], rng: np.random.Generator) -> list[str]:
    for i in range(len(items) - 1):
        if rng.random() < _SWAP:
            items[i], items[i + 1] = items[i + 1], items[i]
    return items


def _draw_habit(rng: np.random.Generator) -> Habit:
    habit = HABITS[int(rng.integers(len(HABITS)))]
    if rng.random() < _FREE_COOK:
        habit = Habit(
            tuple(str(name) for name in rng.permutation(INGREDIENTS)[: int(rng.integers(2, 5))]),
            tuple(str(name) for name in rng.permutation(SEASONINGS)[: int(rng.integers(1, 5))]),
            bool(rng.random() < 0.3),
            bool(rng.random() < 0.3),
        )
    seasonings = _swap_neighbours(list(habit.seasonings), rng)
    kept = [name for name in seasonings if rng.random() >= _FORGET] or seasonings[:1]
    ingredients = _swap_neighbours(list(habit.ingredients), rng)
    return Habit(tuple(ingredients), tuple(kept), habit.seasons_first, habit.wipes_board)


def _order_of_actions(habit: Habit) -> list[str]:
    vegetables: list[str] = []
    for name in habit.ingredients:
        vegetables += [f"take_{name}", *PREPARE[name], f"place_{name}_into_bowl"]
    if habit.wipes_board:
        vegetables.append("wipe_board")
    seasonings = list(habit.seasonings)
    body = seasonings + vegetables if habit.seasons_first else vegetables + seasonings
    return ["background", *body, "mix_salad", "serve_salad", "background"]


def write_script(seed: int, seconds: float = 90.0, uneven: float = 0.0) -> tuple[Step, ...]:
    """Draw one salad.

    Args:
        seed: decides everything; the same seed and length give the same script.
        seconds: exact length of the script. A short one leaves steps out, a long one takes its time.
        uneven: how much the pace changes on the way, as the log of its largest factor: with 0.7 a cook is
            up to twice as fast, or as slow, in one stretch as on average.

    Returns:
        Steps in order, without holes, from 0 to `seconds`.

    Raises:
        ValueError: `seconds` is too short or too long for a salad.
    """
    if not _SHORTEST <= seconds <= _LONGEST:
        raise ValueError(f"a salad of {seconds:g} s was asked for; one takes {_SHORTEST:g} to {_LONGEST:g} s")
    rng = np.random.default_rng([seed, 1])
    habit = _draw_habit(rng)
    tempo = float(np.exp(rng.normal(0.0, 0.12)))
    while True:
        labels = _order_of_actions(habit)
        natural = sum(MEAN_SECONDS[label] for label in labels)
        if seconds >= _BRISKEST * natural or len(habit.ingredients) + len(habit.seasonings) <= 1:
            break
        if habit.seasonings:
            habit = Habit(habit.ingredients, habit.seasonings[:-1], habit.seasons_first, False)
        else:
            habit = Habit(habit.ingredients[:-1], (), False, False)
    durations = np.array([MEAN_SECONDS[label] for label in labels])
    durations = durations * np.exp(rng.normal(0.0, _SPREAD, len(labels)))
    if uneven:
        turns, phase = rng.uniform(0.5, 1.5), rng.uniform(0.0, 2 * np.pi)
        way = np.linspace(0.0, 2 * np.pi * turns, len(labels))
        durations = durations * np.exp(uneven * np.sin(way + phase))
    # The tempo is the cook's: what it does not use up of the time is spent before and after the work.
    work = float(np.clip(tempo * 0.93, 0.8, 0.97)) * seconds
    durations[1:-1] *= work / durations[1:-1].sum()
    durations[[0, -1]] *= (seconds - work) / durations[[0, -1]].sum()
    edges = np.concatenate([[0.0], np.cumsum(durations)])
    edges *= seconds / edges[-1]
    edges[-1] = seconds  # which rounding may have missed
    return tuple(
        Step(label, float(a), float(b)) for label, a, b in zip(labels, edges[:-1], edges[1:], strict=True)
    )


def label_at(script: tuple[Step, ...], time: float) -> str:
    """The action under way at `time` seconds (the last one from the end on)."""
    return next((step.label for step in script if time < step.end), script[-1].label)
