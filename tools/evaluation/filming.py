"""The held-out kitchens as they are filmed for scoring: plainly, at another rate, worse, closer, darker.

Each is rendered from the seed itself, so that what is scored is one encoding of the picture, not two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen

Picture = NDArray[np.uint8]
RATE = Fraction(15)  # frames per second of a plain video


def _zoomed(image: Picture) -> Picture:
    """Filmed from nearer: the middle, 15 % larger."""
    height, width = image.shape[:2]
    inner = round(height / 1.15), round(width / 1.15)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    cut = image[top : top + inner[0], left : left + inner[1]]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _darkened(image: Picture) -> Picture:
    """In six tenths of the light."""
    return (image * 0.6).astype(np.uint8)


def _mirrored(image: Picture) -> Picture:
    return np.ascontiguousarray(image[:, ::-1])


def _with_bars(image: Picture) -> Picture:
    """As a wide film on a television: the upper and the lower tenth are black."""
    out, tenth = image.copy(), image.shape[0] // 10
    out[:tenth] = out[-tenth:] = 0
    return out


@dataclass(frozen=True)
class Film:
    """How a kitchen is filmed.

    Attributes:
        name: as tables and files call it; "" for plainly.
        rate: frames per second.
        crf: of x264; larger is worse.
        change: what becomes of each picture.
    """

    name: str = ""
    rate: Fraction = RATE
    crf: int = 20
    change: Callable[[Picture], Picture] | None = None


PLAIN = Film()
FILMS = (
    *(Film(f"{rate} fps", Fraction(rate)) for rate in (5, 10, 24, 30, 60)),
    Film("CRF 38", crf=38),
    Film("zoomed", change=_zoomed),
    Film("darkened", change=_darkened),
    Film("mirrored", change=_mirrored),
    Film("bars", change=_with_bars),
)


class FilmedKitchen(Kitchen):
    """A kitchen whose pictures are changed as a film's are."""

    def __init__(self, seed: int, seconds: float, uneven: float, film: Film) -> None:
        super().__init__(seed, seconds, uneven=uneven)
        self.film = film

    def frame(self, time: float) -> Picture:
        """The picture at `time` seconds: (H, W, 3) uint8 RGB."""
        image = super().frame(time)
        return image if self.film.change is None else self.film.change(image)


@dataclass(frozen=True)
class Row:
    """One kind of kitchen: a line of the table.

    Attributes:
        seconds: length of each video.
        film: how it is filmed.
        uneven: how much the cook's pace changes on the way, see `write_script`.
    """

    seconds: float
    film: Film = PLAIN
    uneven: float = 0.0

    @property
    def name(self) -> str:
        """E.g. "90 s" or "90 s, zoomed"."""
        uneven = f"uneven {self.uneven:g}" if self.uneven else ""
        return ", ".join(filter(None, (f"{self.seconds:g} s", uneven, self.film.name)))

    def video(self, seed: int, folder: Path) -> Path:
        """The video of a seed, rendered unless it is there already; its name says all that decides it."""
        path = folder / f"{seed}-{self.name.replace(', ', '-').replace(' ', '')}.mp4"
        if not path.exists():
            kitchen = FilmedKitchen(seed, self.seconds, self.uneven, self.film)
            write_video(kitchen, path, self.film.rate, self.film.crf)
        return path
