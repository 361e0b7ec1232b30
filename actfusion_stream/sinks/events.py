"""The log of events: what the stream says as it says it, a JSON object a line."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick, gap_to_json, segment_to_json, tick_to_json
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_target, saying_where

STANDARD_OUTPUT = "-"


class EventLog(Sink):
    """Writes ticks, gaps and the summary, each as a line that is flushed at once.

    The log is written under its final name, so that it can be followed; at any moment it consists of whole
    lines. Times are seconds of the source rounded to milliseconds, latencies are milliseconds.
    """

    def __init__(self, target: str | Path, source: str | Path | int | None = None) -> None:
        """Check the target; it is opened, and an older log replaced, when the stream starts.

        Args:
            target: path, or "-" for standard output.
            source: what is being read, which must not be overwritten.

        Raises:
            StreamError: the target cannot be written, or is the source.
        """
        self._name = "standard output" if target == STANDARD_OUTPUT else str(target)
        self._path = None if target == STANDARD_OUTPUT else check_target(target, source)
        self._file: TextIO | None = None
        self._settled = 0  # segments written as such

    def start(self, info: StreamInfo) -> None:
        if self._path is None:
            self._file = sys.stdout
            return
        with saying_where(self._name):
            self._file = open(self._path, "w", encoding="utf-8")  # noqa: SIM115  closed by close()

    def tick(self, tick: Tick) -> None:
        """Write one tick, and before it the segments that have settled since the last one.

        Raises:
            StreamError: nobody takes the line: the disk is full, the reader of a pipe has gone.
        """
        for segment in tick.past[self._settled : tick.settled]:
            self._write({"type": "settled", **segment_to_json(segment)})
        self._settled = tick.settled
        self._write({"type": "tick", **tick_to_json(tick)})

    def gap(self, gap: Gap) -> None:
        self._write({"type": "gap", **gap_to_json(gap)})

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        self._write({"type": "summary", **summary.to_json()})

    def close(self) -> None:
        """Close the log; standard output stays open."""
        if self._file is not None and self._path is not None:
            with contextlib.suppress(OSError):  # only a line that has already failed can be waiting
                self._file.close()

    def _write(self, event: Mapping[str, Any]) -> None:
        assert self._file is not None
        line = json.dumps(event) + "\n"
        with saying_where(self._name):
            self._file.write(line)
            self._file.flush()
