"""A procedurally drawn kitchen, seen from above, in which two hands prepare a salad.

The kitchen gives everyone a video to look at, a model that can be trained from nothing but seeds, and labels
that are right by construction. Nothing in a picture stands for a label: no text, no coded colours. Actions
are told apart as in a real kitchen, by hands, tools, things and how they move.

Every frame is a pure function of (seed, seconds, size, time): frames can be drawn in any order, by any number
of processes.
Scene units: 320 x 240, origin top left; other sizes scale the scene, and put it in the middle of the worktop,
with more room between things where the picture is tall.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from actfusion_stream.kitchen.actions import Cook, Hand, Moment
from actfusion_stream.kitchen.canvas import (
    HEIGHT,
    WIDTH,
    Canvas,
    Color,
    Point,
    add,
    blend,
    mix,
    rotate,
    shade,
)
from actfusion_stream.kitchen.script import INGREDIENTS, PREPARE, SEASONINGS, label_at, write_script
from actfusion_stream.kitchen.things import (
    LYING,
    bottle,
    cheese,
    cloth,
    cucumber,
    draw_scene,
    knife,
    lettuce,
    peeler,
    piece,
    pile,
    salad_server,
    tomato,
)


class Kitchen:
    """A salad being made: `frame(t)` draws it, `script` says what is being done when.

    Args:
        seed: decides recipe, layout, colours, light, camera and manners.
        seconds: length of the video.
        size: (width, height) of the frames in pixels.
        uneven: how much the pace changes on the way, see `write_script`.

    Example:
        >>> kitchen = Kitchen(seed=10007, seconds=90, size=(320, 240))
        >>> kitchen.frame(12.5).shape
        (240, 320, 3)
    """

    def __init__(
        self,
        seed: int,
        seconds: float = 90.0,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        uneven: float = 0.0,
    ) -> None:
        self.seed, self.seconds, self.size = seed, seconds, size
        self.script = write_script(seed, seconds, uneven)
        made = tuple(step.label[5:] for step in self.script if step.label.startswith("take_"))
        self._scale = min(size[0] / WIDTH, size[1] / HEIGHT)
        # In the middle of a wide picture, and of a tall one: the cook's sleeves go on to its edge.
        self._corner = (size[0] - WIDTH * self._scale) / 2, (size[1] - HEIGHT * self._scale) / 2
        self.scene = draw_scene(seed, made, tall=self._corner[1] / self._scale)
        self.cook = Cook(self.script, self.scene)
        self._base: tuple[np.ndarray, np.ndarray] | None = None

    def frame(self, time: float) -> np.ndarray:
        """The picture at `time` seconds: (H, W, 3) uint8 RGB."""
        base, gain = self._base_layers()
        canvas = self._canvas(base.copy())
        moment = self.cook.moment(time)
        self._draw_dishes(canvas, moment)
        canvas.flush()
        self._draw_things(canvas, moment)
        canvas.flush()
        self._draw_hands(canvas, moment)
        canvas.flush()
        return self._film(canvas.image, gain, time)

    def label(self, time: float) -> str:
        """What is being done at `time` seconds."""
        return label_at(self.script, time)

    def _canvas(self, image: np.ndarray) -> Canvas:
        return Canvas(image, self._scale, self._corner, self.scene.light, self.scene.mirror)

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

    def _draw_dishes(self, c: Canvas, m: Moment) -> None:
        s = self.scene
        c.ellipse(s.plate, 31, 31, s.plate_color, lift=3.0)
        c.ellipse(s.plate, 22, 22, shade(s.plate_color, 0.95))
        c.ellipse(s.bowl, 42, 41, s.bowl_color, lift=6.0)
        c.ellipse(s.bowl, 38, 37, shade(s.bowl_color, 0.72))
        c.ellipse(add(s.bowl, (1.5, 2.0)), 33, 32, shade(s.bowl_color, 0.84))
        for name, color, where in (("pour_oil", s.oil, (6, 6)), ("pour_vinegar", s.vinegar, (-6, 8))):
            if name in m.done:
                c.ellipse(add(s.bowl, where), 17, 14, blend(color, s.bowl_color, 0.45))
        for k, (name, at, angle) in enumerate(self._salad(m)):
            if k / 56 >= 0.9 * m.served:
                piece(c, name, at, angle, 1.15, s)
            else:  # served: the same bit, on the plate
                x, y = (at[0] - s.bowl[0]) * 0.58, (at[1] - s.bowl[1]) * 0.58
                piece(c, name, add(s.plate, (x, y)), angle, 1.1, s)
        for k, name in enumerate(("shake_salt", "grind_pepper")):
            if name in m.done and m.served < 0.5:
                color = (245.0, 245.0, 245.0) if k == 0 else (40.0, 34.0, 30.0)
                for u, v, w in s.pieces[:18]:
                    p = add(s.bowl, rotate(27 * math.sqrt(u), 0.0, 6.283 * (v + 0.31 * k + w)))
                    c.ellipse(p, 0.8, 0.8, color)

    def _salad(self, m: Moment) -> list[tuple[str, Point, float]]:
        """Bits in the bowl: those put in later lie on top until the salad is mixed."""
        bits: list[tuple[str, Point, float]] = []
        names = [label[6:-10] for label in m.done if label.startswith("place_")]
        mixed = min(m.stir / 6.0, 1.0)
        for i, name in enumerate(names):
            for k in range(14):
                u, v, w = self.scene.pieces[(16 * i + k) % 64]
                heap = 2 * math.pi * i / max(len(names), 1)  # heaps that stirring spreads out
                r = 27.0 * math.sqrt(u)
                x, y = rotate(r, 0.0, 2 * math.pi * v)
                x, y = mix((x * 0.62 + 11 * math.cos(heap), y * 0.62 + 11 * math.sin(heap)), (x, y), mixed)
                turn = m.stir * (0.55 + 0.45 * w)
                bits.append((name, add(self.scene.bowl, rotate(x, y, turn)), 6.28 * w + turn))
        if mixed > 0.3:
            bits = bits[::3] + bits[1::3] + bits[2::3]
        return bits

    def _draw_things(self, c: Canvas, m: Moment) -> None:
        s = self.scene
        for name in ("cloth", "knife", "peeler", "spoon", "fork", *SEASONINGS):
            if name not in m.held:
                self._draw_thing(c, name, s.spots[name], LYING.get(name, 0.0), 2.0)
        crumbs = sum(f"place_{name}_into_bowl" in m.done for name in INGREDIENTS)
        for k in range(round(7 * crumbs * m.crumbs)):
            u, v, w = s.pieces[(k + 20) % 64]
            at = add(s.board, (100 * (u - 0.5), 56 * (v - 0.5)))
            c.ellipse(at, 1.1, 0.8, shade((150.0, 160.0, 100.0), 0.7 + 0.6 * w))
        for name in INGREDIENTS:
            if name not in s.spots or f"place_{name}_into_bowl" in m.done:
                continue
            if name in m.held or m.label == f"place_{name}_into_bowl":
                continue
            taken = f"take_{name}" in m.done
            at = s.work if taken else s.spots[name]
            work = PREPARE[name][-1]
            cut = m.cut if m.label == work else float(work in m.done)
            peeled = m.peeled if m.label == "peel_cucumber" else float("peel_cucumber" in m.done)
            self._draw_ingredient(c, name, at, 0.0 if taken else 0.35, peeled, cut, 2.5)
            if taken and cut > 0:
                for at_piece, angle in pile(s, name, cut):
                    piece(c, name, at_piece, angle, 1.0, s)
        for name, at, angle in m.scattered:
            if name == "peel":
                skin = s.skins["cucumber"]
                curl = [add(at, rotate(x, 2.2 * math.sin(x / 2.2), angle)) for x in range(-7, 8, 2)]
                c.line(curl, shade(skin, 1.1), 2.4)
            else:
                piece(c, name, at, angle, 1.0, s)

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
        shoulder = (WIDTH / 2 - 32 + side * 58, HEIGHT + 62.0 + s.down(HEIGHT))
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
        if s.tall:  # the shoulder does not reach the edge
            along = (axis[0] - axis[1]) / abs(axis[0, 1] - axis[1, 1])
            start, end = axis[0] - along, axis[0] + s.tall * along
            aside = normal[0] * 22.0 * size
            c.polygon([*map(tuple, (start + aside, end + aside, end - aside, start - aside))], s.sleeve, 8.0)
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
