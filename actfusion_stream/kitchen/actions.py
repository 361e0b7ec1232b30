"""What each action does: where hands and things are while it is under way, and what it leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from actfusion_stream.kitchen.canvas import Point, add, ease, mix, rotate, route
from actfusion_stream.kitchen.script import Step
from actfusion_stream.kitchen.things import LYING, Scene, pile


@dataclass
class Hand:
    """A hand's centre, how far its fingers are curled (0 flat .. 1 fist), how it is turned (radians)."""

    at: Point
    curl: float = 0.3
    turn: float = 0.0


@dataclass
class Moment:
    """The state of the kitchen at one time."""

    left: Hand
    right: Hand
    label: str  # the action under way
    done: tuple[str, ...] = ()  # the actions before it, in order
    held: dict[str, tuple[Point, float]] = field(default_factory=dict)  # thing -> (where, angle)
    peeled: float = 0.0
    cut: float = 0.0
    scattered: list[tuple[str, Point, float]] = field(default_factory=list)  # loose bits on the board
    carried: list[tuple[str, Point, float]] = field(default_factory=list)  # loose bits in hands or on a spoon
    falling: tuple[str, Point, Point, float] | None = None  # stream or grains: kind, from, to, seconds
    stir: float = 0.0  # how far the salad has been turned, in radians
    served: float = 0.0
    crumbs: float = 1.0  # what wiping has left on the board


class Cook:
    """Makes the salad of a script: `moment(t)` says where hands and things are.

    Args:
        script: what is done when.
        scene: where things lie, and how this cook moves.
    """

    def __init__(self, script: tuple[Step, ...], scene: Scene) -> None:
        self._script, self._scene = script, scene
        # Of each step: where the one before left the hands.
        self._starts = [(Hand(scene.left_rest), Hand(scene.right_rest))]
        for index, step in enumerate(script[:-1]):
            end = self._perform(index, step.end - step.start)
            self._starts.append((end.left, end.right))

    def moment(self, time: float) -> Moment:
        """The state of the kitchen at `time` seconds (the last action from the end on)."""
        index = next((i for i, step in enumerate(self._script) if time < step.end), len(self._script) - 1)
        step = self._script[index]
        m = self._perform(index, min(max(time - step.start, 0.0), step.end - step.start))
        m.done = tuple(step.label for step in self._script[:index])
        if "wipe_board" in m.done:
            m.crumbs = 0.0
        if "mix_salad" in m.done:
            m.stir = next(_stirred(1.0, s.end - s.start) for s in self._script if s.label == "mix_salad")
        if "serve_salad" in m.done:
            m.served = 1.0
        sway = 0.8 * _wave(time, 0.31), 0.8 * _wave(time + 1.7, 0.23)  # nobody holds quite still
        m.left.at, m.right.at = add(m.left.at, sway), add(m.right.at, (sway[1], sway[0]))
        return m

    def _perform(self, index: int, t: float) -> Moment:
        """What action `index` of the script decides, `t` seconds into it."""
        step, (left, right) = self._script[index], self._starts[index]
        verb, _, thing = step.label.partition("_")
        p = _Progress(self._scene, thing, t / (step.end - step.start), t, left, right)
        m = Moment(
            Hand(route(p.u, (0.0, left.at), (0.5, p.scene.left_rest)), 0.35),
            Hand(route(p.u, (0.0, right.at), (0.5, p.scene.right_rest)), 0.35),
            step.label,
        )
        if verb in _ACTIONS:
            _ACTIONS[verb](p, m)
        return m


@dataclass(frozen=True)
class _Progress:
    """How far an action is."""

    scene: Scene
    thing: str  # what is done something with: the label without its verb
    u: float  # how much of it is done, in [0, 1]
    t: float  # seconds since it began
    left: Hand  # where the action before left the hands
    right: Hand


def _take(p: _Progress, m: Moment) -> None:
    u, spot, work = p.u, p.scene.spots[p.thing], p.scene.work
    away = add(work, (34, 34))
    stops = ((0.0, p.right.at), (0.26, spot), (0.36, spot), (0.8, work), (0.88, work), (1.0, away))
    grasp = ease((u - 0.24) / 0.1) * (1 - ease((u - 0.84) / 0.1))
    m.right = Hand(route(u, *stops), 0.15 + 0.55 * grasp)
    if u >= 0.32:
        m.held[p.thing] = (m.right.at, 0.35 * (1 - ease((u - 0.36) / 0.4))) if u < 0.86 else (work, 0.0)


def _peel(p: _Progress, m: Moment) -> None:
    u, t, work = p.u, p.t, p.scene.work
    stroke = _wave(t, 1.15 * p.scene.pace)
    blade = add(work, (3 + 20 * stroke, -1.0 + 1.5 * math.cos(7.2 * t)))
    m.right, m.held = _with_tool(p, "peeler", p.right, add(blade, rotate(18, 0, 0.35)), math.pi + 0.35)
    m.peeled = min(max((u - 0.22) / 0.62, 0.0), 1.0)
    m.left = Hand(route(u, (0.0, p.left.at), (0.18, add(work, (-31, 4)))), 0.6)
    for k in range(int(m.peeled * 6.99)):
        x, y, w = p.scene.pieces[k + 40]
        m.scattered.append(("peel", add(p.scene.board, (84 * (x - 0.5), 20 + 12 * y)), 3 * w))


