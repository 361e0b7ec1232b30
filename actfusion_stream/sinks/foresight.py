"""What was anticipated of each moment some seconds before it came: segments to lay beside the final ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from actfusion_stream.engine.timeline import Segment, Tick

LEAD = 5.0  # seconds before a moment: what was said of it then


class Foresight:
    """Collects, tick by tick, what was said of the time `LEAD` seconds after each.

    Attributes:
        segments: of every moment, what the last tick `LEAD` seconds before it said; they go as far as the
            last tick looked.
    """

    def __init__(self) -> None:
        self.segments: list[Segment] = []

    def tick(self, tick: Tick) -> None:
        """From `LEAD` seconds after this tick on its word counts, and no longer that of the one before."""
        start = tick.seen_until + LEAD
        while self.segments and self.segments[-1].start >= start:
            self.segments.pop()
        if self.segments:
            self.segments[-1] = replace(self.segments[-1], end=min(self.segments[-1].end, start))
        for segment in within(tick.future, start, float("inf")):
            last = self.segments[-1] if self.segments else None
            if last is not None and (last.label, last.end) == (segment.label, segment.start):
                self.segments[-1] = _joined(last, segment)
            else:
                self.segments.append(segment)


def within(segments: Iterable[Segment], start: float, end: float) -> Iterator[Segment]:
    """What of the segments lies in [start, end) seconds."""
    for segment in segments:
        if segment.end > start and segment.start < end:
            yield replace(segment, start=max(segment.start, start), end=min(segment.end, end))


def _joined(first: Segment, second: Segment) -> Segment:
    """Two that touch, as one; its confidence is their mean over time."""
    confidence = first.confidence * first.duration + second.confidence * second.duration
    return Segment(first.label, first.start, second.end, confidence / (first.duration + second.duration))
