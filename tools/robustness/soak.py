"""A long synthetic stream through source, buffer and model, and what grew in it.

Extractor and model are narrow and random: what is looked at is everything around them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from actfusion_stream.engine.stream import open_stream
from actfusion_stream.engine.timeline import Segment
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import Source

from .random_model import SPEC, random_checkpoint

_WARM_SECONDS = 600.0  # simulated; until then buffers fill


class DrawnDay:
    """A reader of drawn pictures that change every few seconds.

    Args:
        seconds: of video.
        rate: frames a second.
        speed: seconds of video a second; None for as fast as they are taken.
    """

    def __init__(self, seconds: float, rate: float, speed: float | None) -> None:
        self.warning: str | None = None
        self.remark: str | None = None
        self._count, self._rate, self._speed = round(seconds * rate), rate, speed
        self.info = SourceInfo("drawn day", 48, 36, seconds, rate, live=False, has_audio=False)

    def frames(self) -> Iterator[Frame]:
        rng = np.random.default_rng(0)
        scene = np.zeros((36, 48, 3), np.uint8)
        began = time.perf_counter()
        for index in range(self._count):
            if index % round(7 * self._rate) == 0:
                scene = rng.integers(0, 256, (36, 48, 3), np.uint8)
            if self._speed:
                time.sleep(max(0.0, began + index / self._rate / self._speed - time.perf_counter()))
            picture = np.roll(scene, index % 48, axis=1)
            yield Frame(index / self._rate, picture, index, time.perf_counter())

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Soaked:
    """What a soak has shown.

    Attributes:
        hours: simulated.
        seconds: real.
        frames, features, ticks: counted.
        growth: MB of resident memory gained at most after the first ten simulated minutes.
        early_ms, late_ms: median milliseconds of a model run, in the first hour with a full buffer and in the
            last.
        segments: of the final segmentation.
        wrong: what is wrong with the time stamps; none if nothing.
    """

    hours: float
    seconds: float
    frames: int
    features: int
    ticks: int
    growth: float
    early_ms: float
    late_ms: float
    segments: int
    wrong: tuple[str, ...]


def soak(hours: float, rate: float, tick: float, memory: float, speed: float | None) -> Soaked:
    """Run a synthetic stream.

    Args:
        hours: of video.
        rate: frames a second.
        tick: seconds of video from one model run to the next.
        memory: seconds that the buffer holds.
        speed: seconds of video a second; None for as fast as possible.
    """
    seconds = 3600 * hours
    began = time.perf_counter()
    base = highest = 0.0
    runs: list[tuple[float, float]] = []  # seconds of video, milliseconds of the model
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = random_checkpoint(Path(folder) / "soak.safetensors")
        source = Source(DrawnDay(seconds, rate, speed))
        with open_stream(
            source, checkpoint=checkpoint, horizon="60s", tick=tick, memory=memory, device="cpu"
        ) as stream:
            for said in stream:
                runs.append((said.seen_until, said.latency_ms["prediction"] - said.latency_ms["feature"]))
                if said.seen_until >= _WARM_SECONDS:
                    base = base or resident()
                    highest = max(highest, resident())
        segments = stream.finish()
        _, times = stream.features()
    full = max(memory, _WARM_SECONDS)
    last_hour = max(full, seconds - 3600)
    return Soaked(
        hours,
        time.perf_counter() - began,
        stream.stats.frames,
        stream.stats.features,
        stream.stats.ticks,
        highest - base,
        _median([ms for at, ms in runs if full <= at < full + 3600]),
        _median([ms for at, ms in runs if at >= last_hour]),
        len(segments),
        tuple(wrong_times(segments, times, seconds, rate, stream.stats.features)),
    )


def resident() -> float:
    """MB of memory that this process holds now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def wrong_times(
    segments: tuple[Segment, ...], times: np.ndarray, seconds: float, rate: float, features: int
) -> Iterator[str]:
    """What is wrong with segments and times of features at the end of so many seconds of video."""
    end = (round(seconds * rate) - 1) / rate + 1 / rate
    if segments[0].start != 0 or abs(segments[-1].end - end) > 1e-6:
        yield f"segments go from {segments[0].start} to {segments[-1].end}, not from 0 to {end}"
    holes = sum(one.end != other.start for one, other in pairwise(segments))
    if holes:
        yield f"{holes} holes between segments"
    expected = int(np.floor((end - 1 / rate) / SPEC.period + 1e-9)) + 1
    if features != expected:
        yield f"{features} features, not {expected}"
    if abs(times[-1] - (expected - 1) * SPEC.period) > 1e-6:
        yield f"the last feature is at {times[-1]}, not at {(expected - 1) * SPEC.period}"


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else float("nan")
