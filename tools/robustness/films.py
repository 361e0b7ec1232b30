"""Small films of twenty pairs of container and codec, with sound, and B-frames where the codec has them.

PyAV alone makes them, and the same bytes each time: what is done to them by number can be done again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_RATE = 25


@dataclass(frozen=True)
class Film:
    """A container and what is in it.

    Attributes:
        name: of the file; its ending says which container.
        picture: encoder.
        sound: encoder, "" for none.
        pixels: format of the picture.
        rate: samples of sound a second.
        coding: options of the picture's encoder.
        muxing: options of the container.
    """

    name: str
    picture: str
    sound: str = ""
    pixels: str = "yuv420p"
    rate: int = 48_000
    coding: dict[str, str] = field(default_factory=dict)
    muxing: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path, seconds: float = 2.0, size: tuple[int, int] = (96, 64)) -> Path:
        """Encode it.

        Args:
            folder: where to.
            seconds: of it, at 25 pictures a second.
            size: (width, height).

        Returns:
            The file.
        """
        path = folder / self.name
        with av.open(str(path), "w", options={"fflags": "+bitexact", **self.muxing}) as container:
            coding = {"flags": "+bitexact", "threads": "1", **self.coding}
            video: Any = container.add_stream(self.picture, rate=_RATE, options=coding)
            video.width, video.height, video.pix_fmt = *size, self.pixels
            streams: list[tuple[Any, Iterator[Any]]] = [(video, _pictures(round(seconds * _RATE), size))]
            if self.sound:
                options = {"flags": "+bitexact", "b": "64k"}
                audio: Any = container.add_stream(self.sound, rate=self.rate, layout="mono", options=options)
                streams.append((audio, _tone(seconds, self.rate)))
            for packet in _in_turn(streams):
                container.mux(packet)
        return path


_B2 = {"bf": "2", "g": "12"}
_B3 = {"bf": "3", "g": "25", "x264-params": "cpu-independent=1"}  # else x264 may differ from run to run
_PIECES = {"movflags": "frag_keyframe+empty_moov"}
FILMS = (
    Film("mpeg4.avi", "mpeg4", "libmp3lame", coding=_B2),
    Film("h264.avi", "libx264", "libmp3lame", coding=_B3),
    Film("mjpeg.avi", "mjpeg", "pcm_s16le", "yuvj420p"),
    Film("h264.mp4", "libx264", "aac", coding=_B3),
    Film("pieces.mp4", "libx264", "aac", coding=_B3, muxing=_PIECES),
    Film("mpeg4.mp4", "mpeg4", "aac", coding=_B2),
    Film("prores.mov", "prores_ks", "pcm_s16le", "yuv422p10le"),
    Film("h264.mkv", "libx264", "libopus", coding=_B3),
    Film("mpeg4.mkv", "mpeg4", "libmp3lame", coding=_B2),
    Film("vp8.webm", "libvpx", "libopus", coding={"auto-alt-ref": "1", "lag-in-frames": "16"}),
    Film("vp9.webm", "libvpx-vp9", "libopus", coding={"cpu-used": "8"}),
    Film("h264.ts", "libx264", "aac", coding=_B3),
    Film("mpeg2.ts", "mpeg2video", "mp2", coding=_B2),
    Film("mpeg1.mpg", "mpeg1video", "mp2", coding=_B2),
    Film("mpeg2.vob", "mpeg2video", "ac3", coding=_B2),
    Film("flv1.flv", "flv", "libmp3lame", rate=44_100),
    Film("wmv2.wmv", "wmv2", "wmav2"),
    Film("mpeg2.mxf", "mpeg2video", "pcm_s16le", coding=_B2),
    Film("pictures.gif", "gif", pixels="rgb8"),
    Film("bare.h264", "libx264", coding=_B3),
)


def _pictures(count: int, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """A square that wanders over a slope of grey, so that there is motion to code."""
    width, height = size
    slope = np.linspace(0, 120, width, dtype=np.uint8)[None, :, None].repeat(height, 0).repeat(3, 2)
    side = height // 3
    for index in range(count):
        image = slope.copy()
        row, column = 2 * index % (height - side), 3 * index % (width - side)
        image[row : row + side, column : column + side] = (250, 180, 40 + 4 * (index % 50))
        frame = av.VideoFrame.from_ndarray(image)
        frame.pts, frame.time_base = index, Fraction(1, _RATE)
        yield frame


def _tone(seconds: float, rate: int) -> Iterator[av.AudioFrame]:
    at = np.arange(round(seconds * rate)) / rate
    wave = (16_000 * np.sin(2 * np.pi * 440 * at)).astype(np.int16)
    for first in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), first
        yield frame


def _in_turn(streams: list[tuple[Any, Iterator[Any]]]) -> Iterator[Any]:
    """Packets of several streams, interleaved by the times of what is encoded."""
    waiting = [[stream, frames, next(frames)] for stream, frames in streams]
    while waiting:
        first = min(waiting, key=lambda each: each[2].pts * each[2].time_base)
        stream, frames, frame = first
        yield from stream.encode(frame)
        first[2] = next(frames, None)
        if first[2] is None:
            yield from stream.encode(None)
            waiting.remove(first)
