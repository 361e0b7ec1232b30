"""Small real videos for the tests of what goes in and what comes out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

CLOCK = 1000  # ticks a second that the frames of `make_video` are timed in
BEEP = 0.5  # seconds; its first sample


def grey_level(index: int) -> int:
    """What frame `index` of `make_video` is filled with: tells frames apart after lossy coding."""
    return 20 + 12 * (index % 18)


def ramp(count: int, step: int = 100) -> list[int]:
    """Presentation times of a steady video, in thousandths of a second."""
    return list(range(0, count * step, step))


def make_video(
    path: Path,
    times: Sequence[int] = tuple(ramp(10)),
    size: tuple[int, int] = (64, 48),
    sound: str | None = None,
    rotation: int = 0,
    muxing: dict[str, str] | None = None,
    coding: dict[str, str] | None = None,
    pixels: str = "yuv420p",
    seconds_of_sound: float | None = None,
) -> Path:
    """Encode one flat grey frame at each of `times` (thousandths of a second), with a beep from `BEEP` on."""
    width, height = size
    with av.open(str(path), "w", options=muxing or {}) as container:
        video = container.add_stream("libx264", rate=10, options=coding or {})
        video.width, video.height, video.pix_fmt = width, height, pixels
        video.codec_context.time_base = Fraction(1, CLOCK)
        if rotation:
            if not hasattr(video, "set_display_rotation"):
                pytest.skip("this PyAV cannot write a rotation")
            video.set_display_rotation(rotation)
        audio = container.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), grey_level(index), np.uint8))
            frame.pts, frame.time_base = time, Fraction(1, CLOCK)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            length = seconds_of_sound or (times[-1] + 100) / CLOCK
            container.mux(p for frame in _beep(length) for p in audio.encode(frame))
            container.mux(audio.encode(None))
    return path


def _beep(seconds: float) -> list[av.AudioFrame]:
    clock = np.arange(int(seconds * 48_000)) / 48_000
    wave = np.where(clock >= BEEP, 0.5 * np.sin(2 * np.pi * 440 * clock), 0)
    samples = (wave * 32767).astype(np.int16)
    frames = []
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        frames.append(frame)
    return frames


def packets(path: Path, kind: str) -> list[av.Packet]:
    """Packets of the first stream of a kind, in the order of their presentation."""
    with av.open(str(path)) as container:
        streams = getattr(container.streams, kind)
        found = [packet for packet in container.demux(streams[0]) if packet.size] if streams else []
    return sorted(found, key=lambda packet: packet.pts)


def beep_starts(path: Path) -> float:
    """Second of a file at which its sound becomes loud."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().astype(float)
            loud = np.flatnonzero(np.abs(samples[0]) > 0.1 * (1 if frame.format.name == "fltp" else 32768))
            if len(loud):
                return frame.time + int(loud[0]) / rate
    raise AssertionError(f"{path} is silent")


def shared_clips() -> list[Path]:
    """Real clips that lie beside the repository; empty where they do not."""
    root = Path(__file__).resolve().parents[1]
    return sorted((Path(os.environ.get("ACTFUSION_SHARED", root / "../shared")) / "clips").glob("*.mp4"))
