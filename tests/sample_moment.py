"""A moment of a stream, 41 s into a video, to show in tests; and consoles that keep what is written."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace

import numpy as np
from rich.console import Console

from actfusion_stream.engine.stats import PREDICTION, Stats
from actfusion_stream.engine.timeline import Candidate, Futures, Segment, Tick
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
CANDIDATES = (
    Candidate("place_cucumber_into_bowl", 0.5, 43.2, 42.1, 46.5),
    Candidate("peel_cucumber", 0.25, 44.0, 43.8, 44.3),
    Candidate("serve_salad_onto_plate", 0.125, 52.0, 48.0, 61.0),
)
_AGREED = np.zeros((30, len(CLASSES)), np.float32)  # of each second from 40 s on
_AGREED[:3, 1], _AGREED[3:8, 3], _AGREED[8:, 4] = 1.0, 0.75, 0.25
SEVERAL = replace(TICK, next=CANDIDATES, futures=Futures((FUTURE,) * 8, 0, _AGREED))
"""The same moment as eight futures see it."""
UNFAMILIAR = "unfamiliar: unlike anything this model was trained on"


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
