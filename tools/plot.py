"""Draw what a stream said: its segmentations, what it anticipated when, and how early it foresaw each action.

    actfusion-stream --video kitchen.mp4 --events events.jsonl
    actfusion-plot events.jsonl --truth labels.txt -o kitchen.png

Bars: what was done, what was finally said, what was said at each moment, and what was expected at a few
times. Below, the triangle: each row is a tick, each column a moment of the video.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actfusion_stream.annotations.formats import read_file
from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.errors import StreamError, print_error
from actfusion_stream.files import replacing
from actfusion_stream.sinks.targets import check_output, saying_where

from .figures.drawing import draw, save
from .figures.replay import Replay, Span, read_replay

_KINDS = ("png", "svg", "pdf")
_TICKS = 480  # rows of the triangle
_SHARES = (0.2, 0.3, 0.5, 0.7)  # of the video: where the anticipation is shown, as in the paper's figures


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=Path, help="what actfusion-stream --events wrote")
    parser.add_argument("--truth", type=Path, help="what was done: .txt, .csv, .eaf or the like")
    parser.add_argument(
        "--at", type=number("seconds", 0), nargs="+", metavar="S",
        help="when to show what was anticipated; default: after .2, .3, .5 and .7 of the video",
    )  # fmt: skip
    parser.add_argument(
        "--rate",
        type=number("labels a second", 0, 1000, above=True),
        help="of a truth that counts frames; default: the video's",
    )
    parser.add_argument("--tier", help="of a truth that is an ELAN file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .png, .svg or .pdf to write")
    options = parser.parse_args(arguments)
    try:
        _plot(options)
    except StreamError as error:
        print_error(error)
        return 1
    print(options.output)
    return 0


def _plot(options: argparse.Namespace) -> None:
    kind = options.output.suffix.lower().removeprefix(".")
    if kind not in _KINDS:
        raise StreamError(f"{options.output}: a picture can be .{', .'.join(_KINDS)}")
    check_output(options.output, options.events)
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise StreamError("pictures need matplotlib; pip install 'actfusion-stream[plot]'") from error
    replay = read_replay(options.events, options.at or (), _TICKS)
    truth = None if options.truth is None else _truth(options, replay)
    figure = draw(replay, truth, options.at or [share * replay.end for share in _SHARES])
    with saying_where(options.output), replacing(options.output) as partial:
        save(figure, partial, kind)


def _truth(options: argparse.Namespace, replay: Replay) -> list[Span]:
    """What was done in the one video of a file.

    Raises:
        StreamError: it cannot be read, or holds several.
    """
    found = read_file(options.truth, options.rate or replay.rate, options.tier)
    name = Path(replay.source).stem
    if name not in found and len(found) > 1:
        raise StreamError(f"--truth {options.truth}: has {', '.join(list(found)[:10])}, but not {name}")
    segments = found.get(name) or next(iter(found.values()))
    return [Span(segment.label, segment.start, segment.end) for segment in segments]


if __name__ == "__main__":
    sys.exit(main())
