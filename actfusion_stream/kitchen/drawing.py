"""A procedurally drawn kitchen, seen from above, in which two hands prepare a salad.

The kitchen gives everyone a video to look at, a model that can be trained from nothing but seeds, and labels
that are right by construction. Nothing in a picture stands for a label: no text, no coded colours. Actions
are told apart as in a real kitchen, by hands, tools, things and how they move.

Every frame is a pure function of (seed, seconds, size, time): frames can be drawn in any order, by any number
of processes.
Scene units: 320 x 240, origin top left; other sizes scale the scene and fill the rest with worktop.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.kitchen.canvas import (
    HEIGHT,
    WIDTH,
    Canvas,
    Color,
    Point,
    add,
    blend,
    ease,
    mix,
    rotate,
    route,
    shade,
)
from actfusion_stream.kitchen.script import INGREDIENTS, PREPARE, SEASONINGS, label_at, write_script
from actfusion_stream.kitchen.things import (
    bottle,
    cheese,
    cloth,
    cucumber,
    draw_scene,
    knife,
    lettuce,
    peeler,
    piece,
    salad_server,
    tomato,
)

KITCHEN_MARK = "actfusion-kitchen"  # the video's comment: the program knows its own kitchen by it


# ------------------------------------------------------------------------------------------------ the actions


@dataclass
class Hand:
    """A hand's centre, how far its fingers are curled (0 flat .. 1 fist), how it is turned (radians)."""

    at: Point
    curl: float = 0.3
    turn: float = 0.0


@dataclass
class Moment:
    """The state of the kitchen at one time, as far as an action decides it."""

    left: Hand
    right: Hand
    held: dict[str, tuple[Point, float]] = field(default_factory=dict)  # thing -> (where, angle)
    peeled: float = 0.0
    cut: float = 0.0
    scattered: list[tuple[str, Point, float]] = field(default_factory=list)  # loose bits on the board
    carried: list[tuple[str, Point, float]] = field(default_factory=list)  # loose bits in hands or on a spoon
    falling: tuple[str, Point, Point, float] | None = None  # stream or grains: kind, from, to, seconds
    stir: float = 0.0  # how far the salad has been turned, in radians
    served: float = 0.0
    crumbs: float = 1.0  # what wiping has left on the board


_LEFT_REST, _RIGHT_REST = (92.0, 208.0), (160.0, 210.0)
_LYING = {"knife": -1.45, "peeler": -1.5, "spoon": -1.4, "fork": -1.7}  # angle of a tool that nobody holds


def _wave(t: float, rate: float) -> float:
    return math.sin(2 * math.pi * rate * t)


