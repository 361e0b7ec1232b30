"""`actfusion-kitchen`: write a video of a drawn kitchen, and its labels."""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path

from actfusion_stream.arguments import OneLineParser, finite, number, shortened, whole_number
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing
from actfusion_stream.kitchen.canvas import HEIGHT, WIDTH
from actfusion_stream.kitchen.drawing import Kitchen


def write_video(kitchen: Kitchen, path: Path, rate: Fraction, crf: int = 20) -> list[str]:
    """Render and encode a kitchen, and say what it shows.

    Args:
        kitchen: what to render.
        path: its ending says what it becomes, see `VideoWriter`.
        rate: frames per second.
        crf: how much the picture may suffer, see `VideoWriter`.

    Returns:
        The label of every frame.

    Raises:
        StreamError: the path cannot be written.
    """
    from actfusion_stream.sinks.video import VideoWriter
    from actfusion_stream.sources.frames import SourceInfo

    width, height = kitchen.size
    info = SourceInfo(path.name, width, height, kitchen.seconds, float(rate), False, False)
    labels = []
    with VideoWriter(path, info, crf=crf) as video:
        for i in range(round(kitchen.seconds * rate)):
            time = float(i / rate)
            video.write(time, kitchen.frame(time))
            labels.append(kitchen.label(time))
    return labels


def _size(text: str) -> tuple[int, int]:
    side = whole_number("pixels", 32, 4096)
    try:
        width, height = map(side, text.split("x"))
    except (argparse.ArgumentTypeError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{shortened(text)}: give WIDTHxHEIGHT from 32x32 to 4096x4096, e.g. 320x240"
        ) from None
    return width, height


def _rate(text: str) -> Fraction:
    try:
        parts = [finite(part) for part in text.split("/", 1)]
        rate = Fraction(parts[0]) / Fraction(parts[1] if len(parts) > 1 else 1)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise argparse.ArgumentTypeError(
            f"{shortened(text)}: give frames per second from 1 to 240, e.g. 15 or 30000/1001"
        )
    return rate.limit_denominator(1001)


def _write_labels(path: Path, labels: list[str]) -> None:
    """One label a line; the file is there once all are written."""
    try:
        with replacing(path) as partial:
            partial.write_text("".join(f"{label}\n" for label in labels))
    except OSError as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error


def main(arguments: list[str] | None = None) -> int:
    """`actfusion-kitchen`: write a video of a drawn kitchen, and its labels."""
    parser = OneLineParser(
        prog="actfusion-kitchen", description="Render a video in which two hands prepare a salad."
    )
    parser.add_argument(
        "output", metavar="OUT.mp4", type=Path, help="video to write (.mp4, .mov, .mkv, .webm, .ts, ...)"
    )
    parser.add_argument(
        "--seed", type=whole_number("a whole number", 0, 999_999_999), default=10007,
        help="decides everything; the bundled model was trained below 10000: show it others (default 10007)",
    )  # fmt: skip
    parser.add_argument(
        "--labels", metavar="OUT.txt", type=Path, help="one label a frame, as MS-TCN writes them"
    )
    parser.add_argument(
        "--seconds", type=number("seconds"), default=90.0, help="length of the video (default 90)"
    )
    parser.add_argument(
        "--uneven", type=number("a factor's log", 0, 2), default=0.0,
        help="how much the pace changes on the way: 0.7 for up to twice as fast or as slow (default 0)",
    )  # fmt: skip
    parser.add_argument("--size", type=_size, default=(WIDTH, HEIGHT), help="WIDTHxHEIGHT (default 320x240)")
    parser.add_argument("--fps", type=_rate, default=Fraction(15), help="frames per second (default 15)")
    options = parser.parse_args(arguments)

    from actfusion_stream.sinks.targets import check_output

    try:
        if options.labels:
            check_output(options.labels)
            if options.labels.resolve() == options.output.resolve():
                raise StreamError(f"{options.labels}: is the video; give the labels another name")
        kitchen = Kitchen(options.seed, options.seconds, options.size, options.uneven)
        labels = write_video(kitchen, options.output, options.fps)
        if options.labels:
            _write_labels(options.labels, labels)
    except (StreamError, ValueError) as error:
        print(f"actfusion-kitchen: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("actfusion-kitchen: stopped", file=sys.stderr)
        return 130
    actions = sum(step.label != "background" for step in kitchen.script)
    print(f"{options.output}: {len(labels)} frames, {actions} actions, seed {options.seed}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
