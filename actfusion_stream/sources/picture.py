"""A decoded picture as it was stored, and as RGB for whoever asks: all of it, or as small as it is read.

Most pictures are never asked for: they go to the encoder as they are, or nowhere. Turning one of 1920x1080
into RGB costs about as much as decoding it, and making one of 171x96 of it a fifth of that.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

Rgb = NDArray[np.uint8]
Plane = NDArray[np.uint8] | NDArray[np.uint16]

HDR = {16: "PQ", 18: "HLG"}  # FFmpeg's numbers of transfer curves that a plain screen does not know
BT709, LIMITED, FULL = 1, 1, 2  # FFmpeg's numbers: of primaries, curve and matrix alike; of ranges
_RGB_MATRIX = 0  # FFmpeg's number for what is no YUV
# Planes of brightness and of two colours, 8 or 10 bits each, which x264 takes as they are.
PLANAR = {f"yuv{kind}p{bits}" for kind in (420, 422, 444) for bits in ("", "10le")}
PLANAR |= {f"yuvj{kind}p" for kind in (420, 422, 444)}
_TO_SDR = "out_primaries=bt709:out_transfer=bt709:intent=perceptual"
_CLOCK = Fraction(1, 1000)


@dataclass(frozen=True)
class Colors:
    """How numbers of a picture are meant; by default as every screen takes them.

    Attributes:
        pixels: FFmpeg's name of the format, one of `PLANAR`.
        matrix, range, transfer, primaries: FFmpeg's numbers.
    """

    pixels: str = "yuv420p"
    matrix: int = BT709
    range: int = LIMITED
    transfer: int = BT709
    primaries: int = BT709

    @classmethod
    def of(cls, frame: VideoFrame) -> Colors:
        """Those of a decoded picture, or the nearest that can be drawn on and encoded."""
        if frame.format.is_rgb or frame.colorspace == _RGB_MATRIX:
            return PLAIN
        name = frame.format.name
        if name not in PLANAR:
            name = "yuv420p10le" if frame.format.components[0].bits > 8 else "yuv420p"
        return cls(name, frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries)

    @property
    def is_full(self) -> bool:
        """Whether black is 0, and white the largest number."""
        return self.range == FULL or self.pixels.startswith("yuvj")

    @property
    def bits(self) -> int:
        return 10 if self.pixels.endswith("10le") else 8


PLAIN = Colors()


class Converter:
    """Makes RGB of the pictures of one source; keeps its scalers from one to the next."""

    def __init__(self) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._whole, self._small = VideoReformatter(), VideoReformatter()
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()
        self._mine = threading.Lock()  # what watches and what draws are two threads
        # Else swscale leaves out bits, which darkens by a level and more.
        self._area = int(
            Interpolation.AREA
            | Interpolation.ACCURATE_RND
            | Interpolation.FULL_CHR_H_INT
            | Interpolation.FULL_CHR_H_INP
        )

    def __call__(self, frame: VideoFrame, width: int, height: int) -> Rgb:
        """(height, width, 3) uint8; what has more light than a screen is brought within its range."""
        with self._mine:
            if int(frame.color_trc or 0) in HDR:
                return _array(self._tone_mapped(frame, width, height))
            if (width, height) == (frame.width, frame.height):
                return _array(self._whole.reformat(frame, format="rgb24"))
            # One thread: the others would be woken for half a millisecond.
            small = self._small.reformat(
                frame, width=width, height=height, format="rgb24", interpolation=self._area, threads=1
            )
            return _array(small)

    def _tone_mapped(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        from av.filter import Graph

        kind = (frame.width, frame.height, frame.format.name, width, height)
        if self._graph is None or kind != self._kind:
            graph = self._graph = Graph()
            self._kind = kind
            last = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=_CLOCK
            )
            # Without the flags for exactness: with them swscale has colours jump where it maps them.
            scale = f"w={width}:h={height}:flags=area:{_TO_SDR}"
            for name, arguments in (("scale", scale), ("format", "rgb24"), ("buffersink", None)):
                step = graph.add(name, arguments)
                last.link_to(step)
                last = step
            graph.configure()
        frame.pts, frame.time_base = None, _CLOCK
        self._graph.push(frame)
        return self._graph.pull()  # type: ignore[return-value]


class Decoded:
    """A picture as the decoder gave it, to be seen turned and fitted.

    Args:
        frame: what was decoded; nobody may change it.
        convert: of its source.
        turns: quarter turns to the left that bring it upright.
        fit: width and height of the source's pictures, and the shape of this one's pixels as a multiple of
            theirs, where it has to be scaled to look like them.

    Attributes:
        width, height: in pixels, as it is seen.
    """

    def __init__(
        self,
        frame: VideoFrame,
        convert: Converter,
        turns: int = 0,
        fit: tuple[int, int, Fraction] | None = None,
    ) -> None:
        self._frame, self._convert, self._turns, self._fit = frame, convert, turns, fit
        size = (frame.height, frame.width) if turns % 2 else (frame.width, frame.height)
        self.width, self.height = size if fit is None else fit[:2]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(plane.buffer_size for plane in self._frame.planes)

    @property
    def colors(self) -> Colors:
        """How its numbers are meant."""
        return Colors.of(self._frame)

    def fitted(self, width: int, height: int) -> Decoded:
        """The same, in another size, with black bars where its shape is another."""
        return Decoded(self._frame, self._convert, self._turns, (width, height, Fraction(1)))

    def rgb(self, short_side: int | None = None) -> Rgb:
        """(H, W, 3) uint8, as a screen shows it.

        Args:
            short_side: pixels of the shorter side of what is wanted; None for the picture's own size. None
                is made larger.
        """
        frame, turns = (self._frame, self._turns) if self._fit is None else (self.upright(), 0)
        width, height = frame.width, frame.height
        scale = 1.0 if short_side is None else min(1.0, short_side / min(width, height))
        if scale < 1:
            width, height = max(round(width * scale), 1), max(round(height * scale), 1)
        image = self._convert(frame, width, height)
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image

    def upright(self) -> VideoFrame:
        """The numbers that were decoded, seen upright and in the size of the source's pictures.

        It is the decoded picture itself, which nobody may change, where nothing is to be done.
        """
        if not self._turns and self._fit is None:
            return self._frame
        colors = Colors.of(self._frame)
        parts = [np.rot90(part, self._turns) for part in planes(in_colors(self._frame, colors))]
        if self._fit is not None:
            parts = _fitted(parts, *self._fit, colors)
        across, down = parts[0].shape[1], parts[0].shape[0]
        seen = new_frame(across, down, colors)
        for part, target in zip(parts, planes(seen), strict=True):
            # Turned, 4:2:2 has colours for every other row, not column: they are scaled to its format.
            target[:] = part if part.shape == target.shape else _scaled(part, target.shape)
        return seen


Picture = Rgb | Decoded


def rgb(picture: Picture, short_side: int | None = None) -> Rgb:
    """(H, W, 3) uint8 of any picture, see `Decoded.rgb`; one that is RGB already is given as it is."""
    return picture.rgb(short_side) if isinstance(picture, Decoded) else picture


def size_of(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels, as it is seen."""
    if isinstance(picture, Decoded):
        return picture.width, picture.height
    return picture.shape[1], picture.shape[0]


