"""One colour per action class, the same on the terminal, in the overlay and in every run.

Colours are picked in OKLCH (Ottosson 2020, "A perceptual color space for image processing"), where equal
steps look about equally large: from a grid of hues, lightnesses and chromas, each next class takes the colour
that is farthest from all taken before. So it depends on a class's place in the list, not on how many follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

Color = tuple[int, int, int]

GREY: Color = (128, 132, 140)
INK: Color = (16, 18, 22)
PAPER: Color = (245, 246, 248)
IDLE_LABELS = frozenset(
    {"background", "SIL", "action_start", "action_end"}
)  # nothing to see: no hue of their own

_HUES = np.arange(15.0, 375.0, 15.0)  # degrees
# (lightness, chroma): vivid, pastel, deep. All stand out from a dark background and are in sRGB but for a
# small clip.
_TONES = ((0.74, 0.155), (0.87, 0.085), (0.62, 0.17))


def class_colors(class_names: Sequence[str]) -> dict[str, Color]:
    """Give every class a colour; idle classes ('background', 'SIL', ...) are grey.

    Args:
        class_names: the classes in the order of the checkpoint.

    Returns:
        sRGB colour (0..255 each) by class name.
    """
    wheel = _wheel()
    busy = [name for name in class_names if name not in IDLE_LABELS]
    colors = dict.fromkeys(class_names, GREY)
    colors.update({name: wheel[i % len(wheel)] for i, name in enumerate(busy)})
    return colors


def text_color(background: Color) -> Color:
    """Ink or paper, whichever contrasts more with `background` (WCAG 2 contrast ratio)."""
    light, dark = _luminance(PAPER), _luminance(INK)
    here = _luminance(background)
    return INK if (here + 0.05) / (dark + 0.05) >= (light + 0.05) / (here + 0.05) else PAPER


def mix(color: Color, other: Color, share: float) -> Color:
    """`color` with `share` (0..1) of `other` mixed in, in sRGB."""
    r, g, b = (round(a + (o - a) * share) for a, o in zip(color, other, strict=True))
    return r, g, b


def subdued(color: Color) -> Color:
    """`color` nearly grey: of what may mean nothing."""
    return mix(color, GREY, 0.7)


def oklab_from_srgb(color: Color) -> np.ndarray:
    """OKLab coordinates of an sRGB colour, in which distances look about as large as they are.

    Returns:
        (3,) float64: lightness in [0, 1], green-red, blue-yellow.
    """
    lms = np.cbrt(_RGB_TO_LMS @ _linear(color))
    lab: np.ndarray = _LMS_TO_LAB @ lms
    return lab


_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@cache
def _wheel() -> tuple[Color, ...]:
    """All colours of the grid, each as far as possible from grey and from those before it."""
    grid = [_srgb_from_oklch(lightness, chroma, hue) for lightness, chroma in _TONES for hue in _HUES]
    points = np.array([oklab_from_srgb(color) for color in grid])  # (M, 3)
    nearest = np.linalg.norm(points - oklab_from_srgb(GREY), axis=1)  # (M,) distance to the closest one taken
    nearest[len(_HUES) :] *= 0.999  # a tie goes to the vivid tone
    order = []
    for _ in grid:
        pick = int(nearest.argmax())
        order.append(grid[pick])
        nearest = np.minimum(nearest, np.linalg.norm(points - points[pick], axis=1))
        nearest[pick] = -1.0
    return tuple(order)


def _srgb_from_oklch(lightness: float, chroma: float, hue: float) -> Color:
    angle = np.deg2rad(hue)
    lab = np.array([lightness, chroma * np.cos(angle), chroma * np.sin(angle)])
    linear = np.linalg.solve(_RGB_TO_LMS, np.linalg.solve(_LMS_TO_LAB, lab) ** 3).clip(0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    r, g, b = (int(value) for value in np.rint(255 * srgb))
    return r, g, b


def _linear(color: Color) -> np.ndarray:
    srgb = np.array(color, dtype=np.float64) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _luminance(color: Color) -> float:
    return float(_linear(color) @ (0.2126, 0.7152, 0.0722))