class Kitchen:
    """A salad being made: `frame(t)` draws it, `script` says what is being done when.

    Args:
        seed: decides recipe, layout, colours, light, camera and manners.
        seconds: length of the video.
        size: (width, height) of the frames in pixels.

    Example:
        >>> kitchen = Kitchen(seed=10007, seconds=90, size=(320, 240))
        >>> kitchen.frame(12.5).shape
        (240, 320, 3)
    """

    def __init__(self, seed: int, seconds: float = 90.0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self.seed, self.seconds, self.size = seed, seconds, size
        self.script = write_script(seed, seconds)
        made = tuple(step.label[5:] for step in self.script if step.label.startswith("take_"))
        self.scene = draw_scene(seed, made)
        self._scale = min(size[0] / WIDTH, size[1] / HEIGHT)
        self._left = (size[0] - WIDTH * self._scale) / 2
        self._base: tuple[np.ndarray, np.ndarray] | None = None
        # Of each step: where the one before left the hands.
        self._starts = [(Hand(_LEFT_REST), Hand(_RIGHT_REST))]
        for step, hands in zip(self.script[:-1], self._starts, strict=False):
            end = self._perform(step.label, 1.0, step.end - step.start, *hands)
            self._starts.append((end.left, end.right))

    # -- looks

    def frame(self, time: float) -> np.ndarray:
        """The picture at `time` seconds: (H, W, 3) uint8 RGB."""
        base, gain = self._base_layers()
        canvas = self._canvas(base.copy())
        index = next((i for i, s in enumerate(self.script) if time < s.end), len(self.script) - 1)
        moment = self._moment(index, time)
        self._draw_dishes(canvas, index, moment)
        canvas.flush()
        self._draw_things(canvas, index, moment)
        canvas.flush()
        self._draw_hands(canvas, moment)
        canvas.flush()
        return self._film(canvas.image, gain, time)

    def label(self, time: float) -> str:
        """What is being done at `time` seconds."""
        return label_at(self.script, time)

    def _canvas(self, image: np.ndarray) -> Canvas:
        return Canvas(image, self._scale, self._left, self.scene.light, self.scene.mirror)

    def _base_layers(self) -> tuple[np.ndarray, np.ndarray]:
        """What never moves: worktop and board as a picture, and the light as a gain map (128 = unchanged)."""
        if self._base is None:
            s, rng = self.scene, np.random.default_rng([self.seed, 3])
            w, h = self.size
            coarse = rng.normal(0, 1, (h // 16 + 2, w // 16 + 2)).astype(np.float32)
            fine = rng.normal(0, 1, (h, w)).astype(np.float32)
            if s.worktop_kind == 0:  # stone: blotches and grain
                grain: np.ndarray = 7 * cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC) + 5 * fine
            elif s.worktop_kind == 1:  # planks: long streaks
                grain = 9 * cv2.blur(fine, (61, 1)) * 7 + 4 * cv2.resize(coarse, (w, h))
            else:  # plain, a little cloudy
                grain = 4 * cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
            image = np.clip(np.array(s.worktop, np.float32) + grain[..., None], 0, 255).astype(np.uint8)
            canvas = self._canvas(image)
            canvas.box(s.board, 122, 80, s.wood, lift=4.0)
            canvas.box(s.board, 116, 74, shade(s.wood, 1.06))
            for y in rng.uniform(-34, 34, 9):
                tone = shade(s.wood, float(rng.uniform(0.88, 1.0)))
                grain_line = [add(s.board, at) for at in ((-56, y), (0, y + 1.5), (56, y))]
                canvas.line(grain_line, tone, 1.2)
            canvas.flush()
            x, y = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
            light = s.exposure * (1 + s.slope[0] * x + s.slope[1] * y - 0.08 * (x * x + y * y))
            gain = np.clip(light[..., None] * np.array(s.warmth) * (128 / 122), 0, 255)
            self._base = canvas.image, gain.astype(np.uint8)
        return self._base

    def _film(self, image: np.ndarray, gain: np.ndarray, time: float) -> np.ndarray:
        """What the camera makes of it: light, a hand-held camera's sway, sensor noise."""
        s = self.scene
        flicker = 1 + 0.02 * math.sin(0.7 * time + self.seed)
        image = cv2.multiply(image, gain, scale=flicker / 128)
        if s.jitter:
            dx = s.jitter * self._scale * (math.sin(1.1 * time + self.seed) + 0.5 * math.sin(3.7 * time))
            dy = s.jitter * self._scale * (math.sin(0.9 * time + 2.0) + 0.5 * math.sin(4.3 * time + 1.0))
            turn = 0.004 * s.jitter * math.sin(0.6 * time)
            matrix = np.array([[1, -turn, dx], [turn, 1, dy]], np.float32)
            image = cv2.warpAffine(image, matrix, self.size, borderMode=cv2.BORDER_REFLECT)
        rng = np.random.default_rng([self.seed, 4, round(time * 1000)])
        uniform = rng.integers(0, 256, (image.shape[0], image.shape[1]), dtype=np.uint8)
        noise = cv2.blur(uniform, (2, 2))  # sums are near enough to Gaussian, and as fine as a pixel or two
        spread = s.noise / 37.0  # of the blurred noise: 256 / sqrt(12) / 2
        return cv2.addWeighted(image, 1.0, cv2.merge([noise, noise, noise]), spread, -127.5 * spread)

    # -- the state of the work

    def _done(self, index: int, label: str) -> bool:
        return any(step.label == label for step in self.script[:index])

    def _draw_dishes(self, c: Canvas, index: int, m: Moment) -> None:
        s = self.scene
        c.ellipse(s.plate, 31, 31, s.plate_color, lift=3.0)
        c.ellipse(s.plate, 22, 22, shade(s.plate_color, 0.95))
        c.ellipse(s.bowl, 42, 41, s.bowl_color, lift=6.0)
        c.ellipse(s.bowl, 38, 37, shade(s.bowl_color, 0.72))
        c.ellipse(add(s.bowl, (1.5, 2.0)), 33, 32, shade(s.bowl_color, 0.84))
        dressed = [name for name in ("pour_oil", "pour_vinegar") if self._done(index, name)]
        for name in dressed:
            color, where = (s.oil, (6, 6)) if name == "pour_oil" else (s.vinegar, (-6, 8))
            c.ellipse(add(s.bowl, where), 17, 14, blend(color, s.bowl_color, 0.45))
        for k, (name, at, angle) in enumerate(self._salad(index, m.stir)):
            if k / 56 >= 0.9 * m.served:
                piece(c, name, at, angle, 1.15, s)
            else:  # served: the same bit, on the plate
                x, y = (at[0] - s.bowl[0]) * 0.58, (at[1] - s.bowl[1]) * 0.58
                piece(c, name, add(s.plate, (x, y)), angle, 1.1, s)
        for k, name in enumerate(("shake_salt", "grind_pepper")):
            if self._done(index, name) and m.served < 0.5:
                color = (245.0, 245.0, 245.0) if k == 0 else (40.0, 34.0, 30.0)
                for u, v, w in s.pieces[:18]:
                    p = add(s.bowl, rotate(27 * math.sqrt(u), 0.0, 6.283 * (v + 0.31 * k + w)))
                    c.ellipse(p, 0.8, 0.8, color)

    def _salad(self, index: int, stir: float) -> list[tuple[str, Point, float]]:
        """Bits in the bowl: those put in later lie on top until the salad is mixed."""
        bits: list[tuple[str, Point, float]] = []
        names = [s.label[6:-10] for s in self.script[:index] if s.label.startswith("place_")]
        mixed = min(stir / 6.0, 1.0)
        for i, name in enumerate(names):
            for k in range(14):
                u, v, w = self.scene.pieces[(16 * i + k) % 64]
                heap = 2 * math.pi * i / max(len(names), 1)  # heaps that stirring spreads out
                r = 27.0 * math.sqrt(u)
                x, y = rotate(r, 0.0, 2 * math.pi * v)
                x, y = mix((x * 0.62 + 11 * math.cos(heap), y * 0.62 + 11 * math.sin(heap)), (x, y), mixed)
                turn = stir * (0.55 + 0.45 * w)
                bits.append((name, add(self.scene.bowl, rotate(x, y, turn)), 6.28 * w + turn))
        if mixed > 0.3:
            bits = bits[::3] + bits[1::3] + bits[2::3]
        return bits

    def _draw_things(self, c: Canvas, index: int, m: Moment) -> None:
        s = self.scene
        label = self.script[index].label
        for name in ("cloth", "knife", "peeler", "spoon", "fork", *SEASONINGS):
            if name not in m.held:
                self._draw_thing(c, name, s.spots[name], _LYING.get(name, 0.0), 2.0)
        crumbs = sum(self._done(index, f"place_{name}_into_bowl") for name in INGREDIENTS)
        for k in range(round(7 * crumbs * m.crumbs)):
            u, v, w = s.pieces[(k + 20) % 64]
            at = add(s.board, (100 * (u - 0.5), 56 * (v - 0.5)))
            c.ellipse(at, 1.1, 0.8, shade((150.0, 160.0, 100.0), 0.7 + 0.6 * w))
        for name in INGREDIENTS:
            if name not in s.spots or self._done(index, f"place_{name}_into_bowl"):
                continue
            if name in m.held or label == f"place_{name}_into_bowl":
                continue
            taken = self._done(index, f"take_{name}")
            at = add(s.board, (4.0, 0.0)) if taken else s.spots[name]
            work = PREPARE[name][-1]
            cut = m.cut if label == work else float(self._done(index, work))
            peeled = m.peeled if label == "peel_cucumber" else float(self._done(index, "peel_cucumber"))
            self._draw_ingredient(c, name, at, 0.0 if taken else 0.35, peeled, cut, 2.5)
            if taken and cut > 0:
                for at_piece, angle in self._pile(name, cut):
                    piece(c, name, at_piece, angle, 1.0, s)
        for name, at, angle in m.scattered:
            if name == "peel":
                skin = s.skins["cucumber"]
                curl = [add(at, rotate(x, 2.2 * math.sin(x / 2.2), angle)) for x in range(-7, 8, 2)]
                c.line(curl, shade(skin, 1.1), 2.4)
            else:
                piece(c, name, at, angle, 1.0, s)

    def _pile(self, name: str, cut: float) -> list[tuple[Point, float]]:
        """Where the bits cut so far lie on the board, in the order they fall."""
        count = round(14 * cut)
        offset = 40 * (0.5 - cut) if name != "lettuce" else 0.0
        bits = []
        for u, v, w in self.scene.pieces[:count]:
            spread = (18 + 22 * u) if name != "lettuce" else 20 * u - 10
            bits.append((add(self.scene.board, (spread - offset * 0.2 - 12, 30 * (v - 0.5) + 4)), 6.28 * w))
        return bits

    def _draw_ingredient(
        self, c: Canvas, name: str, at: Point, angle: float, peeled: float, cut: float, lift: float
    ) -> None:
        skin = self.scene.skins[name]
        if name == "cucumber":
            cucumber(c, at, angle, skin, peeled, cut, lift)
        elif name == "tomato":
            tomato(c, at, angle, skin, cut, lift)
        elif name == "cheese":
            cheese(c, at, angle, skin, cut, lift)
        else:
            lettuce(c, at, angle, skin, cut, lift)

    def _draw_thing(self, c: Canvas, name: str, at: Point, angle: float, lift: float) -> None:
        s = self.scene
        if name == "knife":
            knife(c, at, angle, s, lift)
        elif name == "peeler":
            peeler(c, at, angle, s, lift)
        elif name in ("spoon", "fork"):
            salad_server(c, at, angle, s, name == "fork", lift)
        elif name == "cloth":
            cloth(c, at, angle, s.cloth, lift)
        elif name in SEASONINGS:
            bottle(c, name, at, angle, s, lift)

    def _draw_hands(self, c: Canvas, m: Moment) -> None:
        s = self.scene
        if m.falling:
            kind, start, end, time = m.falling
            if kind in ("pour_oil", "pour_vinegar"):
                c.line([start, add(end, (0.5, -2.0)), end], s.oil if kind == "pour_oil" else s.vinegar, 2.0)
            else:
                color = (248.0, 248.0, 248.0) if kind == "shake_salt" else (36.0, 30.0, 28.0)
                for k, (u, v, w) in enumerate(s.pieces[:12]):
                    fall = (w + 2.1 * time + k * 0.083) % 1.0
                    p = mix(start, add(end, (22 * (u - 0.5), 18 * (v - 0.5))), fall)
                    c.ellipse(p, 1.0, 1.0, color)
        for name, (at, angle) in m.held.items():
            if name in INGREDIENTS:
                self._draw_ingredient(c, name, at, angle, 0.0, 0.0, 7.0)
            else:
                self._draw_thing(c, name, at, angle, 7.0)
        for name, at, angle in m.carried:
            piece(c, name, at, angle, 1.0, s)
        self._draw_arm(c, m.left, -1.0)
        self._draw_arm(c, m.right, 1.0)

    def _draw_arm(self, c: Canvas, hand: Hand, side: float) -> None:
        s = self.scene
        size = s.hand_size
        shoulder = (WIDTH / 2 - 32 + side * 58, HEIGHT + 62.0)
        reach = (hand.at[0] - shoulder[0], hand.at[1] - shoulder[1])
        distance = math.hypot(*reach)
        forward = math.atan2(reach[1], reach[0])
        wrist = add(hand.at, rotate(-9 * size, 0.0, forward))
        elbow = add(mix(shoulder, wrist, 0.5), rotate(0.0, side * max(46.0 - 0.14 * distance, 6.0), forward))
        t = np.linspace(0, 1, 10)[:, None]
        axis = (1 - t) ** 2 * np.array(shoulder) + 2 * t * (1 - t) * np.array(elbow) + t**2 * np.array(wrist)
        normal = np.gradient(axis, axis=0)
        normal = np.stack([-normal[:, 1], normal[:, 0]], 1) / np.linalg.norm(normal, axis=1, keepdims=True)

        def sleeve(first: float, last: float, widest: float, thin: float, color: Color, lift: float) -> None:
            inside = (t[:, 0] >= first - 1e-9) & (t[:, 0] <= last + 1e-9)
            width = (widest + (thin - widest) * t[inside]) * size
            left, right = axis[inside] + normal[inside] * width, axis[inside] - normal[inside] * width
            c.polygon(np.concatenate([left, right[::-1]]), color, lift)

        sleeve(0.3, 1.0, 17.0, 6.6, s.hand, 8.0)
        sleeve(0.0, round(s.sleeve_reach * 9) / 9, 22.0, 9.6, s.sleeve, 8.0)
        self._draw_hand(c, hand, forward + hand.turn, side, size)

    def _draw_hand(self, c: Canvas, hand: Hand, angle: float, side: float, size: float) -> None:
        s = self.scene
        dark = shade(s.hand, 0.8)

        def at(x: float, y: float) -> Point:
            return add(hand.at, rotate(x * size, y * size * side, angle))

        length = 15.0 * (1.0 - 0.62 * hand.curl)
        thumb = [at(-5, -7), at(3, -12 + 2 * hand.curl), at(5 + 0.4 * length, -10 + 6 * hand.curl)]
        c.line(thumb, s.hand, s.finger_width, 7.0)
        for k, y in enumerate((-6.4, -2.2, 2.2, 6.2)):
            reach = length * (0.88, 1.0, 0.96, 0.76)[k]
            spread = y * (1.0 + 0.22 * (1 - hand.curl))
            c.line([at(4, y), at(6 + reach, spread)], dark, s.finger_width + 1.0, 7.0)
            c.line([at(4, y), at(6 + reach, spread)], s.hand, s.finger_width)
        c.ellipse(hand.at, 10.5 * size, 9.6 * size, s.hand, angle, 7.0)
        c.ellipse(at(-1, 1), 7.0 * size, 6.4 * size, shade(s.hand, 1.05), angle)
        for y in (-5.6, -1.9, 1.9, 5.4):
            c.line([at(5.6, y - 1.2), at(6.6, y + 1.2)], dark, 1.0)

    # -- the actions: where hands and things are at progress u in [0, 1], t seconds into the action

    def _moment(self, index: int, time: float) -> Moment:
        step = self.script[index]
        t = min(max(time - step.start, 0.0), step.end - step.start)
        m = self._perform(step.label, t / (step.end - step.start), t, *self._starts[index])
        if self._done(index, "wipe_board"):
            m.crumbs = 0.0
        if self._done(index, "mix_salad"):
            m.stir = next(_stirred(1.0, s.end - s.start) for s in self.script if s.label == "mix_salad")
        if self._done(index, "serve_salad"):
            m.served = 1.0
        sway = 0.8 * _wave(time, 0.31), 0.8 * _wave(time + 1.7, 0.23)  # nobody holds quite still
        m.left.at, m.right.at = add(m.left.at, sway), add(m.right.at, (sway[1], sway[0]))
        return m

    def _perform(self, label: str, u: float, t: float, left: Hand, right: Hand) -> Moment:
        verb, _, thing = label.partition("_")
        rest = Moment(
            Hand(route(u, (0.0, left.at), (0.5, _LEFT_REST)), 0.35),
            Hand(route(u, (0.0, right.at), (0.5, _RIGHT_REST)), 0.35),
        )
        if verb == "take":
            return self._take(rest, thing, u, right)
        if verb == "peel":
            return self._peel(rest, u, t, left, right)
        if verb == "cut":
            return self._cut(rest, thing, u, t, left, right)
        if verb == "tear":
            return self._tear(rest, u, t, left, right)
        if verb == "place":
            return self._place(rest, thing.removesuffix("_into_bowl"), u, left, right)
        if verb in ("pour", "shake"):
            return self._pour(rest, label, u, t, right)
        if verb == "grind":
            return self._grind(rest, label, u, t, left, right)
        if verb == "wipe":
            return self._wipe(rest, u, t, right)
        if verb == "mix":
            return self._stir(rest, u, t, left, right)
        if verb == "serve":
            return self._serve(rest, u, left, right)
        return rest

    @property
    def _work(self) -> Point:
        return add(self.scene.board, (4.0, 0.0))

    def _take(self, m: Moment, name: str, u: float, right: Hand) -> Moment:
        spot, work = self.scene.spots[name], self._work
        away = add(work, (34, 34))
        stops = ((0.0, right.at), (0.26, spot), (0.36, spot), (0.8, work), (0.88, work), (1.0, away))
        grasp = ease((u - 0.24) / 0.1) * (1 - ease((u - 0.84) / 0.1))
        m.right = Hand(route(u, *stops), 0.15 + 0.55 * grasp)
        if u >= 0.32:
            m.held[name] = (m.right.at, 0.35 * (1 - ease((u - 0.36) / 0.4))) if u < 0.86 else (work, 0.0)
        return m

    def _with_tool(self, m: Moment, tool: str, u: float, right: Hand, grip: Point, angle: float) -> None:
        """Reach for a tool, work with it at `grip`, put it back."""
        spot = self.scene.spots[tool]
        away = add(spot, (22, 14))
        stops = ((0.0, right.at), (0.11, spot), (0.2, grip), (0.86, grip), (0.95, spot), (1.0, away))
        m.right = Hand(route(u, *stops) if not 0.2 <= u < 0.86 else grip, 0.75)
        if 0.11 <= u < 0.95:
            raised = ease((u - 0.11) / 0.09) * (1 - ease((u - 0.86) / 0.09))
            lying = _LYING.get(tool, 0.0)
            m.held[tool] = (m.right.at, lying + (angle - lying) * raised)

    def _peel(self, m: Moment, u: float, t: float, left: Hand, right: Hand) -> Moment:
        work = self._work
        stroke = _wave(t, 1.15 * self.scene.pace)
        blade = add(work, (3 + 20 * stroke, -1.0 + 1.5 * math.cos(7.2 * t)))
        self._with_tool(m, "peeler", u, right, add(blade, rotate(18, 0, 0.35)), math.pi + 0.35)
        m.peeled = min(max((u - 0.22) / 0.62, 0.0), 1.0)
        m.left = Hand(route(u, (0.0, left.at), (0.18, add(work, (-31, 4)))), 0.6)
        for k in range(int(m.peeled * 6.99)):
            x, y, w = self.scene.pieces[k + 40]
            m.scattered.append(("peel", add(self.scene.board, (84 * (x - 0.5), 20 + 12 * y)), 3 * w))
        return m

    def _cut(self, m: Moment, name: str, u: float, t: float, left: Hand, right: Hand) -> Moment:
        work = self._work
        m.cut = min(max((u - 0.21) / 0.63, 0.0), 1.0)
        half = {"cucumber": 27.0, "tomato": 14.0, "cheese": 19.0}[name]
        face = work[0] + half - 2 * half * m.cut
        chop = _wave(t, 2.1 * self.scene.pace)
        self._with_tool(m, "knife", u, right, (face + 2, work[1] + 24 + 6 * chop), -math.pi / 2 - 0.1)
        hold = max(face - 15, work[0] - half - 12)
        m.left = Hand(route(u, (0.0, left.at), (0.16, (hold, work[1] + 5))), 0.72)
        return m

    def _tear(self, m: Moment, u: float, t: float, left: Hand, right: Hand) -> Moment:
        work = self._work
        m.cut = min(max((u - 0.16) / 0.7, 0.0), 1.0)
        pull = 11 + 9 * (1 + _wave(t, 0.95 * self.scene.pace)) * (0.14 < u < 0.9)
        twist = 0.35 * _wave(t, 0.95 * self.scene.pace)
        for hand, before, side in ((m.left, left, -1), (m.right, right, 1)):
            spot = add(work, (side * pull, 4 + side * 3 * twist))
            hand.at = route(u, (0.0, before.at), (0.14, spot)) if u < 0.14 else spot
            hand.curl, hand.turn = 0.68, side * twist
        if 0.16 < u < 0.9:
            for side in (-1, 1):
                m.carried.append(("lettuce", add(work, (side * (pull - 6), 0.0)), side * 0.8))
        return m

    def _place(self, m: Moment, name: str, u: float, left: Hand, right: Hand) -> Moment:
        work, bowl = self._work, self.scene.bowl
        gather = 30 - 15 * ease((u - 0.16) / 0.12) + 16 * ease((u - 0.58) / 0.12)
        center = route(u, (0.0, work), (0.3, work), (0.56, bowl))
        for hand, before, side, home in ((m.left, left, -1, _LEFT_REST), (m.right, right, 1, _RIGHT_REST)):
            spot = add(center, (side * gather, 7.0))
            hand.at = route(u, (0.0, before.at), (0.15, spot)) if u < 0.15 else spot
            if u > 0.74:
                hand.at = mix(spot, home, 0.8 * ease((u - 0.74) / 0.26))
            hand.curl, hand.turn = 0.25, -side * 0.5
        pile = self._pile(name, 1.0)
        together = ease((u - 0.16) / 0.12)
        for k, (at, angle) in enumerate(pile):
            near = rotate(9 * math.sqrt(self.scene.pieces[k, 0]), 0.0, 2.4 * k)
            if u < 0.3:
                m.scattered.append((name, mix(at, add(work, near), together), angle))
            elif u < 0.6:
                m.carried.append((name, add(center, near), angle))
            else:  # let go: they spread into the bowl
                m.scattered.append((name, add(bowl, rotate(near[0] * 1.6, near[1] * 1.6, 0.3)), angle))
        return m

    def _pour(self, m: Moment, name: str, u: float, t: float, right: Hand) -> Moment:
        spot, bowl = self.scene.spots[name], self.scene.bowl
        pouring = 0.32 <= u < 0.8
        over = add(bowl, (25.0, -14.0))
        if name.startswith("pour"):
            tilt = -1.95
            over = add(over, rotate(8, 0, 3.2 * self.scene.pace * t))
        else:
            tilt = -2.35
            over = add(over, (1.5 * _wave(t, 1.1), 6.5 * _wave(t, 2.3 * self.scene.pace)))
        stops = ((0.0, right.at), (0.13, spot), (0.18, spot), (0.32, over), (0.8, over), (0.92, spot))
        grip = over if pouring else route(u, *stops, (1.0, add(spot, (-8, 30))))
        m.right = Hand(grip, 0.72, -0.25)
        lean = tilt * ease((u - 0.2) / 0.14) * (1 - ease((u - 0.78) / 0.12))
        if 0.15 <= u < 0.92:
            m.held[name] = (add(grip, rotate(0.0, -5.0, lean)), lean)
        if 0.36 <= u < 0.78:
            spout = add(grip, rotate(0.0, -27.0 if name.startswith("pour") else -15.0, lean))
            m.falling = (name, spout, add(spout, (-3.0, 17.0)), t)
        return m

    def _grind(self, m: Moment, name: str, u: float, t: float, left: Hand, right: Hand) -> Moment:
        spot, bowl = self.scene.spots[name], self.scene.bowl
        twist = _wave(t, 1.4 * self.scene.pace)
        over = add(bowl, (4.0 + 4 * _wave(t, 0.3), -8.0))
        at_work = 0.34 <= u < 0.8
        stops = ((0.0, right.at), (0.14, spot), (0.18, spot), (0.32, over), (0.8, over), (0.92, spot))
        at = over if at_work else route(u, *stops, (1.0, add(spot, (-8, 30))))
        m.right = Hand(add(at, (3 + 2.5 * twist * at_work, -6)), 0.8, 0.55 * twist * at_work)
        hold = add(over, (-5.0, 18.0))
        m.left = Hand(route(u, (0.0, left.at), (0.34, hold), (0.8, hold), (1.0, _LEFT_REST)), 0.7)
        if 0.16 <= u < 0.92:
            m.held[name] = (at, 0.25 * twist * at_work)
        if 0.4 <= u < 0.78:
            m.falling = (name, add(over, (0, 18)), add(over, (2.0, 30.0)), t)
        return m

    def _wipe(self, m: Moment, u: float, t: float, right: Hand) -> Moment:
        at = add(
            self.scene.board,
            (38 * _wave(t, 0.85 * self.scene.pace), -24 + 48 * min(max((u - 0.2) / 0.6, 0), 1)),
        )
        self._with_tool(m, "cloth", u, right, at, 0.3 * _wave(t, 0.85 * self.scene.pace))
        m.right.curl = 0.12
        m.crumbs = 1.0 - min(max((u - 0.25) / 0.55, 0.0), 1.0)
        return m

    def _stir(self, m: Moment, u: float, t: float, left: Hand, right: Hand) -> Moment:
        bowl = self.scene.bowl
        m.stir = _stirred(u, t / max(u, 1e-6))
        for hand, before, tool, side in ((m.left, left, "fork", -1), (m.right, right, "spoon", 1)):
            circle = rotate(11.0, 0.0, 2 * math.pi * 0.8 * self.scene.pace * t + (0 if side > 0 else math.pi))
            grip = add(add(bowl, (side * 17.0, 30.0)), circle)
            angle = -math.pi / 2 - side * 0.5
            side_moment = Moment(m.left, m.right)
            self._with_tool(side_moment, tool, u, before, grip, angle)
            hand.at, hand.curl = side_moment.right.at, 0.75
            m.held |= side_moment.held
        return m

    def _serve(self, m: Moment, u: float, left: Hand, right: Hand) -> Moment:
        bowl, plate = self.scene.bowl, self.scene.plate
        trips = 3
        trip = min(max((u - 0.2) / 0.66, 0.0), 0.9999) * trips
        phase = trip % 1.0
        way = ease(phase / 0.5) if phase < 0.5 else 1 - ease((phase - 0.55) / 0.45)
        head = mix(bowl, plate, way)
        angle = -math.pi / 2 - 0.75
        self._with_tool(m, "spoon", u, right, add(head, rotate(-30, 0, angle)), angle)
        hold = add(bowl, (-36, 20))
        m.left = Hand(route(u, (0.0, left.at), (0.2, hold), (0.9, hold), (1.0, _LEFT_REST)), 0.5)
        m.served = (math.floor(trip) + (phase > 0.5)) / trips
        if 0.2 <= u < 0.86 and 0.02 < phase < 0.5:
            for k in range(3):
                names = [s.label[6:-10] for s in self.script if s.label.startswith("place_")]
                m.carried.append((names[k % len(names)], add(head, rotate(3.5, 0, 2.1 * k)), 1.3 * k))
        return m


def _stirred(u: float, duration: float) -> float:
    """Radians the salad has been turned at progress `u` of mixing."""
    return 1.7 * duration * min(max(u - 0.2, 0.0), 0.66)


# ------------------------------------------------------------------------------------------------ the command


def write_video(kitchen: Kitchen, path: Path, rate: Fraction) -> list[str]:
    """Render and encode a kitchen, and say what it shows.

    Args:
        kitchen: what to render.
        path: .mp4, .mov or .mkv.
        rate: frames per second.

    Returns:
        The label of every frame.

    Raises:
        StreamError: the path cannot be written.
    """
    from actfusion_stream.sinks.video import VideoWriter
    from actfusion_stream.sources.frames import SourceInfo

    width, height = kitchen.size
    info = SourceInfo(path.name, width, height, kitchen.seconds, float(rate), False, False, KITCHEN_MARK)
    labels = []
    with VideoWriter(path, None, info, comment=KITCHEN_MARK) as video:
        for i in range(round(kitchen.seconds * rate)):
            time = float(i / rate)
            video.write(time, kitchen.frame(time))
            labels.append(kitchen.label(time))
    return labels


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not all(side.isdecimal() and 32 <= int(side) <= 4096 for side in (width, height)):
        raise argparse.ArgumentTypeError(f"{text!r}: give WIDTHxHEIGHT from 32x32 to 4096x4096, e.g. 320x240")
    return int(width), int(height)


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise argparse.ArgumentTypeError(f"{text!r}: give frames per second from 1 to 240, e.g. 15")
    return rate


def _seed(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 0 to 999999999")
    return int(text)


def _write_labels(path: Path, labels: list[str]) -> None:
    """One label a line, under a temporary name until all are written."""
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text("".join(f"{label}\n" for label in labels))
        partial.replace(path)
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    """`actfusion-kitchen`: write a video of a drawn kitchen, and its labels."""
    parser = OneLineParser(
        prog="actfusion-kitchen", description="Render a video in which two hands prepare a salad."
    )
    parser.add_argument("output", metavar="OUT.mp4", type=Path, help="video to write (.mp4, .mov or .mkv)")
    parser.add_argument(
        "--seed", type=_seed, default=10007,
        help="decides everything; the bundled model was trained below 10000: show it others (default 10007)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="OUT.txt", type=Path, help="one label a frame, as MS-TCN writes them"
    )
    parser.add_argument("--seconds", type=float, default=90.0, help="length of the video (default 90)")
    parser.add_argument("--size", type=_size, default=(WIDTH, HEIGHT), help="WIDTHxHEIGHT (default 320x240)")
    parser.add_argument("--fps", type=_rate, default=Fraction(15), help="frames per second (default 15)")
    options = parser.parse_args(arguments)

    from actfusion_stream.sinks.video import check_output

    try:
        if options.labels:
            check_output(options.labels)
            if options.labels.resolve() == options.output.resolve():
                raise StreamError(f"{options.labels}: is the video; give the labels another name")
        kitchen = Kitchen(options.seed, options.seconds, options.size)
        labels = write_video(kitchen, options.output, options.fps)
        if options.labels:
            _write_labels(options.labels, labels)
    except (StreamError, ValueError) as error:
        print(f"actfusion-kitchen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("actfusion-kitchen: stopped", file=sys.stderr)
        return 130
    actions = sum(step.label != "background" for step in kitchen.script)
    print(f"{options.output}: {len(labels)} frames, {actions} actions, seed {options.seed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
