"""`actfusion-stream`: watch a video or a camera, show and write what is done and what comes next."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream import __version__
from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.interrupts import Interrupts

if TYPE_CHECKING:
    from actfusion_stream.sinks.sink import Sink
    from actfusion_stream.weights.extractor_choice import ExtractorChoice

_INTERRUPTED = 130  # what shells report of a program that SIGINT ended


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 something given cannot be used, 2 wrong usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        with Interrupts(restore=arguments is not None) as interrupts:
            return _run(options, interrupts)
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
    source.add_argument(
        "--video", metavar="FILE", type=_video,
        help="video file, folder of pictures, address (http, https, rtsp, rtmp, srt, tcp, udp), or -: stdin",
    )  # fmt: skip
    source.add_argument(
        "--camera",
        metavar="N",
        type=_camera,
        help="number of the camera to watch, from 0, or its device path",
    )
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
    live = parser.add_argument_group("live sources")
    live.add_argument("--realtime", action="store_true", help="play a file at the speed of a camera")
    live.add_argument(
        "--max-staleness", type=_seconds, default=1.0, metavar="S",
        help="seconds by which the stream may be late before frames are dropped (default 1)",
    )  # fmt: skip
    live.add_argument(
        "--reconnect", type=_seconds, default=60.0, metavar="S",
        help="seconds to go on trying when a source is away; 0 to end at once (default 60)",
    )  # fmt: skip
    live.add_argument(
        "--metrics", type=_port, metavar="PORT", help="serve counters and latencies to Prometheus on loopback"
    )
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
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def _video(text: str) -> str | Path:
    return text if text == "-" or "://" in text else Path(text)


def _camera(text: str) -> int | Path:
    if text.startswith("/dev/"):
        return Path(text)
    # OpenCV reads more into larger numbers, and into negative ones.
    if not (text.isdecimal() and int(text) < 100):
        raise argparse.ArgumentTypeError(f"{text!r}: give the number of a camera, counted from 0")
    return int(text)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r}: give a port from 0 to 65535; 0 takes a free one")
    return int(text)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give seconds, e.g. 1 or 0.5") from None


def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    import torch
    from rich.console import Console

    from actfusion_stream.engine.stream import open_stream
    from actfusion_stream.runner import run
    from actfusion_stream.views.summary import print_summary
    from actfusion_stream.views.view import open_view

    # Decoding, drawing and encoding need the other half: on two busy cores, two threads of torch would wait
    # for each other.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    source = options.video if options.video is not None else options.camera
    _check_distinct(options)
    sinks = _sinks(options, source)
    on_stdout = options.events == "-"
    with open_stream(
        source,
        checkpoint=options.checkpoint,
        horizon=options.horizon,
        tick=options.tick,
        device=options.device,
        extractor=_extractor(options),
        force_extractor=options.force_extractor,
        memory=options.memory,
        realtime=options.realtime,
        max_staleness=options.max_staleness,
        outage=options.reconnect,
    ) as stream:
        interrupts.on_first = stream.stop
        if interrupts:
            stream.stop()
        if stream.engine.warning:
            _complain(f"warning: {stream.engine.warning}")
        view = open_view(
            options.display, stream.info, stream.class_names, stream.stats, stream.note, on_stdout
        )
        outcome = run(stream, sinks, view)

    for warning in outcome.warnings:
        _complain(f"warning: {warning}")
    if options.display != "none":
        targets = {
            "annotated video": options.output,
            "events": None if on_stdout else options.events,
            "segments": options.segments,
        }
        written = {what: str(path) for what, path in targets.items() if path}
        console = Console(stderr=on_stdout, highlight=False)
        print_summary(console, stream.class_names, outcome.segments, stream.stats, written)
    for failure in outcome.failures:
        _complain(f"{failure}; everything else was finished")
    if view.lost:
        with contextlib.suppress(OSError):
            _complain(f"{view.lost}; everything else was finished")
    return interrupts.status if interrupts else 1 if outcome.failures else 0


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
            Metrics(options.metrics, lambda port: _complain(f"metrics at http://127.0.0.1:{port}/metrics"))
        )
    return sinks


def _complain(line: str) -> None:
    print(f"actfusion-stream: {line}", file=sys.stderr)


def _extractor(options: argparse.Namespace) -> ExtractorChoice | None:
    from actfusion_stream.weights.extractor_choice import ExtractorChoice

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


if __name__ == "__main__":
    raise SystemExit(main())
