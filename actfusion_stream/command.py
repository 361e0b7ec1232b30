"""What the command does with its options: opens the source, hands its results on, and has the last word."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream.batch import Job, plan, sources_of
from actfusion_stream.errors import StreamError, in_a_line
from actfusion_stream.interrupts import Interrupts
from actfusion_stream.pipes import STANDARD_OUTPUT, Printing
from actfusion_stream.receivers.address import is_file_target, shown_target
from actfusion_stream.shown import printable

if TYPE_CHECKING:
    from actfusion_stream.engine.engine import Engine
    from actfusion_stream.engine.stream import Stream
    from actfusion_stream.page.server import PageServer
    from actfusion_stream.runner import Outcome
    from actfusion_stream.sinks.sink import Sink
    from actfusion_stream.weights.extractor_choice import ExtractorChoice

_PLAIN_PROGRESS = 10.0  # seconds from line to line, where there is no terminal


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

    # Decoding, drawing and encoding need the other half: on two busy cores, two threads of torch would wait
    # for each other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    sources, several = sources_of(options.sources)
    with _page(options) as page:
        if several:
            status = _watch_all(plan(sources, options), options, page, interrupts, printing)
        else:
            _check_distinct(options)
            sinks = _sinks(options, sources[0], page)
            with _open(sources[0], options, _engine(options), interrupts, printing) as stream:
                outcome = _show(stream, sinks, options)
            status = 1 if outcome.failures else 0
        if page is not None and not interrupts:
            interrupts.on_first = page.release
            page.stay()
    return status


@contextlib.contextmanager
def _page(options: argparse.Namespace) -> Iterator[PageServer | None]:
    """The server of the page, if one was asked for."""
    if options.serve is None:
        given = [f"--serve-{name}" for name in ("token", "cert", "key") if getattr(options, f"serve_{name}")]
        if given:
            raise StreamError(f"{' and '.join(given)}: only with --serve, e.g. --serve 8000")
        yield None
        return
    from actfusion_stream.page.address import Access
    from actfusion_stream.page.server import PageServer

    if options.serve_key is not None and options.serve_cert is None:
        raise StreamError("--serve-key: only with its certificate, --serve-cert FILE.pem")
    access = Access(options.serve_token, options.serve_cert, options.serve_key)
    with PageServer(options.serve, access, complain, min_confidence=options.min_confidence) as page:
        yield page


def _watch_all(
    jobs: Sequence[Job],
    options: argparse.Namespace,
    page: PageServer | None,
    interrupts: Interrupts,
    printing: Printing,
) -> int:
    """One video after the other with one engine; what cannot be watched is named, and the others are."""
    from rich.console import Console

    from actfusion_stream.views.summary import Row, print_table

    engine = _engine(options)
    rows: list[Row] = []
    for place, job in enumerate(jobs, 1):
        called = f"{job.called} ({place} of {len(jobs)})"
        try:
            sinks = _sinks(job.options, job.source, page)
            with _open(job.source, options, engine, interrupts, printing) as stream:
                outcome = _show(stream, sinks, job.options, called)
            rows.append(Row(job.called, outcome.summary, "; ".join(outcome.failures), stream.stats.seen))
        except (StreamError, OSError) as error:
            if isinstance(error.__cause__ or error, BrokenPipeError):
                raise
            complain(in_a_line(error))
            rows.append(Row(job.called, None, in_a_line(error)))
        finally:
            interrupts.on_first = None
        if interrupts:
            break
    if options.display != "none":
        print_table(Console(stderr=STANDARD_OUTPUT in options.events, highlight=False), rows)
    failed = [str(job.source) for job, row in zip(jobs, rows, strict=False) if row.failure]
    left = [str(job.source) for job in jobs[len(rows) :]]
    for which, what in ((failed, "failed"), (left, "not watched")):
        if which:
            complain(f"{what}: {len(which)} of {len(jobs)} videos: {', '.join(which)}")
    return 1 if failed else 0


def _engine(options: argparse.Namespace) -> Engine:
    from actfusion_stream.engine.engine import Engine
    from actfusion_stream.engine.settings import Horizon, Settings
    from actfusion_stream.sources.source import check_patience

    # What is wrong with a number is said before the weights are loaded.
    check_patience(options.reconnect, options.max_staleness)
    Settings(
        Horizon.parse(options.horizon),
        options.tick,
        options.memory,
        options.futures,
        options.calm,
        options.seed,
    )
    return Engine.load(
        options.checkpoint,
        device=options.device,
        extractor=_extractor(options),
        force_extractor=options.force_extractor,
        precision=options.precision,
    )


@contextlib.contextmanager
def _open(
    source: str | Path | int,
    options: argparse.Namespace,
    engine: Engine,
    interrupts: Interrupts,
    printing: Printing,
) -> Iterator[Stream]:
    from actfusion_stream.engine.stream import open_stream

    with open_stream(
        source,
        engine=engine,
        horizon=options.horizon,
        tick=options.tick,
        memory=options.memory,
        futures=options.futures,
        calm=options.calm,
        seed=options.seed,
        realtime=options.realtime,
        max_staleness=options.max_staleness,
        outage=options.reconnect,
        rate=options.rate,
        size=options.camera_size,
        start=options.start,
        duration=options.duration,
    ) as stream:
        if interrupts:  # while nothing had begun, and something held on to the interruption
            raise KeyboardInterrupt
        interrupts.on_first = stream.stop
        if stream.info.live:
            printing.leave_out()
        yield stream


def _show(
    stream: Stream, sinks: list[Sink], options: argparse.Namespace, called: str | None = None
) -> Outcome:
    """Watch a stream to its end, and say what came of it.

    Args:
        stream: opened.
        sinks: where results go.
        options: its own.
        called: how it is called among several, which have their last word together.
    """
    from rich.console import Console

    from actfusion_stream.runner import run
    from actfusion_stream.views.summary import print_summary
    from actfusion_stream.views.view import open_view

    if stream.engine.warning:
        complain(f"warning: {stream.engine.warning}")
    on_stdout = STANDARD_OUTPUT in options.events
    info = replace(stream.info, name=called or stream.info.name)
    view = open_view(
        options.display,
        info,
        stream.class_names,
        stream.stats,
        on_stdout,
        standing=not called,
        min_confidence=options.min_confidence,
    )
    outcome = run(stream, sinks, view)
    for warning in outcome.warnings:
        complain(f"warning: {warning}")
    with contextlib.suppress(OSError) if view.lost else contextlib.nullcontext():
        if options.display != "none" and not called:
            targets = {
                "video" if options.overlay == "off" else "annotated video": options.output,
                "events": ", ".join(
                    shown_target(target) for target in options.events if target != STANDARD_OUTPUT
                ),
                "segments": ", ".join(map(str, options.segments)),
            }
            written = {what: str(path) for what, path in targets.items() if path}
            console = Console(stderr=on_stdout, highlight=False)
            print_summary(console, stream.class_names, outcome.segments, stream.stats, written)
        for failure in (*outcome.failures, *filter(None, [view.lost])):
            complain(f"{failure}; everything else was finished")
    return outcome


def _sinks(options: argparse.Namespace, source: str | Path | int, page: PageServer | None) -> list[Sink]:
    """Where results are to go; every target is checked here, before any work is done."""
    from actfusion_stream.receivers.opening import open_events
    from actfusion_stream.sinks.prometheus import Metrics
    from actfusion_stream.sinks.segments import SegmentFile

    sinks: list[Sink] = [open_events(target, source) for target in options.events]
    if options.output:
        sinks.append(_video(options, source))
    else:
        for name in ("labels", "overlay", "overlay_size"):
            if (given := getattr(options, name)) is not None:
                option = f"--{name.replace('_', '-')} {given}"
                raise StreamError(f"{option}: only with --output, e.g. --output annotated.mp4")
    sinks += [SegmentFile(path, source) for path in options.segments]
    if options.metrics is not None:
        sinks.append(
            Metrics(options.metrics, lambda port: complain(f"metrics at http://127.0.0.1:{port}/metrics"))
        )
    if page is not None:
        sinks.append(page.sink())
    return sinks


def _video(options: argparse.Namespace, source: str | Path | int) -> Sink:
    """The annotated video, with the labels that were asked for, or those that the source allows."""
    from actfusion_stream.sinks.annotated_video import AnnotatedVideo
    from actfusion_stream.sinks.hindsight import HindsightVideo
    from actfusion_stream.sources.source import is_repeatable
    from actfusion_stream.views.layout import Look

    if options.overlay == "off":
        for name in ("labels", "overlay_size"):
            if getattr(options, name) is not None:
                raise StreamError(f"--{name.replace('_', '-')}: nothing is drawn with --overlay off")
        return AnnotatedVideo(options.output, source, Look("off"))
    look = Look(options.overlay or "bottom", options.overlay_size or "medium", options.min_confidence)
    again = is_repeatable(source) and not options.realtime
    if options.labels == "online" or (options.labels is None and not again):
        return AnnotatedVideo(options.output, source, look)
    if not again and (not isinstance(source, Path) or source.exists()):
        found = "--realtime" if options.realtime else "this source"
        raise StreamError(
            f"--labels hindsight: needs a file that is read twice, which {found} does not allow; give online"
        )
    return HindsightVideo(options.output, source, lambda: _progress(options), look)


@contextlib.contextmanager
def _progress(options: argparse.Namespace) -> Iterator[Callable[[float], None]]:
    """Show on standard error how far the second pass over a file has come."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    name = printable(f"drawing {options.output.name}")
    if options.display == "none":
        yield lambda share: None
    elif console.is_terminal and not console.is_dumb_terminal:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bars:
            task = bars.add_task(name, total=1.0)
            yield lambda share: bars.update(task, completed=share)
    else:
        told = time.monotonic()

        def tell(share: float) -> None:
            nonlocal told
            if time.monotonic() >= told + _PLAIN_PROGRESS:
                told = time.monotonic()
                complain(f"{name}: {share:.0%}")

        yield tell


def complain(line: str) -> None:
    """Say what went wrong, or is odd, on standard error."""
    print(f"actfusion-stream: {printable(line)}", file=sys.stderr)


def _extractor(options: argparse.Namespace) -> ExtractorChoice | None:
    from actfusion_stream.weights.extractor_choice import ExtractorChoice

    if options.extractor is None:
        settings = ("weights", "flow", "flow_side", "windows", "every")
        given = [
            f"--{name.replace('_', '-')}" for name in settings if getattr(options, name) not in (None, [])
        ]
        if given:
            raise StreamError(f"{' and '.join(given)}: only with --extractor, e.g. --extractor i3d")
        return None
    return ExtractorChoice(
        options.extractor,
        tuple(options.weights),
        stride=options.every,
        flow=options.flow,
        flow_side=options.flow_side,
        windows=options.windows,
    )


def _check_distinct(options: argparse.Namespace) -> None:
    """Make sure that no output overwrites another or the checkpoint; the writers look after the source."""
    taken: dict[object, str] = {}
    given = [(name, getattr(options, name)) for name in ("checkpoint", "output")]
    given += [("events", path) for path in options.events if is_file_target(path)]
    given += [("segments", path) for path in options.segments]
    for name, path in given:
        if path is None:
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
