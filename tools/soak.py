"""Push a long synthetic stream through source, buffer and model, and see whether anything grows.

    python -m tools.soak --hours 24

Pictures are drawn, the extractor is a narrow I3D and the model a small ActFusion, both with random weights:
what is tested is everything around them. Exit status 1 if memory grew by more than --limit after the first
ten simulated minutes, or a time stamp is wrong at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.errors import StreamError, print_error
from actfusion_stream.sinks.targets import check_output

from .robustness.random_model import SPEC
from .robustness.soak import soak


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    return number("max, or seconds of video a second", 0, 1e6, above=True)(text)


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--hours",
        type=number("hours", 0.2, 1000),
        default=24.0,
        help="of video; default: 24; in less than ten minutes nothing is full",
    )
    parser.add_argument("--speed", type=_speed, default=None, help="seconds of video a second; default: max")
    parser.add_argument(
        "--rate",
        type=number("frames a second", SPEC.rate, 240),
        default=4.0,
        help="frames a second; default: 4",
    )
    parser.add_argument("--tick", type=number("seconds"), default=10.0, help="default: 10 seconds of video")
    parser.add_argument("--memory", type=number("seconds"), default=600.0, help="seconds; default: 600")
    parser.add_argument(
        "--limit", type=number("megabytes", 0, 1e6), default=30.0, help="MB that memory may grow; default: 30"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        if options.json:
            check_output(options.json)
        found = soak(options.hours, options.rate, options.tick, options.memory, options.speed)
    except StreamError as error:
        print_error(error)
        return 1
    console.print(
        f"{found.hours:g} h of video in {found.seconds:.0f} s: {found.frames} frames, "
        f"{found.features} features, {found.ticks} ticks, {found.segments} segments\n"
        f"memory grew by {found.growth:.1f} MB after the first ten minutes\n"
        f"a model run takes {found.early_ms:.1f} ms in the first hour with a full buffer, "
        f"{found.late_ms:.1f} ms in the last",
        soft_wrap=True,
    )
    for wrong in found.wrong:
        console.print(f"wrong: {wrong}", style="red", soft_wrap=True)
    if options.json:
        options.json.write_text(json.dumps(vars(found), indent=1) + "\n")
    return 1 if found.wrong or found.growth > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
