"""What a run writes. An output that fails is given up, and the others go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.annotated_video import Exporter
from actfusion_stream.sinks.video import EventWriter, write_segments
from actfusion_stream.sources.frames import Frame


class Outputs:
    """The log of events, the annotated video and the table of segments, as far as they are wanted.

    Args:
        events, exporter: already entered; None for none.
        segments: path of the table; None for none.

    Attributes:
        failures: what went wrong with those that were given up.

    Raises:
        StreamError: from any method, when the last of them fails: then there is nothing to go on for.
    """

    def __init__(self, events: EventWriter | None, exporter: Exporter | None, segments: Path | None) -> None:
        self._events, self._exporter, self._segments = events, exporter, segments
        self.failures: list[str] = []

    def tick(self, tick: Tick) -> None:
        """Log a tick."""
        if self._events:
            self._try_events(lambda events: events.tick(tick))

    def gap(self, gap: Gap) -> None:
        """Log that nothing was seen for a while."""
        if self._events:
            self._try_events(lambda events: events.gap(gap))

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        """Draw a frame into the video."""
        if self._exporter:
            try:
                self._exporter.add(frame, tick)
            except StreamError as error:
                self._exporter = None
                self._failed(error)

    def finish(self, segments: tuple[Segment, ...], summary: Mapping[str, Any], *, interrupted: bool) -> None:
        """Complete them all.

        Args:
            segments: the final segmentation.
            summary: last line of the log.
            interrupted: the source was not read to its end, so neither is its sound.
        """
        if self._exporter and interrupted:
            self._exporter.stop()
        if self._segments:
            try:
                write_segments(self._segments, segments)
            except StreamError as error:
                self._segments = None
                self._failed(error)
        if self._events:
            self._try_events(lambda events: events.summary(summary))

    def _try_events(self, write: Callable[[EventWriter], None]) -> None:
        assert self._events is not None
        try:
            write(self._events)
        except (StreamError, BrokenPipeError) as error:
            self._events = None
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        if not (self._events or self._exporter or self._segments):
            raise error
        self.failures.append(str(error))
