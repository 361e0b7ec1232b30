"""The log of events: what the stream says as it says it, a JSON object a line."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.events.actions import Record
from actfusion_stream.events.records import Records, line
from actfusion_stream.pipes import STANDARD_OUTPUT, LineWriter
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_target, saying_where


class EventLog(Sink):
    """Writes every record as a line, at once.

    The log is written under its final name, so that it can be followed; at any moment it consists of whole
    lines.

    A reader who is slow holds up a file, which loses nothing; events of a live source are left out, and a
    `lost` stands in their place once there is room again. What is told of the past then goes on from the last
    tick that was written. The summary comes last in any case.
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
        self._records: Records
        self._left_out = 0  # events since the last that was written
        self._lost = 0  # all in all
        self._complete = False

    def start(self, info: StreamInfo) -> None:
        """Open the log, and write what is known of the stream.

        Raises:
            StreamError: it cannot be opened.
        """
        self._records = Records(info)
        with saying_where(self._name):
            self._writer = LineWriter(
                self._path or _standard_output(), lossless=not info.source.live, stopped=info.stopped
            )
        with contextlib.suppress(StreamError):  # the first tick says so: of several only this is given up
            self._write([self._records.header()], always=True)

    def tick(self, tick: Tick) -> None:
        """Write one tick, and what it changes of actions.

        Raises:
            StreamError: nobody took an earlier line: the disk is full, the reader of a pipe has gone.
        """
        if not self._write(self._records.tick(tick)):
            self._records.untold()

    def gap(self, gap: Gap) -> None:
        self._write([self._records.gap(gap)])

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Write the summary; `close` waits until it has been written."""
        self._write(self._records.end(segments, summary), always=True)
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

    def _write(self, records: Sequence[Record], *, always: bool = False) -> bool:
        """Whether they were taken, all together; else they are counted."""
        assert self._writer is not None
        before = [self._records.lost(self._left_out)] if self._left_out else []
        with saying_where(self._name):
            taken = self._writer.put(b"".join(map(line, [*before, *records])), always=always)
        self._left_out = 0 if taken else self._left_out + len(records)
        self._lost += 0 if taken else len(records)
        return taken


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
