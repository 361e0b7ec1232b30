"""What the command does with its options: opens the source, hands its results on, and has the last word."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.interrupts import Interrupts
from actfusion_stream.pipes import Printing
from actfusion_stream.shown import printable

if TYPE_CHECKING:
    from actfusion_stream.engine.stream import Stream
    from actfusion_stream.sinks.sink import Sink
    from actfusion_stream.weights.extractor_choice import ExtractorChoice


def watch(options: argparse.Namespace, interrupts: Interrupts, printing: Printing) -> int:
    """Do what the options ask for.

    Args:
        options: as `cli` has parsed them.
        interrupts: in force; from when on a stream can be stopped, it is told how.
        printing: in force; a live source may leave lines out.

    Returns:
        Exit status.

    Raises:
        StreamError: something given cannot be used, or the source has failed.
    """
    import torch

    from actfusion_stream.engine.stream import open_stream

    # Decoding, drawing and encoding need the other half: on two busy cores, two threads of torch would wait
    # for each other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    source = options.video if options.video is not None else options.camera
    _check_distinct(options)
    sinks = _sinks(options, source)
    with open_stream(
        source,
        checkpoint=options.checkpoint,
        horizon=options.horizon,
        tick=options.tick,
        device=options.device,
        extractor=_extractor(options),
        force_extractor=options.force_extractor,
        memory=options.memory,
        futures=options.futures,
        calm=options.calm,
        realtime=options.realtime,
        max_staleness=options.max_staleness,
        outage=options.reconnect,
        rate=options.rate,
    ) as stream:
        if interrupts:  # while nothing had begun, and something held on to the interruption
            raise KeyboardInterrupt
        interrupts.on_first = stream.stop
        if stream.info.live:
            printing.leave_out()
        return _show(stream, sinks, options)


def _show(stream: Stream, sinks: list[Sink], options: argparse.Namespace) -> int:
    from rich.console import Console

    from actfusion_stream.runner import run
    from actfusion_stream.views.summary import print_summary
    from actfusion_stream.views.view import open_view

    if stream.engine.warning:
        complain(f"warning: {stream.engine.warning}")
    on_stdout = options.events == "-"
    view = open_view(options.display, stream.info, stream.class_names, stream.stats, on_stdout)
    outcome = run(stream, sinks, view)
    for warning in outcome.warnings:
        complain(f"warning: {warning}")
    with contextlib.suppress(OSError) if view.lost else contextlib.nullcontext():
        if options.display != "none":
            targets = {
                "annotated video": options.output,
                "events": None if on_stdout else options.events,
                "segments": options.segments,
            }
            written = {what: str(path) for what, path in targets.items() if path}
            console = Console(stderr=on_stdout, highlight=False)
            print_summary(console, stream.class_names, outcome.segments, stream.stats, written)
        for failure in (*outcome.failures, *filter(None, [view.lost])):
            complain(f"{failure}; everything else was finished")
    return 1 if outcome.failures else 0


def _sinks(options: argparse.Namespace, source: str | Path | int) -> list[Sink]:
    """Where results are to go; every target is checked here, before any work is done."""
    from actfusion_stream.sinks.annotated_video import AnnotatedVideo
    from actfusion_stream.sinks.events import EventLog
    from actfusion_stream.sinks.prometheus import Metrics
    from actfusion_stream.sinks.segments import SegmentTable

    sinks: list[Sink] = []
    if options.events:
        sinks.append(EventLog(options.events, source))
    if options.output:
        sinks.append(AnnotatedVideo(options.output, source))
    if options.segments:
        sinks.append(SegmentTable(options.segments, source))
    if options.metrics is not None:
        sinks.append(
            Metrics(options.metrics, lambda port: complain(f"metrics at http://127.0.0.1:{port}/metrics"))
        )
    return sinks


def complain(line: str) -> None:
    """Say what went wrong, or is odd, on standard error."""
    print(f"actfusion-stream: {printable(line)}", file=sys.stderr)


def _extractor(options: argparse.Namespace) -> ExtractorChoice | None:
    from actfusion_stream.weights.extractor_choice import ExtractorChoice

    if options.extractor is None:
        if options.weights or options.flow:
            raise StreamError("--weights and --flow: they need --extractor, e.g. --extractor i3d")
        return None
    return ExtractorChoice(options.extractor, tuple(options.weights), flow=options.flow)


def _check_distinct(options: argparse.Namespace) -> None:
    """Make sure that no output overwrites another or the checkpoint; the writers look after the source."""
    taken: dict[object, str] = {}
    for name in ("checkpoint", "output", "events", "segments"):
        path = getattr(options, name)
        if path is None or path == "-":
            continue
        place: object = os.path.realpath(path)
        with contextlib.suppress(OSError):  # the file that is there, under whichever of its names
            found = os.stat(path)
            place = (found.st_dev, found.st_ino)
        if place in taken:
            raise StreamError(
                f"{path}: given as --{taken[place]} and as --{name}; each needs a file of its own"
            )
        taken[place] = name