def _cut(p: _Progress, m: Moment) -> None:
    u, work = p.u, p.scene.work
    m.cut = min(max((u - 0.21) / 0.63, 0.0), 1.0)
    half = {"cucumber": 27.0, "tomato": 14.0, "cheese": 19.0}[p.thing]
    face = work[0] + half - 2 * half * m.cut
    chop = _wave(p.t, 2.1 * p.scene.pace)
    grip = (face + 2, work[1] + 24 + 6 * chop)
    m.right, m.held = _with_tool(p, "knife", p.right, grip, -math.pi / 2 - 0.1)
    hold = max(face - 15, work[0] - half - 12)
    m.left = Hand(route(u, (0.0, p.left.at), (0.16, (hold, work[1] + 5))), 0.72)


def _tear(p: _Progress, m: Moment) -> None:
    u, work = p.u, p.scene.work
    m.cut = min(max((u - 0.16) / 0.7, 0.0), 1.0)
    pull = 11 + 9 * (1 + _wave(p.t, 0.95 * p.scene.pace)) * (0.14 < u < 0.9)
    twist = 0.35 * _wave(p.t, 0.95 * p.scene.pace)
    for hand, before, side in ((m.left, p.left, -1), (m.right, p.right, 1)):
        spot = add(work, (side * pull, 4 + side * 3 * twist))
        hand.at = route(u, (0.0, before.at), (0.14, spot)) if u < 0.14 else spot
        hand.curl, hand.turn = 0.68, side * twist
    if 0.16 < u < 0.9:
        for side in (-1, 1):
            m.carried.append(("lettuce", add(work, (side * (pull - 6), 0.0)), side * 0.8))


def _place(p: _Progress, m: Moment) -> None:
    u, work, bowl = p.u, p.scene.work, p.scene.bowl
    name = p.thing.removesuffix("_into_bowl")
    gather = 30 - 15 * ease((u - 0.16) / 0.12) + 16 * ease((u - 0.58) / 0.12)
    center = route(u, (0.0, work), (0.3, work), (0.56, bowl))
    for hand, before, side, home in (
        (m.left, p.left, -1, p.scene.left_rest),
        (m.right, p.right, 1, p.scene.right_rest),
    ):
        spot = add(center, (side * gather, 7.0))
        hand.at = route(u, (0.0, before.at), (0.15, spot)) if u < 0.15 else spot
        if u > 0.74:
            hand.at = mix(spot, home, 0.8 * ease((u - 0.74) / 0.26))
        hand.curl, hand.turn = 0.25, -side * 0.5
    together = ease((u - 0.16) / 0.12)
    for k, (at, angle) in enumerate(pile(p.scene, name, 1.0)):
        near = rotate(9 * math.sqrt(p.scene.pieces[k, 0]), 0.0, 2.4 * k)
        if u < 0.3:
            m.scattered.append((name, mix(at, add(work, near), together), angle))
        elif u < 0.6:
            m.carried.append((name, add(center, near), angle))
        else:  # let go: they spread into the bowl
            m.scattered.append((name, add(bowl, rotate(near[0] * 1.6, near[1] * 1.6, 0.3)), angle))


def _pour(p: _Progress, m: Moment) -> None:
    """Pour from a bottle, or shake a shaker."""
    u, t, spot = p.u, p.t, p.scene.spots[m.label]
    liquid = m.label.startswith("pour")
    pouring = 0.32 <= u < 0.8
    over = add(p.scene.bowl, (25.0, -14.0))
    if liquid:
        tilt = -1.95
        over = add(over, rotate(8, 0, 3.2 * p.scene.pace * t))
    else:
        tilt = -2.35
        over = add(over, (1.5 * _wave(t, 1.1), 6.5 * _wave(t, 2.3 * p.scene.pace)))
    stops = ((0.0, p.right.at), (0.13, spot), (0.18, spot), (0.32, over), (0.8, over), (0.92, spot))
    grip = over if pouring else route(u, *stops, (1.0, add(spot, (-8, 30))))
    m.right = Hand(grip, 0.72, -0.25)
    lean = tilt * ease((u - 0.2) / 0.14) * (1 - ease((u - 0.78) / 0.12))
    if 0.15 <= u < 0.92:
        m.held[m.label] = (add(grip, rotate(0.0, -5.0, lean)), lean)
    if 0.36 <= u < 0.78:
        spout = add(grip, rotate(0.0, -27.0 if liquid else -15.0, lean))
        m.falling = (m.label, spout, add(spout, (-3.0, 17.0)), t)


