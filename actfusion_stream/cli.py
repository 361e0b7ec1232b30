"""`actfusion-stream`: watch a video or a camera, show and write what is done and what comes next."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError

if TYPE_CHECKING:
    from actfusion_stream.extractor_choice import ExtractorChoice
    from actfusion_stream.stream import Stream

_INTERRUPTED = 130  # what shells report of a program that SIGINT ended


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 something given cannot be used, 2 wrong usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        with _interrupts() as interrupted:
            return _run(options, interrupted)
    except KeyboardInterrupt:
        print("actfusion-stream: stopped", file=sys.stderr)
        return _INTERRUPTED
    except (StreamError, BrokenPipeError) as error:
        if isinstance(error, BrokenPipeError) or isinstance(error.__cause__, BrokenPipeError):
            # Whoever read our output has gone: nobody is left to tell, and nobody for what is still buffered.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        else:
            print(f"actfusion-stream: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="actfusion-stream",
        description="Watch a person work: what was done, what is being done, and what comes next, "
        "while the video runs.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--video", metavar="FILE", type=Path, help="video file to watch")
    source.add_argument("--camera", metavar="N", type=_camera, help="number of the camera to watch, from 0")
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=Path,
        help="model to run (.safetensors); without it the bundled one, which knows only the drawn kitchen",
    )  # fmt: skip
    parser.add_argument(
        "--horizon", default="0.5", metavar="H",
        help="how far to anticipate: a ratio of what was observed (default 0.5), or seconds, e.g. 20s",
    )  # fmt: skip
    parser.add_argument(
        "--tick", type=_seconds, default=1.0, metavar="S",
        help="seconds of video between runs of the model (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "--memory", type=_seconds, default=600.0, metavar="S",
        help="seconds that the model looks back on; what is older is final (default 600)",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="FILE.mp4", type=Path, help="annotated video to write, sound kept"
    )
    parser.add_argument(
        "--events", metavar="FILE.jsonl",
        help="what was said at every tick, a JSON object a line; - for stdout",
    )  # fmt: skip
    parser.add_argument("--segments", metavar="FILE.csv", type=Path, help="the final segmentation")
    parser.add_argument(
        "--display", choices=("auto", "terminal", "none"), default="auto",
        help="how to show it (default auto: a live view on a terminal, plain lines elsewhere)",
    )  # fmt: skip
    extractor = parser.add_argument_group("extractor, where the checkpoint brings none, or against its own")
    extractor.add_argument(
        "--extractor", metavar="NAME", help="e.g. i3d, hub:slow_r50, or a .safetensors file"
    )
    extractor.add_argument(
        "--weights", metavar="FILE", type=Path, nargs="+", default=[],
        help="files of its networks: pictures, flow, raft (default: what actfusion-weights has fetched)",
    )  # fmt: skip
    extractor.add_argument("--flow", choices=("tvl1", "dis", "raft-large", "raft-small"), help="optical flow")
    extractor.add_argument(
        "--force-extractor", action="store_true", help="run another extractor than the model was trained with"
    )
    parser.add_argument("--device", help="torch device, e.g. cuda or cpu (default: a GPU where there is one)")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    return parser


def _camera(text: str) -> int:
    if not (
        text.isdecimal() and int(text) < 100
    ):  # OpenCV reads more into larger numbers, and into negative ones
        raise argparse.ArgumentTypeError(f"{text!r}: give the number of a camera, counted from 0")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, e.g. 1 or 0.5") from None


def _version() -> str:
    try:
        return version("actfusion-stream")
    except PackageNotFoundError:
        return "(run from its sources, not installed)"


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event, so that no line or frame is cut in half; the second is abrupt."""
    interrupted = threading.Event()

    def on_interrupt(_number: int, _stack: Any) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


