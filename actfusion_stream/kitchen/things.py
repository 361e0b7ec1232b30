"""What lies in the kitchen and how it looks: ingredients, bottles, tools, and what a seed decides of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from actfusion_stream.kitchen.canvas import Canvas, Color, Point, add, blend, rotate, shade
from actfusion_stream.kitchen.script import INGREDIENTS, SEASONINGS

LYING = {"knife": -1.45, "peeler": -1.5, "spoon": -1.4, "fork": -1.7}  # angle of a tool that nobody holds


@dataclass
class Scene:
    """Everything a seed decides about how this kitchen looks and how this cook moves."""

    ingredients: tuple[str, ...]  # of this salad, in the order in which they are prepared
    board: Point
    bowl: Point
    plate: Point
    spots: dict[str, Point]  # where each ingredient, seasoning and tool lies
    skins: dict[str, Color]
    worktop: Color
    worktop_kind: int
    wood: Color
    bowl_color: Color
    plate_color: Color
    glass: Color
    oil: Color
    vinegar: Color
    salt: Color
    mill: Color
    handle: Color
    spoon: Color
    cloth: Color
    sleeve: Color
    hand: Color
    hand_size: float
    sleeve_reach: float
    finger_width: float
    pace: float
    light: Point
    warmth: Color
    exposure: float
    slope: Point
    noise: float
    jitter: float
    mirror: bool
    tall: float  # scene units that the picture has above and below the scene
    pieces: np.ndarray = field(repr=False)  # (64, 3) fixed random numbers in [0, 1) for scattered bits

    @property
    def work(self) -> Point:
        """Where on the board an ingredient is worked on."""
        return add(self.board, (4.0, 0.0))

    @property
    def left_rest(self) -> Point:
        """Where a hand is that has nothing to do; so `right_rest`."""
        return (92.0, 208.0 + self.down(208.0))

    @property
    def right_rest(self) -> Point:
        return (160.0, 210.0 + self.down(210.0))

    def down(self, y: float) -> float:
        """How far a thing at that height of the scene lies further down in a tall picture, to use it."""
        return 0.45 * self.tall * min(max((y - 130.0) / 90.0, -1.0), 1.0)


def _near(rng: np.random.Generator, color: Color, spread: float = 14.0) -> Color:
    r, g, b = np.clip(np.array(color) + rng.normal(0.0, spread, 3), 12, 245)
    return (float(r), float(g), float(b))


def _choice(rng: np.random.Generator, colors: list[Color], spread: float = 10.0) -> Color:
    return _near(rng, colors[int(rng.integers(len(colors)))], spread)


def draw_scene(seed: int, ingredients: tuple[str, ...], tall: float = 0.0) -> Scene:
    """Draw the looks of a kitchen: where things lie, colours, light, hands and camera.

    Args:
        seed: decides it.
        ingredients: of this salad, in their order.
        tall: scene units that the picture has above and below the scene; things move apart into them.
    """
    rng = np.random.default_rng([seed, 2])

    def about(x: float, y: float, spread: float = 4.0) -> Point:
        dx, dy = rng.normal(0.0, spread / 2, 2).clip(-spread, spread)
        return (x + float(dx), y + float(dy))

    shelf = [about(34 + 47 * i, 40, 4.0) for i in range(4)]
    spots = dict(zip((str(name) for name in rng.permutation(INGREDIENTS)), shelf, strict=True))
    spots = {name: spot for name, spot in spots.items() if name in ingredients}
    rack = [about(216 + 27 * i, 38, 3.0) for i in range(4)]
    spots |= dict(zip((str(name) for name in rng.permutation(SEASONINGS)), rack, strict=True))
    tools = [about(24, 128), about(26, 176)] if rng.random() < 0.5 else [about(26, 176), about(24, 128)]
    spots |= {"knife": tools[0], "peeler": tools[1]}
    spots |= {"spoon": about(190, 186, 3.0), "fork": about(203, 190, 3.0), "cloth": about(58, 214, 5.0)}
    tan = rng.random()
    scene = Scene(
        ingredients=ingredients,
        board=about(118, 140, 6.0),
        bowl=about(240, 126, 5.0),
        plate=about(284, 203, 4.0),
        spots=spots,
        skins={
            "cucumber": _near(rng, (62, 118, 52), 12),
            "tomato": _choice(rng, [(206, 52, 40), (216, 78, 40), (188, 40, 48), (222, 120, 44)], 8),
            "cheese": _choice(rng, [(244, 226, 160), (240, 236, 220), (236, 196, 104)], 8),
            "lettuce": _choice(rng, [(122, 176, 74), (98, 160, 72), (150, 186, 92)], 8),
        },
        worktop=_choice(
            rng,
            [
                (196, 192, 186),
                (120, 124, 130),
                (170, 140, 108),
                (208, 200, 180),
                (92, 108, 118),
                (150, 96, 70),
            ],
        ),
        worktop_kind=int(rng.integers(3)),
        wood=_choice(rng, [(198, 158, 104), (168, 118, 72), (222, 190, 140), (226, 226, 222)], 10),
        bowl_color=_choice(
            rng, [(228, 226, 220), (110, 150, 180), (196, 120, 90), (90, 96, 104), (216, 196, 120)]
        ),
        plate_color=_choice(rng, [(238, 238, 234), (206, 222, 232), (236, 214, 196)], 6),
        glass=_choice(rng, [(52, 84, 48), (70, 92, 60), (84, 84, 60)], 8),
        oil=_choice(rng, [(214, 178, 56), (196, 190, 80)], 8),
        vinegar=_choice(rng, [(92, 38, 34), (70, 40, 60), (120, 54, 30)], 8),
        salt=_choice(rng, [(234, 234, 236), (222, 226, 214), (200, 214, 226)], 6),
        mill=_choice(rng, [(112, 70, 40), (74, 48, 34), (150, 100, 60)], 8),
        handle=_choice(rng, [(44, 44, 48), (120, 60, 40), (180, 52, 48), (50, 90, 130), (230, 228, 220)], 8),
        spoon=_choice(rng, [(206, 164, 108), (160, 108, 66), (188, 140, 84)], 8),
        cloth=_choice(rng, [(222, 222, 226), (108, 156, 190), (214, 150, 120), (226, 206, 110)], 10),
        sleeve=_choice(
            rng,
            [(60, 80, 130), (150, 60, 64), (232, 230, 224), (58, 60, 66), (96, 134, 96), (204, 170, 90)],
            14,
        ),
        hand=blend((240.0, 198.0, 166.0), (112.0, 72.0, 50.0), float(tan)),
        hand_size=float(rng.uniform(0.88, 1.14)),
        sleeve_reach=float(rng.uniform(0.35, 0.86)),
        finger_width=float(rng.uniform(3.8, 5.4)),
        pace=float(rng.uniform(0.84, 1.18)),
        light=(float(rng.uniform(-0.8, 0.8)), float(rng.uniform(0.3, 1.0))),
        warmth=_near(rng, (122, 122, 122), 7),
        exposure=float(rng.uniform(0.86, 1.12)),
        slope=(float(rng.uniform(-0.22, 0.22)), float(rng.uniform(-0.18, 0.18))),
        noise=float(rng.uniform(1.5, 6.0)),
        jitter=float(rng.uniform(0.0, 1.3)),
        mirror=bool(rng.random() < 0.5),
        tall=tall,
        pieces=rng.random((64, 3)),
    )
    if not tall:
        return scene

    def moved(at: Point) -> Point:
        return (at[0], at[1] + scene.down(at[1]))

    places = {name: moved(at) for name, at in scene.spots.items()}
    return replace(
        scene, board=moved(scene.board), bowl=moved(scene.bowl), plate=moved(scene.plate), spots=places
    )


def cucumber(c: Canvas, at: Point, angle: float, skin: Color, peeled: float, cut: float, lift: float) -> None:
    length, r = 54.0 * (1.0 - cut), 7.5
    if length < 6.0:
        return
    center = add(at, rotate(-27.0 * cut, 0.0, angle))
    flesh = (172.0, 214.0, 142.0)
    c.capsule(center, length, r, skin if peeled < 1 else flesh, angle, lift)
    if 0.0 < peeled < 1.0:  # peeled from the right end
        bare = length * peeled
        c.capsule(add(center, rotate((length - bare) / 2, 0.0, angle)), bare, r - 0.3, flesh, angle)
    stripe = shade(skin, 0.72) if peeled < 1 else shade(flesh, 0.93)
    for offset in (-3.4, 0.4, 3.8):
        keep = 0.46 - peeled if peeled < 1 else 0.42
        a, b = -0.42 * length, keep * length
        if b > a + 2:
            c.line([add(center, rotate(x, offset, angle)) for x in (a, b)], stripe, 1.0)
    gleam = [add(center, rotate(x, -4.6, angle)) for x in (-0.36 * length, 0.3 * length)]
    c.line(gleam, shade(skin, 1.5), 1.0)
    if cut > 0:
        end = add(center, rotate(length / 2 - 1.5, 0.0, angle))
        c.ellipse(end, 2.4, r - 0.6, (206.0, 232.0, 176.0), angle)


def tomato(c: Canvas, at: Point, angle: float, skin: Color, cut: float, lift: float) -> None:
    if cut > 0.92:
        return
    if cut <= 0:
        c.ellipse(at, 14.0, 13.2, skin, angle, lift)
        c.ellipse(add(at, (-4.5, -4.5)), 4.0, 2.8, shade(skin, 1.35), -0.6)
        for k in range(5):
            tip = add(at, rotate(6.0, 0.0, angle + k * 1.257))
            c.line([at, tip], (60.0, 120.0, 45.0), 2.0)
        return
    keep = 14.0 - 28.0 * cut  # everything right of `keep` has been sliced off
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    x = np.minimum(14.0 * np.cos(t), keep)
    rim = zip(x.tolist(), (13.2 * np.sin(t)).tolist(), strict=True)
    c.polygon([add(at, rotate(px, py, angle)) for px, py in rim], skin, lift)
    half = 13.2 * math.sqrt(max(1 - (keep / 14.0) ** 2, 0.02))
    face = add(at, rotate(keep - 0.6, 0.0, angle))
    c.ellipse(face, 2.2, half, (240.0, 150.0, 120.0), angle)


def cheese(c: Canvas, at: Point, angle: float, skin: Color, cut: float, lift: float) -> None:
    w = 38.0 * (1.0 - cut)
    if w < 4:
        return
    center = add(at, rotate(-19.0 * cut, 0.0, angle))
    c.box(add(center, (0.0, 2.5)), w, 24.0, shade(skin, 0.78), angle, lift)
    c.box(center, w, 22.0, skin, angle)
    for x, y, r in ((-12, -5, 2.4), (-5, 5, 1.8), (4, -4, 2.0), (11, 4, 2.6)):
        if x + r < 19.0 - 38.0 * cut + 19.0 * cut:
            c.ellipse(add(center, rotate(x * (1 - cut), y, angle)), r, r * 0.8, shade(skin, 0.84), angle)


def lettuce(c: Canvas, at: Point, angle: float, skin: Color, torn: float, lift: float) -> None:
    size = 19.0 * (1.0 - 0.85 * torn)
    if size < 6:
        return
    c.ellipse(at, size, size * 0.94, shade(skin, 0.8), angle, lift)
    for ring, (radius, n, tone) in enumerate(((0.72, 9, 0.9), (0.46, 7, 1.06), (0.18, 5, 1.22))):
        for k in range(n):
            p = add(at, rotate(size * radius, 0.0, angle + ring * 0.5 + k * 2 * math.pi / n))
            c.ellipse(p, size * 0.34, size * 0.24, shade(skin, tone + 0.06 * (k % 2)), angle + k * 2.0)
    c.line([add(at, rotate(-size * 0.5, 0, angle)), at], shade(skin, 1.5), 1.4)


def bottle(c: Canvas, kind: str, at: Point, angle: float, colors: Scene, lift: float) -> None:
    """A bottle, shaker or mill; `angle` 0 stands upright (spout to the top of the picture)."""

    def place(x: float, y: float) -> Point:
        return add(at, rotate(x, y, angle))

    quarter = angle + math.pi / 2
    if kind == "pour_oil":  # tall, slender, dark glass, golden inside
        c.capsule(place(0, 6), 34, 7.0, colors.glass, quarter, lift)
        c.capsule(place(0, 9), 24, 5.2, colors.oil, quarter)
        c.box(place(0, -13), 4.4, 14, shade(colors.glass, 1.1), angle)
        c.box(place(0, -20.5), 5.2, 4, (70.0, 60.0, 50.0), angle)
        c.line([place(-4.2, 0), place(-4.2, 16)], shade(colors.glass, 1.8), 1.2)
    elif kind == "pour_vinegar":  # round belly, thin neck, pale stopper
        c.ellipse(place(0, 8), 11.0, 11.0, colors.vinegar, angle, lift)
        c.ellipse(place(-3.5, 5), 2.6, 4.2, shade(colors.vinegar, 1.7), angle)
        c.box(place(0, -8), 4.6, 14, shade(colors.vinegar, 1.2), angle)
        c.ellipse(place(0, -16), 4.0, 3.2, (226.0, 216.0, 196.0), angle)
    elif kind == "shake_salt":  # squat and white, steel cap with holes
        c.box(place(0, 4), 14, 20, colors.salt, angle, lift)
        c.box(place(0, 7), 10, 10, shade(colors.salt, 0.9), angle)
        c.ellipse(place(0, -7), 7.0, 4.0, (150.0, 154.0, 160.0), angle)
        for x in (-3.0, 0.0, 3.0):
            c.ellipse(place(x, -7.5), 0.8, 0.8, (50.0, 50.0, 55.0), angle)
    else:  # pepper mill: turned wood with a knob
        c.capsule(place(0, 10), 18, 6.2, colors.mill, quarter, lift)
        c.box(place(0, 0), 6.0, 12, shade(colors.mill, 0.85), angle)
        c.ellipse(place(0, -8), 7.4, 5.4, shade(colors.mill, 1.12), angle)
        c.ellipse(place(0, -14), 2.6, 2.6, (190.0, 190.0, 196.0), angle)


def knife(c: Canvas, at: Point, angle: float, colors: Scene, lift: float) -> None:
    """`at` is the grip; the blade points along `angle`."""
    blade = [rotate(x, y, angle) for x, y in ((6, -4.5), (30, -4.5), (40, 1.0), (38, 3.0), (6, 3.0))]
    c.polygon([add(at, p) for p in blade], (206.0, 210.0, 216.0), lift)
    c.line([add(at, rotate(x, 2.4, angle)) for x in (8, 37)], (240.0, 243.0, 247.0), 1.0)
    c.capsule(add(at, rotate(-3, 0, angle)), 22, 3.2, colors.handle, angle, lift)


def peeler(c: Canvas, at: Point, angle: float, colors: Scene, lift: float) -> None:
    """A Y-peeler: a short handle that forks and holds a crosswise blade."""
    fork = add(at, rotate(8, 0, angle))
    for side in (-6.5, 6.5):
        c.line([fork, add(at, rotate(18, side, angle))], colors.handle, 3.0, lift)
    c.line([add(at, rotate(18, s, angle)) for s in (-7.5, 7.5)], (214.0, 218.0, 224.0), 2.6, lift)
    c.capsule(add(at, rotate(-2, 0, angle)), 24, 3.4, colors.handle, angle, lift)


def salad_server(c: Canvas, at: Point, angle: float, colors: Scene, fork: bool, lift: float) -> None:
    """A wooden salad spoon or fork; `at` is the grip, the bowl of the spoon lies along `angle`."""
    c.line([add(at, rotate(x, 0, angle)) for x in (-10, 26)], colors.spoon, 3.2, lift)
    c.ellipse(add(at, rotate(31, 0, angle)), 8.5, 5.8, colors.spoon, angle, lift)
    c.ellipse(add(at, rotate(31, 0, angle)), 5.5, 3.4, shade(colors.spoon, 0.86), angle)
    if fork:
        for y in (-2.0, 2.0):
            c.line([add(at, rotate(x, y, angle)) for x in (33, 41)], shade(colors.spoon, 0.55), 1.6)


def cloth(c: Canvas, at: Point, angle: float, color: Color, lift: float) -> None:
    top, bottom = [(-17, -11), (-6, -13), (6, -10), (17, -12)], [(16, 12), (4, 10), (-8, 13), (-17, 10)]
    hem = [*top, (18, 0), *bottom, (-15, 0)]
    c.polygon([add(at, rotate(x, y, angle)) for x, y in hem], color, lift)
    for y in (-6.0, 0.0, 6.0):
        c.line([add(at, rotate(x, y, angle)) for x in (-14, 15)], shade(color, 0.8), 1.2)


def piece(c: Canvas, name: str, at: Point, angle: float, size: float, scene: Scene) -> None:
    """One bit of a prepared ingredient."""
    if name == "cucumber":
        c.ellipse(at, 5.6 * size, 5.0 * size, (196.0, 228.0, 164.0), angle)
        c.ellipse(at, 3.0 * size, 2.6 * size, (222.0, 240.0, 196.0), angle)
    elif name == "tomato":
        skin = scene.skins["tomato"]
        wedge = [(-5.6, 2.6), (-3.4, -2.0), (0, -3.6), (3.4, -2.0), (5.6, 2.6)]
        c.polygon([add(at, rotate(x * size, y * size, angle)) for x, y in wedge], skin)
        c.line([add(at, rotate(x * size, 1.6 * size, angle)) for x in (-4, 4)], (246.0, 170.0, 130.0), 1.4)
    elif name == "cheese":
        skin = scene.skins["cheese"]
        c.box(add(at, (0.5, 0.9)), 6.4 * size, 6.4 * size, shade(skin, 0.76), angle)
        c.box(at, 6.0 * size, 6.0 * size, skin, angle)
    else:
        skin = scene.skins["lettuce"]
        c.ellipse(at, 6.8 * size, 3.8 * size, skin, angle)
        c.ellipse(add(at, rotate(1.6, 1.0, angle)), 3.6 * size, 2.2 * size, shade(skin, 1.25), angle + 0.7)


def pile(scene: Scene, name: str, cut: float) -> list[tuple[Point, float]]:
    """Where, and at what angle, the bits cut so far lie on the board, in the order they fall."""
    count = round(14 * cut)
    offset = 40 * (0.5 - cut) if name != "lettuce" else 0.0
    bits = []
    for u, v, w in scene.pieces[:count]:
        spread = (18 + 22 * u) if name != "lettuce" else 20 * u - 10
        bits.append((add(scene.board, (spread - offset * 0.2 - 12, 30 * (v - 0.5) + 4)), 6.28 * w))
    return bits
