"""Counters and latencies of a running stream, for the terminal, the summary and the log."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

_LATENCY_WINDOW = 512  # ticks that the percentiles look back on: enough for a p95, and memory stays flat


@dataclass
class Stats:
    """What has gone through the stream so far.

    Attributes:
        frames: frames read.
        features: feature vectors computed.
        ticks: model runs.
        dropped: frames thrown away because the stream could not keep up (always 0 for files).
        seen_until: time of the last frame seen, seconds of the source.
    """

    frames: int = 0
    features: int = 0
    ticks: int = 0
    dropped: int = 0
    seen_until: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCY_WINDOW), repr=False)

    def add_latency(self, milliseconds: float) -> None:
        """Record how long one tick took from its last frame to its prediction."""
        self._latencies.append(milliseconds)

    def latency(self, percentile: float) -> float:
        """Latency percentile in milliseconds over the recent ticks; 0 before the first."""
        return float(np.percentile(self._latencies, percentile)) if self._latencies else 0.0

    @property
    def elapsed(self) -> float:
        """Wall-clock seconds since the stream was opened."""
        return time.perf_counter() - self.started

    @property
    def speed(self) -> float:
        """Seconds of source per second of wall clock."""
        return self.seen_until / self.elapsed if self.elapsed > 0 else 0.0
