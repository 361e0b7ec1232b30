"""Counters and latencies of a running stream, for the terminal, the summary and the log."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from actfusion_stream.sources.frame_queue import DROP_CAUSES

# Where latency is measured, always from the arrival of a tick's last frame: until work on it began, until its
# features were there, until the model had spoken, and until that was on screen, where it does appear.
STAGES = TAKEN, FEATURE, PREDICTION, SCREEN = "taken", "feature", "prediction", "screen"
PERCENTILES = (50, 95, 99)
FRAME_DROPS = DROP_CAUSES  # counted by the source
WORK_DROPS = TICKS_SKIPPED, FEATURES_REPEATED = "ticks skipped", "features repeated"
_LATENCY_WINDOW = 512  # ticks that the percentiles look back on: enough for a p95, and memory stays flat


UNFAMILIAR = "unfamiliar: unlike anything this model was trained on"


@dataclass
class Stats:
    """What has gone through the stream so far.

    One thread counts; others may read at any time.

    Attributes:
        frames: frames read.
        features: feature vectors of what was seen.
        ticks: model runs.
        unfamiliar: of these, how many saw what is unlike anything in training.
        drops: what was left out because the stream could not keep up, by cause: frames "queue full" and
            "stale", "ticks skipped", "features repeated"; all 0 for files. Every cause stands in it from the
            start: what is counted later changes no key.
        gaps: stretches of which nothing was seen, as a live source was silent, or its frames were dropped.
        begun: time of the first frame, seconds of the source.
        seen_until: time of the last frame seen.
    """

    frames: int = 0
    features: int = 0
    ticks: int = 0
    unfamiliar: int = 0
    drops: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    begun: float = 0.0
    seen_until: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    _latencies: dict[str, deque[float]] = field(
        default_factory=lambda: {stage: deque(maxlen=_LATENCY_WINDOW) for stage in STAGES}, repr=False
    )
    _lock: threading.Lock = field(
        default_factory=threading.Lock, repr=False
    )  # a deque that changes cannot be read

    def __post_init__(self) -> None:
        for cause in (*FRAME_DROPS, *WORK_DROPS):
            self.drops.setdefault(cause, 0)

    @property
    def dropped(self) -> int:
        """Frames thrown away; always 0 for files."""
        return sum(self.drops[cause] for cause in FRAME_DROPS)

    def add_latency(self, stage: str, milliseconds: float) -> None:
        """Record how long it took from a tick's last frame to one of `STAGES`."""
        with self._lock:
            self._latencies[stage].append(milliseconds)

    def latency(self, percentile: float, stage: str = PREDICTION) -> float:
        """Latency percentile in milliseconds over the recent ticks; 0 before the first."""
        with self._lock:
            recent = list(self._latencies[stage])
        return float(np.percentile(recent, percentile)) if recent else 0.0

    def latencies(self) -> dict[str, dict[str, float]]:
        """p50, p95 and p99 in milliseconds of every stage that was reached."""
        return {
            stage: {f"p{p}": round(self.latency(p, stage), 1) for p in PERCENTILES}
            for stage in STAGES
            if self._latencies[stage]
        }

    @property
    def note(self) -> str | None:
        """What whoever uses the results should know: most of what was seen is unlike training; else None."""
        if self.unfamiliar <= self.ticks / 2:
            return None
        return f"{UNFAMILIAR}, {100 * self.unfamiliar / self.ticks:.0f} % of the time"

    @property
    def seen(self) -> float:
        """Seconds of the source from the first frame to the last."""
        return self.seen_until - self.begun

    @property
    def elapsed(self) -> float:
        """Wall-clock seconds since the stream was opened."""
        return time.perf_counter() - self.started

    @property
    def speed(self) -> float:
        """Seconds of source per second of wall clock."""
        return self.seen / self.elapsed if self.elapsed > 0 else 0.0
