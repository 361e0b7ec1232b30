"""What takes the results of a stream, and what happens when one of several fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError, in_a_line
from actfusion_stream.sources.frames import Frame


class Sink:
    """Where results go. One of your own overrides what it wants to hear of; the rest does nothing.

    All methods are called from the thread that runs the stream, in this order: `start`; for every frame
    `gap`, `tick` and `frame`, the first two if there is one; `end` and `finish` unless something broke;
    `close`. A sink that raises `StreamError` or `OSError` is given up, and closed: its text should name what
    failed.

    What holds up one of them holds up the stream: a camera's frames are lost meanwhile. Once `info.stopped()`
    says so, nothing should be waited for any longer.

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

    def end(self, *, interrupted: bool) -> None:
        """No frame follows. Complete what needs no segmentation: the model takes its time for that now.

        Args:
            interrupted: the source was not read to its end.
        """

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Complete the result; wait for nobody, for the others come next. `close` may wait.

        Args:
            segments: the final segmentation.
            summary: the stream in numbers; `summary.interrupted` if its source was not read to the end.
        """

    def hurry(self) -> None:
        """Nobody waits any longer: what is still to be done may take half a second, and be cut short."""

    def close(self) -> None:
        """Let go of everything; what has been written stays readable. Called last, whatever happened."""


class Sinks:
    """Several sinks as one: one that fails is given up and named, and the others go on.

    Args:
        sinks: in the order in which they are told.

    Attributes:
        said: the newest segmentation that they have been told of.
        warnings: what those that were closed could not keep.
        errors: what went wrong with those that were given up.

    Raises:
        StreamError: from `gap`, `tick` and `frame`, when the last of them fails: there is nothing to go on
            for. At the end everybody is told, whoever fails.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = list(sinks)
        self._count = len(self._sinks)
        self._finished: list[Sink] = []
        self.said: tuple[Segment, ...] = ()
        self.warnings: list[str] = []
        self.errors: list[StreamError | OSError] = []

    @property
    def failures(self) -> list[str]:
        """The errors, a line each."""
        return [in_a_line(error) for error in self.errors]

    def start(self, info: StreamInfo) -> None:
        """Begin with all of them; here the first failure is everyone's."""
        for sink in self._sinks:
            sink.start(info)

    def gap(self, gap: Gap) -> None:
        self._tell(lambda sink: sink.gap(gap))

    def tick(self, tick: Tick) -> None:
        self.said = tick.past
        self._tell(lambda sink: sink.tick(tick))

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self._tell(lambda sink: sink.frame(frame, tick))

    def end(self, *, interrupted: bool) -> None:
        self._tell(lambda sink: sink.end(interrupted=interrupted), last_words=True)

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Complete every result, once: those that have been told are not told again."""

        def finish(sink: Sink) -> None:
            if sink not in self._finished:
                self._finished.append(sink)
                sink.finish(segments, summary)

        self._tell(finish, last_words=True)

    def hurry(self) -> None:
        self._tell(lambda sink: sink.hurry(), last_words=True)

    def close(self) -> None:
        """Close those that are left, all of them, whatever one of them raises."""
        while self._sinks:
            sink = self._sinks.pop(0)
            try:
                self._close(sink)
            except (StreamError, OSError) as error:
                self.errors.append(error)
            except BaseException:
                self.hurry()
                self.close()
                raise

    def check_anybody_reads(self) -> None:
        """After `close`: what a reader made of us who has left, when there was nobody else.

        Raises:
            StreamError: because of a `BrokenPipeError`.
        """
        causes = [error if isinstance(error, OSError) else error.__cause__ for error in self.errors]
        gone = next((cause for cause in causes if isinstance(cause, BrokenPipeError)), None)
        if gone is not None and len(self.errors) == self._count:
            raise StreamError("; ".join(self.failures)) from gone

    def _tell(self, what: Callable[[Sink], None], *, last_words: bool = False) -> None:
        for sink in list(self._sinks):
            try:
                what(sink)
            except (StreamError, OSError) as error:
                self._give_up(sink, error)
                if not self._sinks and not last_words:
                    raise StreamError("; ".join(self.failures)) from (error.__cause__ or error)

    def _give_up(self, sink: Sink, error: StreamError | OSError) -> None:
        self._sinks.remove(sink)
        self.errors.append(error)
        with contextlib.suppress(StreamError, OSError):  # it says once more what it has said
            self._close(sink)

    def _close(self, sink: Sink) -> None:
        sink.close()
        if sink.warning:
            self.warnings.append(sink.warning)
