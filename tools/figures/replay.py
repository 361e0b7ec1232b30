"""A log of events, read for a picture: the final segmentation, what was said online, and some whole ticks.

A day of a stream is a log of gigabytes, so it is read twice: once for the times, once for the ticks that are
drawn.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from actfusion_stream.errors import StreamError
from actfusion_stream.events.reading import Reader

_LONGEST_LINE = 1 << 24  # bytes


class Span(NamedTuple):
    """A stretch of one label, in seconds."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Said:
    """A tick, whole.

    Attributes:
        seen: seconds of the last frame that it knew.
        observed: where its past ends.
        spans: of past and future, in order.
    """

    seen: float
    observed: float
    spans: tuple[Span, ...]

    def label_at(self, time: float) -> str | None:
        """What it said of that moment; None if nothing."""
        index = bisect_right(self.spans, time, key=lambda span: span.start) - 1
        return self.spans[index].label if index >= 0 and time < self.spans[index].end else None


@dataclass(frozen=True)
class Replay:
    """A stream as its log tells it.

    Attributes:
        source: how it is called.
        end: seconds of the last thing seen.
        rate: frames a second, None if the log does not tell.
        final: the final segmentation; what was last said, where the log broke off.
        online: what was said of each moment when it was the present.
        ticks: some whole ones, in order.
    """

    source: str
    end: float
    rate: float | None
    final: tuple[Span, ...]
    online: tuple[Span, ...]
    ticks: tuple[Said, ...]

    def tick_at(self, time: float) -> Said:
        """The last of the ticks up to that time; the first if there is none."""
        index = bisect_right(self.ticks, time, key=lambda tick: tick.seen) - 1
        return self.ticks[max(0, index)]


@dataclass
class _Outline:
    """What the first pass finds."""

    seen: list[float] = field(default_factory=list)
    now: list[str] = field(default_factory=list)
    last: list[Span] = field(default_factory=list)  # past of the last tick
    source: str = ""
    summary: dict[str, Any] | None = None


def read_replay(path: Path, times: Sequence[float], most: int) -> Replay:
    """Read a log.

    Args:
        path: what `--events` has written.
        times: seconds of ticks that are wanted, each the last one up to it.
        most: whole ticks to keep beside them, evenly chosen.

    Raises:
        StreamError: it is no such log, or has no tick.
    """
    outline = _outline(path)
    seen = outline.seen
    if not seen:
        raise StreamError(f"events {path}: no tick in it; give what actfusion-stream --events wrote")
    wanted = {max(0, bisect_right(seen, time) - 1) for time in times}
    first, last = seen[0], seen[-1]
    wanted |= {bisect_left(seen, first + (last - first) * i / max(1, most - 1)) for i in range(most)}
    summary = outline.summary or {}
    final = [_span(segment) for segment in summary["segments"]] if summary else outline.last
    end = max([last, *(span.end for span in final[-1:])])
    frames = summary.get("frames", 0) + summary.get("dropped", 0)
    return Replay(
        source=outline.source or path.stem,
        end=end,
        rate=(frames - 1) / summary["seen_until"] if frames > 1 and summary["seen_until"] else None,
        final=tuple(final),
        online=_joined(outline.now, [*seen, end]),
        ticks=tuple(_whole(path, wanted)),
    )


def _outline(path: Path) -> _Outline:
    found, reader = _Outline(), Reader()
    for place, event in _events(path):
        with _saying(place):
            kind = event["type"]
            if kind == "tick":
                seen = float(event["seen_until"])
                ahead = [_span(segment) for segment in event["future"] if segment["start"] <= seen]
                found.seen.append(seen)
                found.now.append(
                    ahead[-1].label if ahead and ahead[-1].end > seen else event["current"]["label"]
                )
            elif kind == "summary":
                found.summary = event
            reader.read(event)
            found.source = str(event.get("source", found.source))
    found.last = [_span(segment) for segment in reader.past]
    return found


def _whole(path: Path, wanted: set[int]) -> Iterator[Said]:
    """The ticks of these numbers."""
    reader, number = Reader(), 0
    for _, event in _events(path):
        reader.read(event)
        if event["type"] == "tick":
            if number in wanted:
                said = (_span(segment) for segment in (*reader.past, *event["future"]))
                yield Said(event["seen_until"], event["observed_until"], tuple(said))
            number += 1


def _events(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a log, each with its place."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                place = f"{path}, line {number}"
                with _saying(place):
                    event = json.loads(line)
                    if not isinstance(event, dict):
                        raise TypeError("it is no object")
                yield place, event
    except OSError as error:
        raise StreamError(f"events {path}: {error.strerror or error}") from error


class _saying:
    """Names the place of what makes no sense."""

    def __init__(self, place: str) -> None:
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (ValueError, TypeError, LookupError, AttributeError, RecursionError)):
            why = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise StreamError(
                f"events {self._place}: {why[:80]}; give what actfusion-stream --events wrote"
            ) from error


def _span(segment: dict[str, Any]) -> Span:
    return Span(str(segment["label"]), float(segment["start"]), float(segment["end"]))


def _joined(labels: Sequence[str], edges: Sequence[float]) -> tuple[Span, ...]:
    """Runs of equal labels; label i goes from edge i to the next."""
    found: list[Span] = []
    for label, start, end in zip(labels, edges[:-1], edges[1:], strict=True):
        if found and found[-1].label == label:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Span(label, start, end))
    return tuple(found)
