"""`actfusion-stream`: watch a video or a camera, show and write what is done and what comes next."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream import __version__
from actfusion_stream.arguments import OneLineParser, finite, number, shortened, whole_number
from actfusion_stream.errors import StreamError, in_a_line
from actfusion_stream.interrupts import Interrupts
from actfusion_stream.pipes import Printing
from actfusion_stream.shown import is_address, printable

if TYPE_CHECKING:
    from actfusion_stream.engine.stream import Stream
    from actfusion_stream.sinks.sink import Sink
    from actfusion_stream.weights.extractor_choice import ExtractorChoice


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 something given cannot be used, 2 wrong usage, 128 and the number of the signal
        that stopped it.
    """
    options = _parser().parse_args(arguments)
    interrupts = Interrupts(program=arguments is None)
    try:
        with interrupts, Printing(stopped=lambda: bool(interrupts)) as printing:
            try:
                status = _run(options, interrupts, printing)
                printing.finish()
            except (StreamError, OSError) as error:
                if interrupts and interrupts.on_first is None:  # it was the opening that broke off
                    raise KeyboardInterrupt from error
                if not isinstance(error.__cause__ or error, BrokenPipeError):
                    _complain(in_a_line(error))
                # else whoever read our output has gone: nobody is left to tell
                status = 1
            return interrupts.status if interrupts else status
    except KeyboardInterrupt:
        _complain("stopped")
        return interrupts.status


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="actfusion-stream",
        description="Watch a person work: what was done, what is being done, and what comes next, "
        "while the video runs.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--video", metavar="FILE", type=_video,
        help="video file, folder of pictures, address (http, https, rtsp, rtmp, tcp, udp), or -: stdin",
    )  # fmt: skip
    source.add_argument(
        "--camera",
        metavar="N",
        type=_camera,
        help="number of the camera to watch, from 0, or its device path",
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", type=_file,
        help="model to run (.safetensors); without it the bundled one, which knows only the drawn kitchen",
    )  # fmt: skip
    parser.add_argument(
        "--horizon", type=_horizon, default="0.5", metavar="H",
        help="how far to anticipate: a ratio of what was observed (default 0.5), or seconds, e.g. 20s",
    )  # fmt: skip
    parser.add_argument(
        "--tick", type=number("seconds", example="1 or 0.5"), metavar="S",
        help="seconds of video between runs of the model (default: a run with every feature, up to four "
        "times a second)",
    )  # fmt: skip
    parser.add_argument(
        "--memory", type=number("seconds", example="1 or 0.5"), default=600.0, metavar="S",
        help="seconds that the model looks back on; what is older is final (default 600)",
    )  # fmt: skip
    parser.add_argument(
        "--futures", type=whole_number("how many to draw", 1, 64, example="8"), default=8, metavar="N",
        help="futures drawn at every tick: what comes next is said with its share of them (default 8)",
    )  # fmt: skip
    parser.add_argument(
        "--calm", action=argparse.BooleanOptionalAction, default=True,
        help="change what was said of the past for a reason only; without, every tick speaks for itself, "
        "as published",
    )  # fmt: skip
    parser.add_argument(
        "--output", metavar="FILE.mp4", type=_file, help="annotated video to write, sound kept"
    )
    parser.add_argument(
        "--events", metavar="FILE.jsonl", type=lambda text: text if text == "-" else str(_file(text)),
        help="what was said at every tick, a JSON object a line; - for stdout",
    )  # fmt: skip
    parser.add_argument("--segments", metavar="FILE.csv", type=_file, help="the final segmentation")
    parser.add_argument(
        "--display", choices=("auto", "terminal", "none"), default="auto",
        help="how to show it (default auto: a live view on a terminal, plain lines elsewhere)",
    )  # fmt: skip
    parser.add_argument(
        "--rate", type=number("pictures a second", example="5"), metavar="N",
        help="of a folder of pictures (default: by their names or EXIF where they hold times, else 25)",
    )  # fmt: skip
    live = parser.add_argument_group("live sources")
    live.add_argument("--realtime", action="store_true", help="play a file at the speed of a camera")
    live.add_argument(
        "--max-staleness", type=number("seconds", example="1 or 0.5"), default=1.0, metavar="S",
        help="seconds by which the stream may be late before frames are dropped (default 1)",
    )  # fmt: skip
    live.add_argument(
        "--reconnect", type=number("seconds", example="1 or 0.5"), default=60.0, metavar="S",
        help="seconds to go on trying when a source is away; 0 to end at once (default 60)",
    )  # fmt: skip
    live.add_argument(
        "--metrics",
        type=whole_number("a port", 0, 65535),
        metavar="PORT",
        help="serve counters and latencies to Prometheus on loopback",
    )
    extractor = parser.add_argument_group("extractor, where the checkpoint brings none, or against its own")
    extractor.add_argument(
        "--extractor", metavar="NAME", help="e.g. i3d, hub:slow_r50, or a .safetensors file"
    )
    extractor.add_argument(
        "--weights", metavar="FILE", type=_file, nargs="+", default=[],
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
    return text if text == "-" or is_address(text) else Path(text)


def _file(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r}: is an address; give a file")
    return Path(text)


def _camera(text: str) -> int | Path:
    # OpenCV reads more into larger numbers, and into negative ones.
    return Path(text) if text.startswith("/dev/") else whole_number("the number of a camera", 0, 99)(text)


def _horizon(text: str) -> str:
    """What bounds it has, `Horizon` knows."""
    try:
        finite(text.strip().removesuffix("s"))
    except ValueError:
        advice = "give a ratio of the observed length, e.g. 0.5, or seconds, e.g. 20s"
        raise argparse.ArgumentTypeError(f"{shortened(text)}: {advice}") from None
    return text


def _run(options: argparse.Namespace, interrupts: Interrupts, printing: Printing) -> int:
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
        return _watch(stream, sinks, options)


def _watch(stream: Stream, sinks: list[Sink], options: argparse.Namespace) -> int:
    from rich.console import Console

    from actfusion_stream.runner import run
    from actfusion_stream.views.summary import print_summary
    from actfusion_stream.views.view import open_view

    if stream.engine.warning:
        _complain(f"warning: {stream.engine.warning}")
    on_stdout = options.events == "-"
    view = open_view(options.display, stream.info, stream.class_names, stream.stats, on_stdout)
    outcome = run(stream, sinks, view)
    for warning in outcome.warnings:
        _complain(f"warning: {warning}")
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
            _complain(f"{failure}; everything else was finished")
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
            Metrics(options.metrics, lambda port: _complain(f"metrics at http://127.0.0.1:{port}/metrics"))
        )
    return sinks


def _complain(line: str) -> None:
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


if __name__ == "__main__":
    raise SystemExit(main())
