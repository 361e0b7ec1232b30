"""How early each action was foreseen, and what every tick said of every moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .replay import Replay, Said, Span

UNSAID = -1


class Foreseen(NamedTuple):
    """An action, and since when the stream had expected it.

    Attributes:
        span: the action.
        since: seconds of the tick from which on every tick before its start has named it in its middle.
    """

    span: Span
    since: float

    @property
    def lead(self) -> float:
        """Seconds by which that was before its start."""
        return self.span.start - self.since


def foreseen(spans: Sequence[Span], ticks: Sequence[Said]) -> list[Foreseen]:
    """Those of the actions that the last tick before their start has named in their middle.

    Args:
        spans: what was done, or what was finally said.
        ticks: in order.
    """
    found = []
    for span in spans:
        middle = (span.start + span.end) / 2
        since = None
        for tick in reversed([tick for tick in ticks if tick.seen < span.start]):
            if tick.label_at(middle) != span.label:
                break
            since = tick.seen
        if since is not None:
            found.append(Foreseen(span, since))
    return found


def triangle(
    replay: Replay, labels: Sequence[str], size: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """What was said, by time of saying and time of the video.

    Args:
        replay: the stream.
        labels: that have a number.
        size: rows of times of saying, columns of times of the video, both from 0 to its end.

    Returns:
        (rows, columns) numbers of labels, `UNSAID` where nothing was said, and where that was anticipation.
    """
    rows, columns = size
    number = {label: i for i, label in enumerate(labels)}
    saying, moments = ((np.arange(n) + 0.5) / n * replay.end for n in size)
    said = np.full((rows, columns), UNSAID)
    ahead = np.zeros((rows, columns), bool)
    for row, time in enumerate(saying):
        if time < replay.ticks[0].seen:
            continue
        tick = replay.tick_at(float(time))
        for span in tick.spans:
            first, last = np.searchsorted(moments, (span.start, span.end))
            said[row, first:last] = number[span.label]
        ahead[row] = moments >= tick.observed
    return said, ahead
