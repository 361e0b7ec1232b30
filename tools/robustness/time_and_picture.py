"""Rows of time and picture: what cameras, phones and converters do to a video that is whole."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from .fault import Fault
from .flashing_video import flashing_video


def _export(name: str, **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        flashing_video(folder / name, **made)
        return ["--video", name, "--output", "out.mp4"]

    return prepare


def _joined(folder: Path) -> list[str]:
    """Two recordings in one file: in its middle time begins anew."""
    one = flashing_video(folder / "one.ts").read_bytes()
    (folder / "in.ts").write_bytes(one + one)
    return ["--video", "in.ts", "--output", "out.mp4"]


TIME_AND_PICTURE = [
    Fault("nothing", _export("in.mp4", sound=4.0), frames=100, seconds=3.96, step=True),
    Fault(
        "variable frame rate: 10 to 50 a second",
        _export("in.mp4", times=[*(i / 10 for i in range(20)), *(2 + i / 50 for i in range(100))], sound=4.0),
        frames=120,
        seconds=3.98,
        step=True,
    ),
    Fault("B-frames", _export("in.mp4", options={"bf": "4"}, sound=4.0), frames=100, seconds=3.96, step=True),
    Fault(
        "the header says 50 frames a second, there are 10",
        _export("in.mkv", rate=50, times=[i / 10 for i in range(40)], sound=4.0),
        frames=40,
        seconds=3.9,
        step=True,
    ),
    Fault("no time stamps at all (raw H.264)", _export("in.h264", form="h264"), frames=100, seconds=3.96),
    Fault("two recordings joined: in the middle time begins anew", _joined, 0, "begins anew at 4.0 s"),
    Fault(
        "a hole of 20 s in the time stamps",
        _export("in.mp4", times=[*(i / 25 for i in range(50)), *(22 + i / 25 for i in range(50))]),
        frames=100,
        seconds=23.96,
    ),
    Fault(
        "turned by a quarter, as a phone notes it",
        _export("in.mp4", rotation=90, sound=4.0),
        frames=100,
        step=True,
    ),
    Fault(
        "odd size, 97 x 63",
        _export("in.mkv", size=(97, 63), pixels="yuv444p", sound=4.0),
        frames=100,
        step=True,
    ),
    Fault("pixels of 4:3", _export("in.mp4", aspect=Fraction(4, 3), sound=4.0), frames=100, step=True),
    Fault(
        "interlaced",
        _export("in.mp4", options={"flags": "+ilme+ildct"}, sound=4.0),
        says="deinterlaced from 0.0 s",
        frames=100,
        step=True,
    ),
    Fault("10 bits a colour", _export("in.mp4", pixels="yuv420p10le", sound=4.0), frames=100, step=True),
    Fault("grey", _export("in.mp4", pixels="gray", sound=4.0), frames=100, step=True),
    Fault("alpha", _export("in.mov", codec="png", pixels="rgba", sound=4.0), frames=100, step=True),
    Fault("sound 5 s longer than the picture", _export("in.mp4", sound=9.0), frames=100, step=True),
    Fault("sound ends 1 s before the picture", _export("in.mp4", sound=3.0), frames=100, step=True),
    Fault(
        "all times start at 7 s", _export("in.mkv", late=7.0, sound=4.0), frames=100, seconds=3.96, step=True
    ),
    Fault(
        "a transport stream, whose times start anywhere", _export("in.ts", sound=4.0), frames=100, step=True
    ),
    Fault(
        "1 frame a second",
        _export("in.mp4", rate=1, times=[float(i) for i in range(6)], sound=6.0),
        frames=6,
        step=True,
    ),
    Fault("240 frames a second", _export("in.mp4", rate=240, sound=4.0), frames=960, step=True),
    Fault("a single frame", _export("in.mp4", times=[0.0]), frames=1),
]
