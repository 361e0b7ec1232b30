"""What a tick says of the moment that is shown: now, since when, what comes next and how sure that is.

What a person looks at is newer than the newest feature, so a view asks a tick about a time that it only
anticipates. All views ask here, and say the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.stats import UNFAMILIAR as UNFAMILIAR
from actfusion_stream.engine.timeline import Candidate, Segment, Tick
from actfusion_stream.views.wording import countdown, until


@dataclass(frozen=True)
class Moment:
    """One moment as a tick sees it.

    Attributes:
        tick: what was said.
        time: seconds of the source.
        now: the action at that time, from where it began.
        coming: the actions after it, in order.
        candidates: what the next action may be, the most probable first; () where nobody asked, and where the
            present is already beyond the action that the tick counted from.
        goes_on: how likely `now` outlasts the horizon, in [0, 1]; 0 where there are no candidates.
    """

    tick: Tick
    time: float
    now: Segment
    coming: tuple[Segment, ...]
    candidates: tuple[Candidate, ...]

    @property
    def goes_on(self) -> float:
        return self.tick.goes_on if self.candidates else 0.0

    def named(self, min_confidence: float) -> str:
        """What is done now, "" where that is less sure than this."""
        return self.now.label if self.now.confidence >= min_confidence else ""

    @property
    def next_in(self) -> str:
        """How long until `coming[0]` starts, in words: a range where the futures differ about it."""
        candidate = self._candidate
        if candidate is not None:
            return starts_in(candidate, self.time)
        return countdown(self.coming[0].start - self.time)

    @property
    def next_start(self) -> tuple[float, float]:
        """Seconds at which `coming[0]` starts, most likely and at the latest."""
        candidate = self._candidate
        if candidate is not None:
            return candidate.start, candidate.latest
        return self.coming[0].start, self.coming[0].start

    @property
    def _candidate(self) -> Candidate | None:
        """`coming[0]` as the futures see it; None where they do not."""
        return next((one for one in self.candidates if one.label == self.coming[0].label), None)


def moment_of(tick: Tick, time: float) -> Moment:
    """What a tick says of a time, which is not before what it observed."""
    now, upcoming = tick.at(time), tick.upcoming
    if now in upcoming:
        return Moment(tick, time, now, upcoming[upcoming.index(now) + 1 :], ())
    return Moment(tick, time, tick.current, upcoming, tick.next)


def in_hindsight(final: Sequence[Segment], tick: Tick | None, time: float) -> Moment:
    """What turned out to be done at a time, and what was said at that time to come next.

    Args:
        final: the final segmentation, at least one segment.
        tick: what was said then; None before the first.
        time: seconds of the source.

    Returns:
        `now` is of the final segmentation, in a gap the one before it. The rest is as it was said, but that
        an action is no longer to come which had in fact begun.
    """
    now = final[max(bisect_right(final, time, key=lambda segment: segment.start) - 1, 0)]
    said = moment_of(Tick(time, time, (now,), ()) if tick is None else tick, time)
    if said.coming and said.coming[0].label == now.label:
        return replace(said, now=now, coming=said.coming[1:], candidates=())
    return replace(said, now=now)


def starts_in(candidate: Candidate, time: float) -> str:
    """How long until a candidate starts, counted from `time`."""
    return until(candidate.start - time, candidate.earliest - time, candidate.latest - time)


def agreement(tick: Tick, column: int, times: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How likely a tick holds a class in its future.

    Args:
        tick: what was said.
        column: place of the class in the checkpoint's list.
        times: (N,) seconds of the source.

    Returns:
        (N,) in [0, 1], smooth between the seconds that the futures tell of; 1 where nobody asked for several.
    """
    futures = tick.futures
    if futures is None or not len(futures.probabilities):
        return np.ones(len(times))
    middles = tick.observed_until + 0.5 + np.arange(len(futures.probabilities))
    agreed: NDArray[np.float64] = np.interp(times, middles, futures.probabilities[:, column])
    return agreed
