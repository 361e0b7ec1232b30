"""Push a long synthetic stream through source, buffer and model, and see whether anything grows.

    python -m tools.soak --hours 24

Pictures are drawn, the extractor is a narrow I3D and the model a small ActFusion, both with random weights:
what is tested is everything around them. Exit status 1 if memory grew by more than --limit after the first
ten simulated minutes, or a time stamp is wrong at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.engine.timeline import Segment
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.video import check_output
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import Source

from .robustness.random_model import SPEC, random_checkpoint

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
                runs.append((said.seen_until, said.latency_ms["model"]))
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
        tuple(_wrong_times(segments, times, seconds, rate, stream.stats.features)),
    )


def resident() -> float:
    """MB of memory that this process holds now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _wrong_times(
    segments: tuple[Segment, ...], times: np.ndarray, seconds: float, rate: float, features: int
) -> Iterator[str]:
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


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds of video a second, or max")
    return speed


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--hours", type=float, default=24.0, help="of video; default: 24")
    parser.add_argument("--speed", type=_speed, default=None, help="seconds of video a second; default: max")
    parser.add_argument("--rate", type=float, default=4.0, help="frames a second; default: 4")
    parser.add_argument("--tick", type=float, default=10.0, help="default: 10 seconds of video")
    parser.add_argument("--memory", type=float, default=600.0, help="seconds; default: 600")
    parser.add_argument("--limit", type=float, default=30.0, help="MB that memory may grow; default: 30")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    if not 0.2 <= options.hours <= 1000:
        parser.error(f"--hours {options.hours:g}: give 0.2 to 1000; in less than ten minutes nothing is full")
    if not SPEC.rate <= options.rate <= 240:
        parser.error(f"--rate {options.rate:g}: give {SPEC.rate:g} to 240 frames a second")
    console = Console(highlight=False)
    try:
        if options.json:
            check_output(options.json)
        found = soak(options.hours, options.rate, options.tick, options.memory, options.speed)
    except StreamError as error:
        Console(stderr=True).print(f"error: {error}", style="red", highlight=False, markup=False)
        return 1
    console.print(
        f"{found.hours:g} h of video in {found.seconds:.0f} s: {found.frames} frames, "
        f"{found.features} features, {found.ticks} ticks, {found.segments} segments\n"
        f"memory grew by {found.growth:.1f} MB after the first ten minutes\n"
        f"a model run takes {found.early_ms:.1f} ms in the first hour with a full buffer, "
        f"{found.late_ms:.1f} ms in the last",
        soft_wrap=True,
    )
    for wrong in found.wrong:
        console.print(f"wrong: {wrong}", style="red", soft_wrap=True)
    if options.json:
        options.json.write_text(json.dumps(vars(found), indent=1) + "\n")
    return 1 if found.wrong or found.growth > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