def _run(options: argparse.Namespace, interrupted: threading.Event) -> int:
    import torch
    from rich.console import Console

    from actfusion_stream.exporter import Exporter
    from actfusion_stream.overlay import Overlay
    from actfusion_stream.stream import open_stream
    from actfusion_stream.terminal import open_view, print_summary
    from actfusion_stream.writers import (
        EventWriter,
        VideoWriter,
        check_output,
        check_video_output,
        write_segments,
    )

    # Decoding, drawing and encoding need the other half: on two busy cores, two threads of torch would wait
    # for each other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    source = options.video if options.video is not None else options.camera
    _check_distinct(options)
    if options.output:
        check_video_output(options.output, source)
    if options.segments:
        check_output(options.segments, source)

    with ExitStack() as stack:
        stream = stack.enter_context(
            open_stream(
                source,
                checkpoint=options.checkpoint,
                horizon=options.horizon,
                tick=options.tick,
                device=options.device,
                extractor=_extractor(options),
                force_extractor=options.force_extractor,
                memory=options.memory,
            )
        )
        if stream.extractor_warning:
            print(f"actfusion-stream: warning: {stream.extractor_warning}", file=sys.stderr)
        events = stack.enter_context(EventWriter(options.events, source)) if options.events else None
        exporter = None
        if options.output:
            writer = VideoWriter(options.output, source, stream.info)
            overlay = Overlay(stream.class_names, stream.note, stream.info.duration)
            exporter = stack.enter_context(Exporter(writer, overlay))
        on_stdout = options.events == "-"
        with open_view(
            options.display, stream.info, stream.class_names, stream.stats, stream.note, on_stdout
        ) as view:
            tick = None
            for step in stream.steps():
                if step.tick is not None:
                    tick = step.tick
                    if events:
                        events.tick(tick)
                if exporter:
                    exporter.add(step.frame, tick)
                view.update(tick, step.frame.time)
                if interrupted.is_set():
                    break
        segments = stream.finish()
        if exporter and interrupted.is_set():
            exporter.stop()
        if options.segments:
            write_segments(options.segments, segments)
        if events:
            events.summary(_summary(stream, options, interrupted.is_set()))

    for warning in (stream.warning, writer.warning if options.output else None):
        if warning:
            print(f"actfusion-stream: warning: {warning}", file=sys.stderr)
    if options.display != "none":
        outputs = {
            "annotated video": options.output,
            "events": None if on_stdout else options.events,
            "segments": options.segments,
        }
        written = {what: str(path) for what, path in outputs.items() if path}
        console = Console(stderr=on_stdout, highlight=False)
        print_summary(console, stream.class_names, segments, stream.stats, written)
    return _INTERRUPTED if interrupted.is_set() else 0


def _extractor(options: argparse.Namespace) -> ExtractorChoice | None:
    from actfusion_stream.extractor_choice import ExtractorChoice

    if options.extractor is None:
        if options.weights or options.flow:
            raise StreamError("--weights and --flow: they need --extractor, e.g. --extractor i3d")
        return None
    return ExtractorChoice(options.extractor, tuple(options.weights), flow=options.flow)


def _check_distinct(options: argparse.Namespace) -> None:
    """Make sure that no output overwrites another or the checkpoint; the writers look after the source."""
    taken: dict[Path, str] = {}
    for name in ("checkpoint", "output", "events", "segments"):
        path = getattr(options, name)
        if path is None or path == "-":
            continue
        place = Path(path).resolve()
        if place in taken:
            raise StreamError(
                f"{path}: given as --{taken[place]} and as --{name}; each needs a file of its own"
            )
        taken[place] = name


def _summary(stream: Stream, options: argparse.Namespace, interrupted: bool) -> dict[str, Any]:
    stats = stream.stats
    return {
        "source": stream.info.name,
        "checkpoint": str(options.checkpoint or "bundled"),
        "interrupted": interrupted,
        "warning": stream.warning,
        "note": stream.note,
        "frames": stats.frames,
        "features": stats.features,
        "ticks": stats.ticks,
        "dropped": stats.dropped,
        "seen_until": round(stats.seen_until, 3),
        "lookahead": round(stream.lookahead, 3),
        "elapsed": round(stats.elapsed, 3),
        "speed": round(stats.speed, 2),
        "latency_ms": {"p50": round(stats.latency(50), 1), "p95": round(stats.latency(95), 1)},
        "segments": [
            {
                "label": segment.label,
                "start": round(segment.start, 3),
                "end": round(segment.end, 3),
                "confidence": round(segment.confidence, 3),
            }
            for segment in stream.finish()
        ],
    }


if __name__ == "__main__":
    raise SystemExit(main())
