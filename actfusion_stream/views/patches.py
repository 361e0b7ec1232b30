"""What overlays are made of: rectangles to lay over a picture, the scrim under text, hatches and swatches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from actfusion_stream.views.palette import INK, PAPER, Color, mix

TRACK = mix(INK, PAPER, 0.08)  # the strip where nothing is known
_FAINTEST = 0.15  # opacity of what no sampled future agrees with: still to be told from nothing
_SCRIM_END = (
    0.24  # what is left of the picture's brightness under the text: PAPER on white still contrasts 8:1
)


@dataclass(frozen=True, eq=False)
class Patch:
    """A rectangle to lay over a picture, of which `picture * keep / 255 + color` becomes of it.

    Attributes:
        top, left: where it goes, in pixels.
        color: (h, w, 3) uint8 RGB, times how much of it there is.
        keep: (h, w) uint8 how much of the picture shows through, 255 for all.
    """

    top: int
    left: int
    color: np.ndarray
    keep: np.ndarray


@lru_cache(maxsize=4)
def scrim(height: int, fade: int) -> np.ndarray:
    """(height,) uint8 how much of each row of the picture shows, of 255, falling within the first `fade`."""
    ramp = np.clip(np.arange(height) / max(fade, 1), 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)  # smoothstep: no visible edge at either end
    return np.rint(255 * (1 - (1 - _SCRIM_END) * ramp)).astype(np.uint8)


def over(top: int, left: int, ground: np.ndarray, write: Callable[[np.ndarray], None]) -> Patch:
    """What is written over a ground that keeps (h, w) of the picture.

    It is written on black and on white: on black it is as bright as itself, and what white adds to that is
    what shows through.
    """
    black = np.zeros((*ground.shape, 3), np.uint8)
    white = np.repeat(ground[..., None], 3, axis=2)
    write(black)
    write(white)
    return Patch(top, left, black, cv2.subtract(white[..., 1], black[..., 1]))


@lru_cache(maxsize=64)
def hatch(height: int, width: int, stripe: int, phase: int) -> np.ndarray:
    """(height, width) bool: diagonal stripes as wide as their gaps, shifted left by `phase` pixels."""
    diagonal = np.arange(height)[:, None] + np.arange(phase, phase + width)
    return diagonal % (2 * stripe) >= stripe


def fade(part: np.ndarray, agreed: np.ndarray) -> None:
    """Let the track show through a (H, W, 3) part of the strip, the more the lower `agreed` is, (W,)."""
    opacity = (_FAINTEST + (1 - _FAINTEST) * agreed)[None, :, None]
    part[:] = np.rint(TRACK + opacity * (part - np.array(TRACK, np.float64)))


def swatch(canvas: np.ndarray, x: int, baseline: int, size: int, color: Color, hatched: bool) -> int:
    """Draw a class's colour beside text of `size`, a bar or a hatched square, and return its width."""
    height = round(0.78 * size)
    width = height if hatched else max(round(0.32 * size), 3)
    bar = canvas[max(baseline - height, 0) : baseline, x : x + width]
    bar[:] = color
    if hatched:
        bar[hatch(bar.shape[0], bar.shape[1], max(round(0.15 * size), 2), 0)] = mix(color, INK, 0.62)
    return width
