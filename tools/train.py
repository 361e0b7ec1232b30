"""Train ActFusion on a dataset in the MS-TCN layout.

    actfusion-train --data DIR --split 1 --preset 50salads --out RUN

RUN holds `last.safetensors` and `best.safetensors`, which run by themselves; `resume.pt`, from which the same
command goes on after it was stopped, to the same weights as an unbroken run; and TensorBoard scalars.

`best` is chosen on videos held out of the training list. (The released code picks its best epoch on the test
list, so its published figures are an upper bound; here the test list chooses nothing.)
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console

from actfusion_stream.arguments import MOST_SEED, OneLineParser, number, whole_number
from actfusion_stream.engine.engine import choose_device
from actfusion_stream.errors import StreamError, in_a_line, print_error

from .data.dataset import LABELS
from .training.device import failures_said
from .training.presets import PRESETS, add_preset_options, override
from .training.run import train
from .training.settings import RATIO, SUBJECT, VIDEO, Settings


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="dataset in the MS-TCN layout")
    parser.add_argument("--split", default="1", help="N of splits/train.splitN.bundle")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; resumed if it holds one")
    parser.add_argument(
        "--features",
        help=f"folder of (C, T) .npy arrays, or {LABELS!r}: true labels, one-hot; default: DATA/features",
    )
    parser.add_argument(
        "--no-length",
        action="store_true",
        help=f"anticipate {RATIO:g} times the observed length, whatever the true one",
    )
    parser.add_argument(
        "--held-out",
        type=number("a share", 0, 0.99),
        default=0.1,
        help="share of the training list that picks the best",
    )
    parser.add_argument(
        "--held-out-by",
        type=_held_out_by,
        default=VIDEO,
        metavar="WHAT",
        help=f"what is held out together: {VIDEO!r}, each by itself; {SUBJECT!r}, as videos of 50 Salads, "
        "Breakfast and GTEA are named; or a regular expression whose groups tell it from the start of a "
        "name; default: %(default)s",
    )
    parser.add_argument("--seed", type=whole_number("a number", 0, MOST_SEED), default=0)
    parser.add_argument(
        "--micro-batch",
        type=whole_number("videos", 1, 100_000),
        default=8,
        help="most videos in one padded pass",
    )
    parser.add_argument(
        "--validate-every", type=whole_number("epochs", 1, 1_000_000), default=10, help="epochs"
    )
    parser.add_argument("--save-every", type=whole_number("epochs", 1, 1_000_000), default=10, help="epochs")
    parser.add_argument("--device", help="default: a GPU where there is one")
    add_preset_options(parser)
    options = parser.parse_args(arguments)
    settings = Settings(
        options.data,
        options.split,
        options.features or str(options.data / "features"),
        options.no_length,
        options.held_out,
        options.seed,
        options.held_out_by,
    )
    console = Console(stderr=True)
    try:
        preset = override(PRESETS[options.preset], vars(options))
        device = choose_device(options.device)
        with failures_said(device, "give a smaller --micro-batch or --batch-size"):
            train(
                settings,
                preset,
                options.out,
                options.micro_batch,
                options.validate_every,
                options.save_every,
                device,
                console,
            )
    except (StreamError, ValueError, OSError) as error:
        print_error(in_a_line(error) if isinstance(error, OSError) else error)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from the last saved epoch")
        return 130
    return 0


def _held_out_by(text: str) -> str:
    """For argparse: "video", "subject", or a regular expression with a group."""
    try:
        groups = re.compile(text).groups
    except re.error:
        groups = 0
    if text not in (VIDEO, SUBJECT) and groups == 0:
        advice = rf"give {VIDEO!r}, {SUBJECT!r} or a regular expression with a group, e.g. 'rgb-(\d+)-'"
        raise argparse.ArgumentTypeError(f"{text!r}: {advice}")
    return text


if __name__ == "__main__":
    sys.exit(main())
