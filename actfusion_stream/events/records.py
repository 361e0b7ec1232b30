"""The records that tell one reader of a stream: what stands in them, and what of the past is told anew.

A tick tells of the past what has changed since the last tick that its reader was told. `reading.Reader` puts
it together again. `records.schema.json` says the same as a JSON Schema.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Futures, Gap, Segment, Tick
from actfusion_stream.events.actions import Following, Record, candidate_to_json
from actfusion_stream.version import __version__

VERSION = 2  # of the records; what only adds to them does not change it
_IMPROBABLE = 0.05  # of a class in one second; what is less is not written


@dataclass(frozen=True)
class _Told:
    """What a reader knows.

    Attributes:
        number: of the last tick; None before the first.
        settled: so many segments of the past were final then.
        open: those that were not.
        following: what was said of actions.
    """

    number: int | None = None
    settled: int = 0
    open: tuple[Record, ...] = ()
    following: Following = field(default_factory=Following)


class Records:
    """Makes the records of one stream for one reader.

    Args:
        info: of the stream.
    """

    def __init__(self, info: StreamInfo) -> None:
        self._info = info
        self._ticks = 0
        self._told = self._before = _Told()

    def header(self) -> Record:
        """What is known before the first frame; first of all records."""
        source = self._info.source
        return self._record(
            "header",
            version=VERSION,
            program={"name": "actfusion-stream", "version": __version__},
            checkpoint={"name": self._info.checkpoint, "fingerprint": self._info.fingerprint},
            classes=list(self._info.class_names),
            live=source.live,
            rate=None if source.rate is None else round(source.rate, 3),
            size=[source.width, source.height],
            duration=None if source.duration is None else round(source.duration, 3),
            lookahead=round(self._info.lookahead, 3),
        )

    def tick(self, tick: Tick, *, whole: bool = False) -> list[Record]:
        """A tick, and what it changes of actions: all of it is told, or nothing, see `untold`.

        Args:
            tick: must have observed something.
            whole: tell all of the past that may still change, whatever was told before, so that whoever
                listens from now on has it.
        """
        self._before = told = self._told
        number, self._ticks = self._ticks, self._ticks + 1
        since = [_segment(segment) for segment in tick.past[told.settled :]]
        changed = [
            {"at": told.settled + place, **segment}
            for place, segment in enumerate(since)
            if place >= len(told.open)
            or segment != told.open[place]
            or (whole and told.settled + place >= tick.settled)
        ]
        past = {
            "since": told.number,
            "whole": whole or told.number is None,
            "settled": tick.settled,
            "length": len(tick.past),
            "changed": changed,
        }
        actions, following = told.following.tick(tick)
        self._told = _Told(number, tick.settled, tuple(since[tick.settled - told.settled :]), following)
        said = self._record("tick", number=number, past=past, **_said(tick, self._info.class_names))
        return [said, *(self._record(**record) for record in actions)]

    def untold(self) -> None:
        """The records of the last tick have not been told: the next ones are as if it had never been."""
        self._told = self._before

    def gap(self, gap: Gap) -> Record:
        """Nothing was seen for a while."""
        return self._record("gap", start=round(gap.start, 3), end=round(gap.end, 3), cause=gap.cause)

    def lost(self, records: int) -> Record:
        """So many records were left out before the next one."""
        return self._record("lost", events=records)

    def end(self, segments: Sequence[Segment], summary: Summary) -> list[Record]:
        """The last records: how the last action ended, and the summary.

        Args:
            segments: the final segmentation.
            summary: the stream in numbers.
        """
        actions = self._told.following.end(segments)
        self._told = replace(self._told, following=Following())
        about = summary.to_json()
        return [
            *(self._record(**record) for record in actions),
            self._record("summary", **{key: value for key, value in about.items() if key != "source"}),
        ]

    def _record(self, type: str, **what: Any) -> Record:
        return {"type": type, "source": self._info.source.name, "utc": now_utc(), **what}


def now_utc() -> str:
    """This moment in ISO 8601, UTC, with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def encoded(record: Record) -> bytes:
    """A record on its way: JSON without blanks, in UTF-8, in one line without its end."""
    return json.dumps(record, separators=(",", ":")).encode()


def line(record: Record) -> bytes:
    """A record as a line of a log."""
    return encoded(record) + b"\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record."""
    text = resources.files("actfusion_stream.events").joinpath("records.schema.json").read_text("utf-8")
    described: dict[str, Any] = json.loads(text)
    return described


def _said(tick: Tick, class_names: Sequence[str]) -> Record:
    """What every tick says whole."""
    return {
        "seen_until": round(tick.seen_until, 3),
        "observed_until": round(tick.observed_until, 3),
        "current": {
            "label": tick.current.label,
            "confidence": round(tick.current.confidence, 2),
            "since": round(tick.current.start, 3),
        },
        "next": [candidate_to_json(candidate) for candidate in tick.next],
        "goes_on": round(tick.goes_on, 3),
        "doubt": round(tick.doubt, 3),
        "future": [_segment(segment) for segment in tick.future],
        "futures": None if tick.futures is None else _futures(tick.futures, class_names),
        "unfamiliar": tick.unfamiliar,
        "strangeness": None if tick.strangeness is None else round(tick.strangeness, 2),
        "latency_ms": {stage: round(ms, 1) for stage, ms in tick.latency_ms.items()},
    }


def _segment(segment: Segment) -> Record:
    """A segment; in hundredths, or the confidence of each one of the past would be another at every tick."""
    return {
        "label": segment.label,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "confidence": round(segment.confidence, 2),
    }


def _futures(futures: Futures, class_names: Sequence[str]) -> Record:
    """Not the samples, and of each second the classes that are not improbable."""
    seconds = []
    for probabilities in futures.probabilities.tolist():
        probable = [(name, p) for name, p in zip(class_names, probabilities, strict=True) if p >= _IMPROBABLE]
        seconds.append({name: round(p, 2) for name, p in sorted(probable, key=lambda one: -one[1])})
    return {"likeliest": futures.likeliest, "seconds": seconds}
