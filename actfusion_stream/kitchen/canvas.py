"""Drawing and moving in the kitchen: eased motion, colours, and shapes with soft shadows.

Everything is in scene units, 320 x 240 with the origin at the top left.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import cv2
import numpy as np

WIDTH, HEIGHT = 320, 240  # scene units

Color = tuple[float, float, float]
Point = tuple[float, float]
_SHIFT = 4  # cv2 draws with 1/16 pixel precision, so that slow motion does not jump


def ease(u: float) -> float:
    """Minimum-jerk ramp from 0 to 1, the velocity profile of a human reach (Flash & Hogan 1985)."""
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def mix(a: Point, b: Point, u: float) -> Point:
    return (a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u)


def blend(a: Color, b: Color, u: float) -> Color:
    return (a[0] + (b[0] - a[0]) * u, a[1] + (b[1] - a[1]) * u, a[2] + (b[2] - a[2]) * u)


def shade(color: Color, factor: float) -> Color:
    return (min(color[0] * factor, 255.0), min(color[1] * factor, 255.0), min(color[2] * factor, 255.0))


def rotate(x: float, y: float, angle: float) -> Point:
    c, s = math.cos(angle), math.sin(angle)
    return (c * x - s * y, s * x + c * y)


@lru_cache
def unit_circle(corners: int) -> np.ndarray:
    """(corners, 2) points of the unit circle, first half right of the centre's vertical, then left of it."""
    t = np.linspace(-math.pi / 2, 1.5 * math.pi, corners, endpoint=False)
    circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    circle.flags.writeable = False
    return circle


def route(u: float, *stops: tuple[float, Point]) -> Point:
    """Position at progress `u` on a way of eased reaches between timed stops."""
    for (u0, p0), (u1, p1) in itertools.pairwise(stops):
        if u < u1:
            return mix(p0, p1, ease((u - u0) / max(u1 - u0, 1e-6)))
    return stops[-1][1]


class Canvas:
    """cv2 drawing in scene units, a layer at a time: first the soft shadows of the layer, then its shapes."""

    def __init__(self, image: np.ndarray, scale: float, corner: Point, light: Point, mirror: bool) -> None:
        self.image, self.scale = image, scale
        self._unit = scale * (1 << _SHIFT)  # scene units to cv2's fixed point
        self._corner = np.array(corner) * (1 << _SHIFT) + 0.5  # of the scene in the picture
        self.light, self.mirror = np.array(light), mirror  # a left-handed cook's kitchen is the mirror image
        self._shapes: list[tuple[np.ndarray, Color, int]] = []  # (points, color, line thickness or 0)
        self._shadows: list[tuple[np.ndarray, int]] = []

    def _pixels(self, points: np.ndarray | list[Point], lift: float = 0.0) -> np.ndarray:
        shade = self.light * (lift * self._unit)
        xy: np.ndarray
        if self.mirror:
            xy = np.asarray(points) * (-self._unit, self._unit) + (WIDTH * self._unit, 0.0)
        else:
            xy = np.asarray(points) * self._unit
        pixels: np.ndarray = (xy + (shade + self._corner)).astype(np.int32)
        return pixels

    def polygon(self, points: np.ndarray | list[Point], color: Color, lift: float = 0.0) -> None:
        self._shapes.append((self._pixels(points), color, 0))
        if lift:
            self._shadows.append((self._pixels(points, lift), 0))

    def line(self, points: np.ndarray | list[Point], color: Color, width: float, lift: float = 0.0) -> None:
        thickness = max(1, round(width * self.scale))
        self._shapes.append((self._pixels(points), color, thickness))
        if lift:
            self._shadows.append((self._pixels(points, lift), thickness))

    def flush(self) -> None:
        """Lay the layer drawn so far onto the image."""
        if self._shadows:
            shadow: np.ndarray = np.full(self.image.shape[:2], 255, np.uint8)
            for points, thickness in self._shadows:
                if thickness:
                    cv2.polylines(shadow, [points], False, 150, thickness, cv2.LINE_8, _SHIFT)
                else:
                    cv2.fillPoly(shadow, [points], 150, cv2.LINE_8, _SHIFT)
            width = 2 * round(2.5 * self.scale) + 1
            shadow = cv2.blur(shadow, (width, width))
            cv2.multiply(self.image, cv2.merge([shadow, shadow, shadow]), self.image, 1 / 255)
        for points, color, thickness in self._shapes:
            if thickness:
                cv2.polylines(self.image, [points], False, color, thickness, cv2.LINE_AA, _SHIFT)
            else:
                cv2.fillPoly(self.image, [points], color, cv2.LINE_AA, _SHIFT)
        self._shapes, self._shadows = [], []

    def ellipse(
        self, at: Point, rx: float, ry: float, color: Color, angle: float = 0.0, lift: float = 0.0
    ) -> None:
        radius = max(rx, ry) * self.scale
        circle = unit_circle(12 if radius < 5 else 20 if radius < 12 else 40)
        c, s = math.cos(angle), math.sin(angle)
        self.polygon(circle @ np.array([[rx * c, rx * s], [-ry * s, ry * c]]) + at, color, lift)

    def box(self, at: Point, w: float, h: float, color: Color, angle: float = 0.0, lift: float = 0.0) -> None:
        corners = [(-w / 2, -h / 2), (w / 2, -h / 2), (w / 2, h / 2), (-w / 2, h / 2)]
        self.polygon([add(at, rotate(x, y, angle)) for x, y in corners], color, lift)

    def capsule(
        self, at: Point, length: float, r: float, color: Color, angle: float = 0.0, lift: float = 0.0
    ) -> None:
        half = max(length / 2 - r, 0.0)
        round_ends = r * unit_circle(20)
        round_ends[:, 0] += np.where(round_ends[:, 0] > 0, half, -half)
        c, s = math.cos(angle), math.sin(angle)
        self.polygon(round_ends @ np.array([[c, s], [-s, c]]) + at, color, lift)


def add(a: Point, b: Point) -> Point:
    return (a[0] + b[0], a[1] + b[1])