def new_frame(width: int, height: int, colors: Colors) -> VideoFrame:
    """A picture for numbers that are meant as `colors` says."""
    from av.video.frame import VideoFrame

    frame = VideoFrame(width, height, colors.pixels)
    frame.colorspace, frame.color_range = colors.matrix, colors.range
    frame.color_trc, frame.color_primaries = colors.transfer, colors.primaries
    return frame


def in_colors(frame: VideoFrame, colors: Colors) -> VideoFrame:
    """A picture as planes that are meant as `colors` says: itself, where they are."""
    found = Colors.of(frame)
    if found == colors and frame.format.name == colors.pixels:
        return frame
    if (found.matrix, found.is_full) == (colors.matrix, colors.is_full) and not frame.format.is_rgb:
        return frame.reformat(format=colors.pixels, threads=1)  # without loss, but for the last bits
    return frame.reformat(
        format=colors.pixels,
        dst_colorspace=colors.matrix,
        dst_color_range=FULL if colors.is_full else LIMITED,
        threads=1,
    )


def planes(frame: VideoFrame) -> list[Plane]:
    """The numbers of a picture of a format of `PLANAR`: (H, W) brightness, twice (h, w) colour; no copy."""
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    return [np.frombuffer(p, kind).reshape(p.height, -1)[:, : p.width] for p in frame.planes]  # type: ignore


def _fitted(parts: list[Plane], width: int, height: int, shape: Fraction, colors: Colors) -> list[Plane]:
    """Planes of a picture of the given size, with black bars where its shape is another."""
    fitted = []
    black, grey = 0 if colors.is_full else 16 << (colors.bits - 8), 128 << (colors.bits - 8)
    across, down = parts[0].shape[1] * float(shape), parts[0].shape[0]
    scale = min(width / across, height / down)
    for part, empty in zip(parts, (black, grey, grey), strict=True):
        # As coarse as it is against the brightness, in what becomes of it, too.
        x, y = round(parts[0].shape[1] / part.shape[1]), round(parts[0].shape[0] / part.shape[0])
        size = max(1, round(across * scale / x)), max(1, round(down * scale / y))
        full = np.full((-(-height // y), -(-width // x)), empty, part.dtype)
        top, left = (full.shape[0] - size[1]) // 2, (full.shape[1] - size[0]) // 2
        full[top : top + size[1], left : left + size[0]] = _scaled(part, size[::-1])
        fitted.append(full)
    return fitted


def _scaled(part: Plane, shape: tuple[int, ...]) -> Plane:
    """A plane in another shape (H, W)."""
    shrinks = shape[0] * shape[1] < part.size
    return cv2.resize(  # type: ignore[return-value]
        np.ascontiguousarray(part),
        (shape[1], shape[0]),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )


def _array(frame: VideoFrame) -> Rgb:
    return np.ascontiguousarray(frame.to_ndarray(), np.uint8)
