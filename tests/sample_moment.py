"""A moment of a stream, 41 s into a video, to show in tests; and consoles that keep what is written."""

from __future__ import annotations

import io
from collections import Counter

from rich.console import Console

from actfusion_stream.engine.stats import PREDICTION, Stats
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.sources.frames import SourceInfo

CLASSES = ["background", "cut_tomato", "peel_cucumber", "place_cucumber_into_bowl", "serve_salad_onto_plate"]
PAST = (
    Segment("background", 0, 4, 0.9),
    Segment("peel_cucumber", 4, 20, 0.95),
    Segment("cut_tomato", 20, 40, 0.86),
)
FUTURE = (
    Segment("cut_tomato", 40, 43, 0.7),
    Segment("place_cucumber_into_bowl", 43, 48, 0.64),
    Segment("serve_salad_onto_plate", 48, 118, 0.52),
)
TICK = Tick(seen_until=40.5, observed_until=40.0, past=PAST, future=FUTURE)
FILE = SourceInfo("kitchen.mp4", 320, 240, 90.0, 15.0, live=False, has_audio=True)
CAMERA = SourceInfo("camera 0", 640, 480, None, 30.0, live=True, has_audio=False)
NOTE = "demo model: labels here mean nothing"


def console(width: int = 80, height: int = 24, terminal: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
    )


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def stats(dropped: int = 3) -> Stats:
    drops = Counter({"stale": dropped, "ticks skipped": 2})
    counted = Stats(frames=1350, features=675, ticks=90, drops=drops, seen_until=41.0)
    counted.started -= 20.5
    for milliseconds in (30.0, 33.0, 40.0):
        counted.add_latency(PREDICTION, milliseconds)
    return counted
