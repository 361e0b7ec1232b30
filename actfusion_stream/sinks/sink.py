"""What takes the results of a stream, and what happens when one of several fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import Frame


class Sink:
    """Where results go. One of your own overrides what it wants to hear of; the rest does nothing.

    All methods are called from the thread that runs the stream, in this order: `start`; for every frame
    `gap`, `tick` and `frame`, the first two if there is one; `finish` unless something broke; `close`. A sink
    that raises `StreamError` or `OSError` is given up, and closed: its text should name what failed.

    Attributes:
        warning: what could not be kept, to be told at the end; None if nothing.

    Example:
        >>> class Speaker(Sink):
        ...     def tick(self, tick: Tick) -> None:
        ...         print(tick.current.label)
        >>> run(open_stream("kitchen.mp4"), [Speaker()])
    """

    warning: str | None = None

    def start(self, info: StreamInfo) -> None:
        """Begin. What fails here ends the run before any work is done."""

    def gap(self, gap: Gap) -> None:
        """Nothing came for a while."""

    def tick(self, tick: Tick) -> None:
        """The model has spoken, having seen the frame that `frame` brings next."""

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        """A frame, with what was said last; None before the first tick."""

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Complete the result.

        Args:
            segments: the final segmentation.
            summary: the stream in numbers; `summary.interrupted` if its source was not read to the end.
        """

    def close(self) -> None:
        """Let go of everything; what has been written stays readable. Called last, whatever happened."""


class Sinks:
    """Several sinks as one: one that fails is given up and named, and the others go on.

    Args:
        sinks: in the order in which they are told.

    Attributes:
        failures: what went wrong with those that were given up.

    Raises:
        StreamError: from any method but `close`, when the last of them fails: there is nothing to go on for.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = list(sinks)
        self.warnings: list[str] = []
        self.failures: list[str] = []

    def start(self, info: StreamInfo) -> None:
        """Begin with all of them; here the first failure is everyone's."""
        for sink in self._sinks:
            sink.start(info)

    def gap(self, gap: Gap) -> None:
        self._tell(lambda sink: sink.gap(gap))

    def tick(self, tick: Tick) -> None:
        self._tell(lambda sink: sink.tick(tick))

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self._tell(lambda sink: sink.frame(frame, tick))

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        self._tell(lambda sink: sink.finish(segments, summary))

    def close(self) -> None:
        """Close those that are left, all of them, whatever one of them raises."""
        while self._sinks:
            sink = self._sinks.pop(0)
            try:
                self._close(sink)
            except (StreamError, OSError) as error:
                self.failures.append(str(error))
            except BaseException:
                self.close()
                raise

    def _tell(self, what: Callable[[Sink], None]) -> None:
        for sink in list(self._sinks):
            try:
                what(sink)
            except (StreamError, OSError) as error:
                self._give_up(sink, error)

    def _give_up(self, sink: Sink, error: Exception) -> None:
        self._sinks.remove(sink)
        self.failures.append(str(error))
        with contextlib.suppress(StreamError, OSError):  # it says once more what it has said
            self._close(sink)
        if not self._sinks:
            raise StreamError("; ".join(self.failures)) from (error.__cause__ or error)

    def _close(self, sink: Sink) -> None:
        sink.close()
        if sink.warning:
            self.warnings.append(sink.warning)
