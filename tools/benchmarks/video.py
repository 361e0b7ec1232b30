"""The whole way of a video, in processes of their own, against ffmpeg, which decodes and encodes and no more.

CPU is what all threads of the process took together, with starting Python and loading the model. Clips are
drawn kitchens, scaled up and made grainy, so that an encoder has about as much to do as with a camera's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen

from .rows import Row, Setting

_SEED = 10_007  # of a kitchen that the bundled model has not seen
_STREAM = (sys.executable, "-m", "actfusion_stream.cli", "--display", "none", "--video")
# What `VideoWriter` asks of x264.
_X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-bf", "0")
_FFMPEG = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y")
_FIRSTS = """
import sys, time
from actfusion_stream import open_stream
with open_stream(sys.argv[1], device=sys.argv[2]) as stream:
    for step in stream.steps():
        if not step.frame.index:
            frame = time.time()
        if step.tick is not None:
            break
print(frame, time.time())
"""


class Took(NamedTuple):
    """What a process took: seconds of all its threads, seconds that passed, MB of memory at most."""

    cpu: float
    wall: float
    memory: float


def video_rows(setting: Setting) -> Iterator[Row]:
    """Overlay and export, watching alone, and a short clip from its start to its end."""
    seconds, size = (4, (240, 136)) if setting.small else (50, (1920, 1080))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = _drawn(folder / "short.mp4", 4 if setting.small else 5, (320, 240))
        ours = (*_STREAM, str(short), "--device", setting.device.type)
        took = _in_turns({"ours": ours}, setting.rounds)["ours"]
        target = None if setting.small else 2.0
        yield Row(
            "a clip of 5 s, 320x240, start to end, wall", "", None, took.wall, target, f"{took.memory:.0f} MB"
        )
        yield from _first_rows(short, setting)
        if shutil.which("ffmpeg") is None:
            return
        clip = _filmed(folder / "clip.mp4", seconds, size)
        yield from _export_rows(clip, f"{size[0]}x{size[1]}, {seconds} s", setting)


def _export_rows(clip: Path, what: str, setting: Setting) -> Iterator[Row]:
    """Against ffmpeg with the same encoder, preset and rate factor, without B-frames; and decoding alone."""
    ours = (*_STREAM, str(clip), "--device", setting.device.type)
    made = [clip.with_name(f"{name}.mp4") for name in ("made", "ours", "twice")]
    took = _in_turns(
        {
            "decode": (*_FFMPEG, "-i", str(clip), "-f", "null", "-"),
            "watch": ours,
            "encode": (*_FFMPEG, "-i", str(clip), *_X264, str(made[0])),
            "export": (*ours, "--labels", "online", "--output", str(made[1])),
            "hindsight": (*ours, "--labels", "hindsight", "--output", str(made[2])),
        },
        setting.rounds,
    )
    sizes = " and ".join(f"{path.stat().st_size / 1e6:.1f}" for path in made[:2])
    decode, watch, encode, export = (took[name] for name in ("decode", "watch", "encode", "export"))
    plain, most = "ffmpeg, the same encoder", None if setting.small else 1 / 1.25
    yield Row(f"{what}, overlay and export, CPU", plain, encode.cpu, export.cpu, most, f"files of {sizes} MB")
    yield Row(
        f"{what}, overlay and export, wall", plain, encode.wall, export.wall, most, f"{export.memory:.0f} MB"
    )
    # The file is read a second time for it: no target, as there is nothing that does the same.
    twice = took["hindsight"]
    for unit, both, once in (("CPU", twice.cpu, export.cpu), ("wall", twice.wall, export.wall)):
        yield Row(f"{what}, final labels on it, {unit}", "the same with online labels", once, both)
    most = None if setting.small else 1 / 1.6
    yield Row(
        f"{what}, watched only, CPU",
        "ffmpeg, decoding alone",
        decode.cpu,
        watch.cpu,
        most,
        f"{watch.memory:.0f} MB",
    )


def _first_rows(clip: Path, setting: Setting) -> Iterator[Row]:
    frames, ticks = [], []
    for _ in range(setting.rounds):
        began = time.time()
        command = (sys.executable, "-c", _FIRSTS, str(clip), setting.device.type)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        frame, tick = map(float, done.stdout.split())
        frames.append(frame - began)
        ticks.append(tick - began)
    yield Row("start to the first frame, wall", "", None, statistics.median(frames))
    yield Row("start to the first tick, wall", "", None, statistics.median(ticks))


def _in_turns(ways: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Took]:
    """Medians of what each command takes when they take turns."""
    found: dict[str, list[Took]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            found[name].append(_run(command))
    return {name: Took(*map(statistics.median, zip(*took, strict=True))) for name, took in found.items()}


def _run(command: Sequence[str]) -> Took:
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Took(used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024)


def _drawn(path: Path, seconds: float, size: tuple[int, int]) -> Path:
    write_video(Kitchen(_SEED, seconds=seconds, size=size), path, Fraction(30))
    return path


def _filmed(path: Path, seconds: float, size: tuple[int, int]) -> Path:
    drawn = _drawn(path.with_name("drawn.mp4"), seconds, (size[0] // 3, size[1] // 3))
    grain = f"scale={size[0]}:{size[1]}:flags=bicubic,noise=alls=5:allf=t"
    subprocess.run((*_FFMPEG, "-i", str(drawn), "-vf", grain, *_X264, str(path)), check=True)
    return path