def _grind(p: _Progress, m: Moment) -> None:
    u, t, spot = p.u, p.t, p.scene.spots[m.label]
    twist = _wave(t, 1.4 * p.scene.pace)
    over = add(p.scene.bowl, (4.0 + 4 * _wave(t, 0.3), -8.0))
    at_work = 0.34 <= u < 0.8
    stops = ((0.0, p.right.at), (0.14, spot), (0.18, spot), (0.32, over), (0.8, over), (0.92, spot))
    at = over if at_work else route(u, *stops, (1.0, add(spot, (-8, 30))))
    m.right = Hand(add(at, (3 + 2.5 * twist * at_work, -6)), 0.8, 0.55 * twist * at_work)
    hold = add(over, (-5.0, 18.0))
    m.left = Hand(route(u, (0.0, p.left.at), (0.34, hold), (0.8, hold), (1.0, p.scene.left_rest)), 0.7)
    if 0.16 <= u < 0.92:
        m.held[m.label] = (at, 0.25 * twist * at_work)
    if 0.4 <= u < 0.78:
        m.falling = (m.label, add(over, (0, 18)), add(over, (2.0, 30.0)), t)


def _wipe(p: _Progress, m: Moment) -> None:
    sweep = _wave(p.t, 0.85 * p.scene.pace)
    at = add(p.scene.board, (38 * sweep, -24 + 48 * min(max((p.u - 0.2) / 0.6, 0), 1)))
    m.right, m.held = _with_tool(p, "cloth", p.right, at, 0.3 * sweep)
    m.right.curl = 0.12
    m.crumbs = 1.0 - min(max((p.u - 0.25) / 0.55, 0.0), 1.0)


def _mix(p: _Progress, m: Moment) -> None:
    m.stir = _stirred(p.u, p.t / max(p.u, 1e-6))
    for hand, before, tool, side in ((m.left, p.left, "fork", -1), (m.right, p.right, "spoon", 1)):
        circle = rotate(11.0, 0.0, 2 * math.pi * 0.8 * p.scene.pace * p.t + (0 if side > 0 else math.pi))
        grip = add(add(p.scene.bowl, (side * 17.0, 30.0)), circle)
        used, held = _with_tool(p, tool, before, grip, -math.pi / 2 - side * 0.5)
        hand.at, hand.curl = used.at, used.curl
        m.held |= held


def _serve(p: _Progress, m: Moment) -> None:
    u, bowl, plate = p.u, p.scene.bowl, p.scene.plate
    trips = 3
    trip = min(max((u - 0.2) / 0.66, 0.0), 0.9999) * trips
    phase = trip % 1.0
    way = ease(phase / 0.5) if phase < 0.5 else 1 - ease((phase - 0.55) / 0.45)
    head = mix(bowl, plate, way)
    angle = -math.pi / 2 - 0.75
    m.right, m.held = _with_tool(p, "spoon", p.right, add(head, rotate(-30, 0, angle)), angle)
    hold = add(bowl, (-36, 20))
    m.left = Hand(route(u, (0.0, p.left.at), (0.2, hold), (0.9, hold), (1.0, p.scene.left_rest)), 0.5)
    m.served = (math.floor(trip) + (phase > 0.5)) / trips
    if 0.2 <= u < 0.86 and 0.02 < phase < 0.5:
        names = p.scene.ingredients
        for k in range(3):
            m.carried.append((names[k % len(names)], add(head, rotate(3.5, 0, 2.1 * k)), 1.3 * k))


_ACTIONS: dict[str, Callable[[_Progress, Moment], None]] = {
    "take": _take,
    "peel": _peel,
    "cut": _cut,
    "tear": _tear,
    "place": _place,
    "pour": _pour,
    "shake": _pour,
    "grind": _grind,
    "wipe": _wipe,
    "mix": _mix,
    "serve": _serve,
}  # by the verb of the label; without one the hands rest


def _with_tool(
    p: _Progress, tool: str, before: Hand, grip: Point, angle: float
) -> tuple[Hand, dict[str, tuple[Point, float]]]:
    """The hand that reaches for a tool, works with it at `grip` and puts it back; and the tool while held."""
    u, spot = p.u, p.scene.spots[tool]
    away = add(spot, (22, 14))
    stops = ((0.0, before.at), (0.11, spot), (0.2, grip), (0.86, grip), (0.95, spot), (1.0, away))
    hand = Hand(route(u, *stops) if not 0.2 <= u < 0.86 else grip, 0.75)
    if not 0.11 <= u < 0.95:
        return hand, {}
    raised = ease((u - 0.11) / 0.09) * (1 - ease((u - 0.86) / 0.09))
    lying = LYING.get(tool, 0.0)
    return hand, {tool: (hand.at, lying + (angle - lying) * raised)}


def _wave(t: float, rate: float) -> float:
    return math.sin(2 * math.pi * rate * t)


def _stirred(u: float, duration: float) -> float:
    """Radians the salad has been turned at progress `u` of mixing."""
    return 1.7 * duration * min(max(u - 0.2, 0.0), 0.66)
