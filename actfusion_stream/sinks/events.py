"""The log of events: what the stream says as it says it, a JSON object a line."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick, gap_to_json, segment_to_json, tick_to_json
from actfusion_stream.pipes import LineWriter
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_target, saying_where

STANDARD_OUTPUT = "-"


class EventLog(Sink):
    """Writes ticks, gaps and the summary, each as a line that is written at once.

    The log is written under its final name, so that it can be followed; at any moment it consists of whole
    lines. Times are seconds of the source rounded to milliseconds, latencies are milliseconds.

    A reader who is slow holds up a file, which loses nothing; events of a live source are left out, and
    `{"type": "lost", "events": n}` stands in their place once there is room again. The summary comes last in
    any case.
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
        self._writer: LineWriter | None = None
        self._class_names: tuple[str, ...] = ()
        self._settled = 0  # segments written as such
        self._left_out = 0  # events since the last that was written
        self._lost = 0  # all in all
        self._complete = False

    def start(self, info: StreamInfo) -> None:
        self._class_names = info.class_names
        with saying_where(self._name):
            self._writer = LineWriter(
                self._path or _standard_output(), lossless=not info.source.live, stopped=info.stopped
            )

    def tick(self, tick: Tick) -> None:
        """Write one tick, and before it the segments that have settled since the last one.

        Raises:
            StreamError: nobody took an earlier line: the disk is full, the reader of a pipe has gone.
        """
        for segment in tick.past[self._settled : tick.settled]:
            self._write({"type": "settled", **segment_to_json(segment)})
        self._settled = tick.settled
        self._write({"type": "tick", **tick_to_json(tick, self._class_names)})

    def gap(self, gap: Gap) -> None:
        self._write({"type": "gap", **gap_to_json(gap)})

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Write the summary; `close` waits until it has been written."""
        self._write({"type": "summary", **summary.to_json()}, always=True)
        self._complete = True

    def close(self) -> None:
        """Close the log; standard output stays open.

        Raises:
            StreamError: the last lines cannot be written.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        with saying_where(self._name):
            self._lost += writer.close(patient=self._complete)
        if self._lost and not writer.failed:  # what failed says so itself
            events = "event was" if self._lost == 1 else "events were"
            self.warning = f"{self._name}: was not read in time: {self._lost} {events} left out"

    def _write(self, event: Mapping[str, Any], *, always: bool = False) -> None:
        assert self._writer is not None
        lines = _line(event)
        if self._left_out:
            lines = _line({"type": "lost", "events": self._left_out}) + lines
        with saying_where(self._name):
            taken = self._writer.put(lines, always=always)
        self._left_out = 0 if taken else self._left_out + 1
        self._lost += not taken


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _standard_output() -> int | Callable[[bytes], None]:
    """Its descriptor, or where it has none, as in a notebook, what writes there."""
    stdout = sys.stdout
    stdout.flush()

    def write(lines: bytes) -> None:
        stdout.write(lines.decode())
        stdout.flush()

    try:
        return stdout.fileno()
    except (io.UnsupportedOperation, AttributeError):
        return write
