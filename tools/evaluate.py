"""Score a checkpoint.

actfusion-evaluate                                       the bundled one, on held-out kitchens
actfusion-evaluate --checkpoint F --data DIR --split 1   any one, on a dataset in the MS-TCN layout
actfusion-evaluate --predictions LABELS --data DIR       label files, without a model
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from actfusion_stream.arguments import MOST_SEED, OneLineParser, number, whole_number
from actfusion_stream.engine.engine import choose_device
from actfusion_stream.engine.settings import FUTURES, MOST_FUTURES
from actfusion_stream.errors import StreamError, print_error
from actfusion_stream.files import replacing

from .data.dataset import LABELS, Dataset
from .evaluation.checkpoint import evaluate_checkpoint
from .evaluation.dataset import score_predictions, show
from .evaluation.kitchen import SECONDS, evaluate_kitchen, rows_of
from .evaluation.unfamiliar import evaluate_unfamiliar
from .training.device import failures_said


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, help="default: the bundled one")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument(
        "--tick",
        type=number("seconds", 0, 3600, above=True),
        help="seconds from one run of the model to the next; default: as the stream has it, on a dataset 1",
    )
    parser.add_argument(
        "--futures",
        type=whole_number("how many", 2, MOST_FUTURES),
        metavar="N",
        help="score N futures of each video by the stochastic protocol, too (25 in the field), and those of "
        f"each tick by their calibration; default: no protocol, and {FUTURES} a tick, on a dataset 1",
    )
    data = parser.add_argument_group("on a dataset")
    data.add_argument("--data", type=Path, help="in the MS-TCN layout")
    data.add_argument("--split", help="N of splits/test.splitN.bundle; default: 1")
    data.add_argument(
        "--features",
        help=f"folder of (C, T) .npy arrays or of label files, or {LABELS!r}; default: {LABELS!r} if trained "
        "on them, else the folder in DATA named as that of training",
    )
    data.add_argument(
        "--force-extractor", action="store_true", help="score features of another extractor nevertheless"
    )
    data.add_argument("--no-length", action="store_true", help="do not tell the model how long a video is")
    data.add_argument("--online", action="store_true", help="replay each video as a stream, too")
    data.add_argument(
        "--calm",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="in that replay, as in a stream, change what was said of the past for a reason only",
    )
    data.add_argument(
        "--rate",
        type=number("features a second", 0, 1000, above=True),
        help="features per second; default: as extracted, else 30 for sample rates from 8, else 15",
    )
    data.add_argument("--per-video", action="store_true")
    data.add_argument("--predictions", type=Path, help="score this folder of label files, without a model")
    data.add_argument(
        "--sampling-steps",
        type=whole_number("steps", 1, 1000),
        help="denoising steps; default: as in the checkpoint",
    )
    data.add_argument(
        "--eta", type=number("a share", 0, 1), help="noise added in each of them, 0 to 1; default: as above"
    )
    data.add_argument("--seed", type=whole_number("a number", 0, MOST_SEED), default=0, help="of the noise")
    data.add_argument("--device", help="default: a GPU where there is one")
    kitchen = parser.add_argument_group("on kitchens, without --data")
    kitchen.add_argument(
        "--first-seed",
        type=whole_number("a number", 0, 999_999_999),
        default=10_000,
        help="below 10000 are training seeds",
    )
    kitchen.add_argument("--videos", type=whole_number("how many", 1, 100_000), default=24)
    kitchen.add_argument(
        "--seconds",
        type=number("seconds", 4, 3600),
        nargs="+",
        default=[SECONDS],
        help=f"lengths, each a row of the table; default: {SECONDS:g}",
    )
    kitchen.add_argument(
        "--filmed",
        action="store_true",
        help=f"score kitchens of {SECONDS:g} s at other rates, worse, zoomed, dark, mirrored, with bars",
    )
    kitchen.add_argument(
        "--uneven",
        type=number("a factor's log", 0, 2),
        default=0.0,
        help=f"score kitchens of {SECONDS:g} s whose pace changes so much on the way, too, e.g. 0.7",
    )
    kitchen.add_argument(
        "--work", type=Path, default=Path("runs/evaluate"), help="where rendered videos are kept"
    )
    kitchen.add_argument(
        "--unfamiliar",
        type=Path,
        nargs="+",
        metavar="CLIP",
        help="score nothing but how well these videos of something else are told from those kitchens",
    )
    options = parser.parse_args(arguments)
    if options.predictions and not options.data:
        parser.error("--predictions needs --data, the annotations to score against")
    console, log = Console(), Console(stderr=True)
    try:
        figures: object
        if options.data is None:
            seeds = range(options.first_seed, options.first_seed + options.videos)
            rows = rows_of(options.seconds, options.filmed, options.uneven)
            if options.unfamiliar:
                figures = evaluate_unfamiliar(
                    options.checkpoint, rows, seeds, options.unfamiliar, options.tick, options.work, console
                )
            else:
                figures = evaluate_kitchen(
                    options.checkpoint, rows, seeds, options.tick, options.futures, options.work, console
                )
        else:
            if options.predictions:
                results = score_predictions(Dataset(options.data), options.predictions, options.split)
            else:
                device = choose_device(options.device)
                with failures_said(device, "give another --device"):
                    results = evaluate_checkpoint(
                        options.checkpoint,
                        options.data,
                        options.split or "1",
                        features=options.features,
                        no_length=options.no_length,
                        force_extractor=options.force_extractor,
                        online=options.online,
                        calm=options.calm,
                        tick=1.0 if options.tick is None else options.tick,
                        rate=options.rate,
                        sampling_steps=options.sampling_steps,
                        eta=options.eta,
                        futures=options.futures,
                        seed=options.seed,
                        device=device,
                        console=log,
                    )
            show(Console(width=max(console.width, 100)), results, options.per_video)
            figures = results.to_json()
        if options.json:
            with replacing(options.json) as partial:
                partial.write_text(json.dumps(figures, indent=1) + "\n")
    except (StreamError, ValueError, OSError) as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        log.print("stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
