"""A stream to its end: every frame to a view and to the sinks. What the command does, callable from Python.

from actfusion_stream import open_stream, run
from actfusion_stream.sinks.events import EventLog

with open_stream("kitchen.mp4") as stream:
    run(stream, [EventLog("events.jsonl")])
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from actfusion_stream.engine.stats import SCREEN
from actfusion_stream.engine.stream import Stream
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.sink import Sink, Sinks
from actfusion_stream.views.view import SilentView, View


@dataclass(frozen=True)
class Outcome:
    """What came of a stream.

    Attributes:
        segments: the final segmentation.
        summary: the stream in numbers.
        failures: what went wrong with sinks that were given up, a line each.
        warnings: what is odd about the source and the results, a line each.
    """

    segments: tuple[Segment, ...]
    summary: Summary
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


def run(stream: Stream, sinks: Iterable[Sink] = (), view: View | None = None) -> Outcome:
    """Read a stream to its end, or until somebody stops it, and complete every result.

    Args:
        stream: not yet read; it is finished here, and closed by its owner.
        sinks: where results go. They are started and closed here, whatever happens.
        view: what shows the stream while it runs; entered and left here.

    Returns:
        What was seen, and what became of the sinks.

    Raises:
        StreamError: a sink cannot start, all have failed, or the source has: then the results tell what had
            been seen by then.

    Example:
        >>> with open_stream("kitchen.mp4") as stream:
        ...     outcome = run(stream, [EventLog("events.jsonl")])
    """
    outlets = Sinks(sinks)
    try:
        outlets.start(stream.about)
        try:
            segments, summary, failure = _run(stream, outlets, view or SilentView())
        except KeyboardInterrupt:
            # Whoever cannot wait for the model's last word gets what it said last.
            stream.stop()
            outlets.hurry()
            outlets.end(interrupted=True)
            outlets.finish(outlets.said, Summary.of(stream, outlets.said))
            raise
    finally:
        outlets.close()
    if failure is not None:
        raise failure
    outlets.check_anybody_reads()
    note = f"{stream.info.name}: {summary.note}" if summary.note else None
    warnings = (stream.warning, stream.remark, note, *outlets.warnings)
    return Outcome(segments, summary, tuple(outlets.failures), tuple(filter(None, warnings)))


def _run(
    stream: Stream, outlets: Sinks, view: View
) -> tuple[tuple[Segment, ...], Summary, StreamError | None]:
    """Everything between the start of the sinks and their end: the results, and what ended the source."""
    with view as shown:
        failure = _watch(stream, outlets, shown)
    # The safest first: whoever has stopped us may not wait until the model has spoken once more.
    outlets.end(interrupted=stream.stopped or failure is not None)
    try:
        segments = stream.finish()
    except StreamError as error:
        failure = failure or error
        segments = stream.finish()  # what had been said until then
    summary = Summary.of(stream, segments, None if failure is None else str(failure))
    outlets.finish(segments, summary)
    return segments, summary, failure


def _watch(stream: Stream, outlets: Sinks, view: View) -> StreamError | None:
    """Hand on every frame; what ended the source before its end, if something did."""
    tick = None
    unseen: float | None = None  # when the last frame of a tick arrived that is not on screen yet
    steps = stream.steps()
    while True:
        try:
            step = next(steps, None)
        except StreamError as error:
            return error
        if step is None:
            return None
        if step.gap is not None:
            outlets.gap(step.gap)
        if step.tick is not None:
            tick, unseen = step.tick, step.frame.arrived
            outlets.tick(tick)
        outlets.frame(step.frame, tick)
        if view.update(tick, step.frame.time) and unseen is not None:
            stream.stats.add_latency(SCREEN, 1000 * (time.perf_counter() - unseen))
            unseen = None
