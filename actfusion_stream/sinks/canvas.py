"""Draws on a picture as it was decoded: on its planes, in its own colours, and only where something is drawn.

A player shows everything else as it would have shown the source: nothing is converted, so nothing is lost.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actfusion_stream.sources.picture import (
    HDR,
    Colors,
    Decoded,
    Picture,
    Plane,
    in_colors,
    new_frame,
    planes,
    size_of,
)
from actfusion_stream.views.patches import Patch

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

# How much of R and of B is in the brightness of YUV, by FFmpeg's numbers of matrices; G has the rest.
_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
_BT601 = (0.299, 0.114)
# Light of BT.709's primaries as that of BT.2020's (ITU-R BT.2087).
_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_WHITE = 203.0  # candela a square metre that a plain screen's white has within HDR (ITU-R BT.2408)
_HLG_PEAK = 1000.0
# Darkened to a part p of its numbers, which is p^2.4 of its light, a plain screen's white keeps about p^0.54
# of its numbers in PQ.
_PQ_DARKENING = np.float32(0.54)
_STEPS = 4096  # of the table for the curves of HDR


class Canvas:
    """A picture to draw on, and to encode. The next one takes its place.

    Args:
        width, height: of the source's pictures. An odd width or height grows by a copy of its last column or
            row, as H.264 has even sizes only: nothing is lost.
        colors: of the source.

    Attributes:
        frame: what to encode; its memory is used again.
        width, height: even.
    """

    def __init__(self, width: int, height: int, colors: Colors) -> None:
        self.width, self.height = width + width % 2, height + height % 2
        self._size, self._colors = (width, height), colors
        self.frame = new_frame(self.width, self.height, colors)
        self._planes = planes(self.frame)
        self._matrix = _matrix(colors)
        self._ready: dict[Patch, list[_Part]] = {}

    def load(self, picture: Picture) -> None:
        """Take the next picture.

        Raises:
            ValueError: it has another size than the source.
        """
        if size_of(picture) != self._size:
            found = (picture.height, picture.width, 3) if isinstance(picture, Decoded) else picture.shape
            raise ValueError(f"image of shape {found}, expected {(*self._size[::-1], 3)}")
        frame = picture.upright() if isinstance(picture, Decoded) else _of_rgb(picture)
        for part, target in zip(planes(in_colors(frame, self._colors)), self._planes, strict=True):
            height, width = part.shape
            target[:height, :width] = part
            target[:height, width:] = part[:, -1:]
            target[height:] = target[height - 1]

    def draw(self, patches: list[Patch]) -> None:
        """Lay what is drawn over the picture."""
        # What was drawn on the picture before, too, is not converted again.
        self._ready = {patch: self._ready.get(patch) or self._converted(patch) for patch in patches}
        for parts in self._ready.values():
            for plane, part in zip(self._planes, parts, strict=True):
                part.lay_over(plane)

    def _converted(self, patch: Patch) -> list[_Part]:
        """A patch in the canvas's colours, and as coarse as its planes."""
        drawn = np.empty((*patch.keep.shape, 4), np.float32)
        drawn[..., :3], drawn[..., 3] = patch.color, patch.keep
        if self._colors.transfer in HDR:
            curve = HDR[self._colors.transfer]
            drawn[..., :3] = _in_hdr(patch.color, curve)
            if curve == "PQ":
                drawn[..., 3] = 255 * (drawn[..., 3] / 255) ** _PQ_DARKENING
        made, parts = cv2.transform(drawn, self._matrix), []
        for index, plane in enumerate(self._planes):
            y, x = self.height // plane.shape[0], self.width // plane.shape[1]
            rows, columns = patch.keep.shape[0] // y, patch.keep.shape[1] // x
            if made.shape[:2] != (rows, columns):
                made = cv2.resize(made, (columns, rows), interpolation=cv2.INTER_AREA)
            top, left = patch.top // y, patch.left // x
            where = np.s_[top : top + rows, left : left + columns]
            parts.append(_Part(where, *(made[..., c].astype(plane.dtype) for c in (3, index))))
        return parts


class _Part:
    """What a patch makes of one plane: so much of it is kept, and so much added."""

    def __init__(self, where: tuple[slice, slice], keep: NDArray[Any], added: NDArray[Any]) -> None:
        self._where, self._keep, self._added = where, keep, added
        self._scale = 1 / np.iinfo(keep.dtype).max

    def lay_over(self, plane: Plane) -> None:
        there = plane[self._where]
        cv2.add(cv2.multiply(there, self._keep, scale=self._scale), self._added, dst=there)


def _matrix(colors: Colors) -> NDArray[np.float32]:
    """(4, 5) from R, G, B, how much is kept, all of 255, and 1, to what is added to each plane, and kept."""
    red, blue = _WEIGHTS.get(colors.matrix, _BT601)
    luma = np.array([red, 1 - red - blue, blue])
    to_blue = (np.array([0, 0, 1]) - luma) / (2 - 2 * blue)
    to_red = (np.array([1, 0, 0]) - luma) / (2 - 2 * red)
    unit, largest = 1 << (colors.bits - 8), (1 << colors.bits) - 1
    black, tall, wide = (0, largest, largest) if colors.is_full else (16 * unit, 219 * unit, 224 * unit)
    made = np.zeros((4, 5))
    for row, (weights, span, zero) in enumerate(
        ((luma, tall, black), (to_blue, wide, 128 * unit), (to_red, wide, 128 * unit))
    ):
        made[row, :3], made[row, 3], made[row, 4] = span * weights / 255, -zero / 255, zero
    made[3, 3] = 1 if colors.bits == 8 else 257  # up to the largest number that is stored
    # What follows cuts off: a half rounds. Not in 10 bits, where sums must not end beyond the largest number.
    made[:, 4] += 0.5 if colors.bits == 8 else 0.01
    return made.astype(np.float32)


def _of_rgb(image: NDArray[np.uint8]) -> VideoFrame:
    from av.video.frame import VideoFrame

    return VideoFrame.from_ndarray(np.ascontiguousarray(image))


def _in_hdr(color: NDArray[np.uint8], curve: str) -> NDArray[np.float32]:
    """(h, w, 3) uint8 as a plain screen takes it, as numbers of HDR, of 255, that look like it there."""
    to_light, to_code = _tables(curve)
    light = cv2.transform(to_light[color], _TO_BT2020)
    # The table is even in the square root of the light, where the eye is about even, too.
    codes: NDArray[np.float32] = to_code[np.rint((_STEPS - 1) * np.sqrt(light.clip(0, 1))).astype(np.int32)]
    return codes


@lru_cache(maxsize=2)
def _tables(curve: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Light by number of 8 bits, 1 for white; and code by square root of light."""
    light = (np.arange(256) / 255) ** 2.4  # of a screen (ITU-R BT.1886)
    shown = (np.arange(_STEPS) / (_STEPS - 1)) ** 2 * _WHITE
    if curve == "PQ":  # SMPTE ST 2084
        power = (shown / 10_000) ** 0.1593017578125
        code = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
        code[0] = 0
    else:  # ARIB STD-B67, the light of the scene being that of the screen to the power of 1 / 1.2
        scene = (shown / _HLG_PEAK) ** (1 / 1.2)
        above = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-6)) + 0.55991073
        code = np.where(scene <= 1 / 12, np.sqrt(3 * scene), above)
    return light.astype(np.float32), (255 * code).astype(np.float32)
