"""A video whose picture and sound change together, and when they do so in what was made of it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

_FLASH = 2.0  # seconds at which the picture turns white and a tone begins


def flashing_video(
    path: Path,
    *,
    times: list[float] | None = None,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: float = 25.0,
    sound: float | None = None,
    late: float = 0.0,
    rotation: int = 0,
    aspect: Fraction | None = None,
    form: str | None = None,
) -> Path:
    """Encode a dark picture that turns white at 2 s.

    Args:
        path: target.
        times: of the frames, seconds; None for 4 s at `rate`.
        size: (width, height).
        codec, pixels, options: of the encoder.
        rate: that the header claims.
        sound: seconds of it, with a tone from 2 s on; None for none.
        late: seconds added to all times.
        rotation: degrees noted beside the picture.
        aspect: of a pixel.
        form: FFmpeg's name of the container, if the ending does not say.
    """
    times = [i / rate for i in range(round(4 * rate))] if times is None else times
    clock = Fraction(1, 90_000)
    with av.open(str(path), "w", format=form) as container:
        stream: Any = container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=options or {}
        )
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if form != "h264":
            stream.codec_context.time_base = clock
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        audio: Any = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for index, at in enumerate(times):
            level = 235 if at >= _FLASH - 1e-6 else 40
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8))
            if form == "h264":
                frame.pts, frame.time_base = index, Fraction(1, round(rate))
            else:
                frame.pts, frame.time_base = round((at + late) / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for packet in _tone(sound or 0.0, late, audio):
                container.mux(packet)
    return path


def _tone(seconds: float, late: float, stream: Any) -> Iterator[Any]:
    at = np.arange(round(48_000 * seconds)) / 48_000
    wave = (np.sin(2 * np.pi * 440 * at) * (at >= _FLASH) * 0.8).astype(np.float32)
    for first in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = first + round(48_000 * late)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def frames_and_seconds(path: Path) -> tuple[int, float]:
    """Frames of a video, and seconds from 0:00 to its last frame."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return len(times), float(times[-1] or 0.0)


def flash_at(path: Path) -> float:
    """When the upper part of the picture turns white; NaN if it never does."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.to_ndarray(format="gray")[: frame.height // 3].mean() > 180:
                return float(frame.time or 0.0)
    return float("nan")


def tone_at(path: Path) -> float:
    """When the sound begins; NaN if it never does."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(float).reshape(len(frame.layout.channels), -1)
            loud = np.abs(samples).max(axis=0)
            scale = 1.0 if "flt" in frame.format.name else 32768.0
            index = np.flatnonzero(loud > 0.2 * scale)
            if len(index):
                return float((frame.time or 0.0) + index[0] / frame.sample_rate)
    return float("nan")
