"""What was said, tick by tick, for whoever shows it when all is over: as much of each tick as they show."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import replace

from actfusion_stream.engine.timeline import Futures, Tick

_FURTHER = 2  # segments of a future beyond what is in sight: of them the next action may be told


class Said:
    """Keeps every tick of a stream without what nobody will show of it, which would fill the memory.

    Of the past the current action is kept, of the future what is in sight until the next tick comes.

    Args:
        sight: seconds that are shown of what comes.
    """

    def __init__(self, sight: float) -> None:
        self._sight = sight
        self._ticks: list[Tick] = []

    def add(self, tick: Tick) -> None:
        """Keep one more, which is newer than all others."""
        if self._ticks:
            self._ticks[-1] = _shortened(self._ticks[-1], tick.seen_until + self._sight)
        self._ticks.append(tick)

    def at(self, time: float) -> Tick | None:
        """The newest tick that had seen nothing later than `time`; None before the first."""
        found = bisect_right(self._ticks, time, key=lambda tick: tick.seen_until)
        return self._ticks[found - 1] if found else None


def _shortened(tick: Tick, until: float) -> Tick:
    """What of a tick is shown at times before `until`."""
    shown = sum(segment.start < until for segment in tick.future) + _FURTHER
    futures = tick.futures
    if futures is not None:
        seconds = max(math.ceil(until - tick.observed_until) + 1, 1)
        futures = Futures((), futures.likeliest, futures.probabilities[:seconds].copy())
    return replace(
        tick, past=tick.past[-1:], future=tick.future[:shown], latency_ms={}, settled=0, futures=futures
    )
