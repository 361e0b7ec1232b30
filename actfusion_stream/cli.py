"""`actfusion-stream`: watch a video or a camera, show and write what is done and what comes next."""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any

from actfusion_stream import __version__
from actfusion_stream.arguments import MOST_SEED, OneLineParser, finite, number, shortened, whole_number
from actfusion_stream.command import complain, watch
from actfusion_stream.configuration import read_options
from actfusion_stream.errors import StreamError, in_a_line
from actfusion_stream.interrupts import Interrupts
from actfusion_stream.page.address import Address, check_token
from actfusion_stream.pipes import Printing
from actfusion_stream.shown import is_address


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 something given cannot be used, 2 wrong usage, 128 and the number of the signal
        that stopped it.
    """
    options = _parse(arguments)
    if options.doctor:
        from actfusion_stream.doctor import report

        for line in report():
            print(line)
        return 0
    interrupts = Interrupts(program=arguments is None)
    try:
        with interrupts, Printing(stopped=lambda: bool(interrupts)) as printing:
            try:
                status = watch(options, interrupts, printing)
                printing.finish()
            except (StreamError, OSError) as error:
                if interrupts and interrupts.on_first is None:  # it was the opening that broke off
                    raise KeyboardInterrupt from error
                if not isinstance(error.__cause__ or error, BrokenPipeError):
                    complain(in_a_line(error))
                # else whoever read our output has gone: nobody is left to tell
                status = 1
            return interrupts.status if interrupts else status
    except KeyboardInterrupt:
        complain("stopped")
        return interrupts.status


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = _parser()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_intermixed_args(arguments)
    if options.config is not None:
        options = _with_file(parser, options, arguments)
    if options.doctor:
        return options
    given = {
        "videos": options.sources,
        "--video": [] if options.video is None else [options.video],
        "--camera": [] if options.camera is None else [options.camera],
    }
    found = [how for how, sources in given.items() if sources]
    if len(found) != 1:
        parser.error(
            f"{' and '.join(found)}: give one of them alone" if found
            else "what is to be watched? Give a video, e.g. kitchen.mp4, or --camera 0"
        )  # fmt: skip
    options.sources = given[found[0]]
    return options


def _with_file(parser: OneLineParser, typed: argparse.Namespace, arguments: list[str]) -> argparse.Namespace:
    """The options of a file, and what was typed, which has the last word."""
    try:
        said = read_options(typed.config, parser)
    except StreamError as error:
        parser.error(str(error))
    parser.within = f"{typed.config}: "
    parser.parse_intermixed_args([*itertools.chain(*said.values())])
    parser.within = ""
    if typed.sources or typed.video is not None or typed.camera is not None:
        said = {key: words for key, words in said.items() if key not in ("video", "camera")}
    for several in ("segments", "events"):
        if getattr(typed, several):
            said.pop(several, None)
    of_file = itertools.chain(*said.values())
    return parser.parse_intermixed_args([*of_file, f"--config={typed.config}", *arguments])


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="actfusion-stream",
        description="Watch a person work: what was done, what is being done, and what comes next, "
        "while the video runs.",
    )
    parser.add_argument(
        "sources", metavar="VIDEO", nargs="*", type=_video,
        help="video file, folder of pictures, address (http, https, rtsp, rtmp, tcp, udp), or -: stdin; "
        "several files, folders of videos or patterns such as 'day*.mp4' are watched one after the other",
    )  # fmt: skip
    parser.add_argument("--video", metavar="VIDEO", type=_video, help="the same, as an option")
    parser.add_argument(
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
        "--output", metavar="FILE.mp4", type=_file,
        help="annotated video to write, sound kept; of several videos a folder, or a name with {name} in it, "
        "and so are --events and --segments",
    )  # fmt: skip
    parser.add_argument(
        "--labels", choices=("online", "hindsight"),
        help="on the annotated video: what was said while it ran, or the final segments, with what was "
        "anticipated at the time, for which a file is read twice (default: hindsight for files, online for "
        "what is live)",
    )  # fmt: skip
    parser.add_argument(
        "--overlay", choices=("bottom", "top", "off"),
        help="where on the annotated video it is drawn; off: the picture alone (default: bottom)",
    )  # fmt: skip
    parser.add_argument(
        "--overlay-size", choices=("small", "medium", "large"),
        help="of its text, as far as 22 %% of the picture's height allow (default: medium)",
    )  # fmt: skip
    parser.add_argument(
        "--min-confidence", type=number("a number", 0, 1, example="0.5"), default=0.0, metavar="P",
        help="from 0 to 1: of what is done now, screen and annotated video name nothing that is less sure; "
        "results keep the label (default 0)",
    )  # fmt: skip
    parser.add_argument(
        "--events", metavar="TARGET", type=str, action="append", default=[],
        help="what was said at every tick, a JSON object a line: a file, - for stdout, or who is to be told: "
        "mqtt[s]://user@host/topic, http[s]://host/path, tcp://host:port, unix:///path; may be given several "
        "times",
    )  # fmt: skip
    parser.add_argument(
        "--segments", metavar="FILE.csv", type=_file, action="append", default=[],
        help="the final segmentation; the ending says its format: .csv .tsv .json .fiftyone.json "
        ".labelstudio.json .via.json .txt .audacity.txt .srt .vtt .eaf; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--display", choices=("auto", "terminal", "none"), default="auto",
        help="how to show it (default auto: a live view on a terminal, plain lines elsewhere)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=whole_number("a whole number", 0, MOST_SEED), default=0, metavar="N",
        help="of the noise that the model starts from; another one draws other futures (default 0)",
    )  # fmt: skip
    source = parser.add_argument_group("source")
    source.add_argument(
        "--start", type=_time, default=0.0, metavar="T",
        help="begin there: seconds, or 1:30; results keep the times of the whole file",
    )  # fmt: skip
    source.add_argument(
        "--duration",
        type=_time,
        metavar="T",
        help="watch for so long: seconds, or 1:30 (default: to the end)",
    )
    source.add_argument(
        "--rate", type=number("pictures a second", example="5"), metavar="N",
        help="of a folder of pictures (default: by their names or EXIF where they hold times, else 25), or "
        "to ask a camera for",
    )  # fmt: skip
    source.add_argument(
        "--camera-size", type=_size, metavar="WxH", help="what to ask a camera for, e.g. 1280x720"
    )
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
    page = parser.add_argument_group("a page to watch in a browser")
    page.add_argument(
        "--serve", type=_address, metavar="[HOST:]PORT",
        help="serve it there, on this machine only unless HOST says otherwise; a finished file stays until "
        "Ctrl-C",
    )  # fmt: skip
    page.add_argument(
        "--serve-token", type=_token, metavar="TOKEN",
        help="what viewers have to bring along (default: none on this machine; beyond it one is made and "
        "printed)",
    )  # fmt: skip
    page.add_argument("--serve-cert", type=_file, metavar="FILE.pem", help="serve it encrypted, with this")
    page.add_argument(
        "--serve-key", type=_file, metavar="FILE.pem", help="key of the certificate, where it is not in there"
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
        "--flow-side", type=whole_number("pixels", 0, 4096), metavar="N",
        help="resize the shorter side to N pixels before flow is computed; 0: not at all",
    )  # fmt: skip
    extractor.add_argument(
        "--windows", choices=("exact", "continual"),
        help="a window of frames for each feature, or a network that runs over the stream",
    )  # fmt: skip
    extractor.add_argument(
        "--every", type=whole_number("a number", 1, 4096), metavar="N", help="frames from feature to feature"
    )
    extractor.add_argument(
        "--force-extractor", action="store_true", help="run another extractor than the model was trained with"
    )
    parser.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), default="auto",
        help="of the extractor's arithmetic (default auto: bfloat16 on a GPU, and for a large I3D on a "
        "processor that has it)",
    )  # fmt: skip
    parser.add_argument("--device", help="torch device, e.g. cuda or cpu (default: a GPU where there is one)")
    parser.add_argument(
        "--config", metavar="FILE.toml", type=_file,
        help="options from a file, called as here, e.g. horizon = \"20s\"; what is typed has the last word",
    )  # fmt: skip
    parser.add_argument(
        "--completion", choices=("bash", "zsh", "tcsh"), action=_Completion,
        help="print what makes a shell complete options and files",
    )  # fmt: skip
    parser.add_argument(
        "--doctor",
        action="store_true",
        help="say what is here: versions, devices, cameras, weights and the like",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


class _Completion(argparse.Action):
    """Prints the script of a shell, and ends."""

    def __call__(self, parser: argparse.ArgumentParser, *given: Any) -> None:
        import shtab

        for action in parser._actions:
            if action.type in (_file, _video) or action.dest == "events":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
        print(shtab.complete(parser, given[1]))
        parser.exit()


def _video(text: str) -> str | Path:
    return text if text == "-" or is_address(text) else Path(text)


def _file(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{text!r}: is an address; give a file")
    return Path(text)


def _camera(text: str) -> int | Path:
    # OpenCV reads more into larger numbers, and into negative ones.
    return Path(text) if text.startswith("/dev/") else whole_number("the number of a camera", 0, 99)(text)


def _time(text: str) -> float:
    """Seconds, also as 1:30 or 1:02:03.5."""
    parts = text.split(":")
    try:
        *whole, seconds = [finite(part) for part in parts]
        if len(parts) > 3 or any(part < 0 or part % 1 for part in whole) or (whole and not 0 <= seconds < 60):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shortened(text)}: give seconds, e.g. 90, or 1:30") from None
    return float(sum(part * 60**place for place, part in enumerate((seconds, *reversed(whole)))))


def _size(text: str) -> tuple[int, int]:
    side = whole_number("pixels", 1, 16_384)
    try:
        width, height = map(side, text.split("x"))
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(f"{shortened(text)}: give WIDTHxHEIGHT, e.g. 1280x720") from None
    return width, height


def _address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{shortened(text)}: {error}") from None


def _token(text: str) -> str:
    try:
        return check_token(text)
    except StreamError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _horizon(text: str) -> str:
    """What bounds it has, `Horizon` knows."""
    try:
        finite(text.strip().removesuffix("s"))
    except ValueError:
        advice = "give a ratio of the observed length, e.g. 0.5, or seconds, e.g. 20s"
        raise argparse.ArgumentTypeError(f"{shortened(text)}: {advice}") from None
    return text


if __name__ == "__main__":
    raise SystemExit(main())
