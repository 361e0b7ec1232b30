"""Score a checkpoint.

python -m tools.evaluate                                       the bundled one, on held-out kitchens
python -m tools.evaluate --checkpoint F --data DIR --split 1   any one, on a dataset in the MS-TCN layout
python -m tools.evaluate --predictions LABELS --data DIR       label files, without a model
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.engine.stream import Horizon
from actfusion_stream.errors import StreamError
from actfusion_stream.weights.checkpoint import load_checkpoint
from actfusion_stream.weights.extractor_choice import check_same

from .data.dataset import LABELS, Dataset, FeatureSource
from .evaluation.dataset import Results, evaluate_model, score_predictions, show
from .evaluation.kitchen import evaluate_kitchen
from .training.presets import preset_from_json

_LIVE_RATIO = 0.5  # horizon of a replay, where the model was not trained for another


def evaluate_dataset(options: argparse.Namespace, console: Console) -> Results:
    """Score the checkpoint of the options on their dataset.

    Raises:
        StreamError: something of it cannot be read, or does not fit the rest.
    """
    checkpoint = load_checkpoint(options.checkpoint)
    about = checkpoint.training
    if "preset" not in about:
        raise StreamError(
            f"checkpoint {options.checkpoint or 'bundled'}: not trained by tools.train, nor converted by "
            "tools.convert, so its sample rate is unknown; without --data it is scored on kitchens"
        )
    dataset = Dataset(options.data)
    if dataset.class_names != checkpoint.class_names:
        raise StreamError(
            f"data {options.data}: its {len(dataset.class_names)} classes are not the "
            f"{len(checkpoint.class_names)} of the checkpoint, or in another order"
        )
    preset = preset_from_json(about["preset"])
    trained_so = bool(about.get("no_length", False))
    if trained_so != options.no_length:
        how = "without" if trained_so else "with"
        console.print(
            f"note: this checkpoint was trained {how} the true length, and is scored the other way",
            soft_wrap=True,
        )
    trained_on = str(about.get("features", "features"))
    source = options.features or (
        LABELS if trained_on == LABELS else str(options.data / Path(trained_on).name)
    )
    features = FeatureSource(dataset, source)
    if checkpoint.extractor_spec is not None and features.extractor is not None:
        given = features.extractor
        warning = check_same(
            checkpoint.extractor_spec,
            replace(given, stride=given.stride * preset.sample_rate),
            (f"checkpoint {options.checkpoint}", f"features {source} are of"),
            options.force_extractor,
        )
        if warning:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True, markup=False)
    sampling = {"sampling_steps": options.sampling_steps, "eta": options.eta}
    config = replace(
        checkpoint.model_config, **{name: value for name, value in sampling.items() if value is not None}
    )
    ratio = float(about.get("ratio", 4.0))
    online = None
    if options.online:
        spec = checkpoint.extractor_spec
        usual = 30.0 if preset.sample_rate >= 8 else 15.0
        rate = options.rate or (spec.rate * preset.sample_rate / spec.stride if spec else usual)
        online = (rate, options.tick, Horizon(ratio=ratio if trained_so else _LIVE_RATIO))
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return evaluate_model(
        replace(checkpoint, model_config=config).model(device),
        preset,
        dataset,
        features,
        options.split or "1",
        ratio=ratio if options.no_length else None,
        online=online,
        seed=options.seed,
        console=console,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--checkpoint", type=Path, help="default: the bundled one")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument(
        "--tick", type=float, default=1.0, help="seconds from one run of the model to the next"
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
        "--rate",
        type=float,
        help="features per second; default: as extracted, else 30 for sample rates from 8, else 15",
    )
    data.add_argument("--per-video", action="store_true")
    data.add_argument("--predictions", type=Path, help="score this folder of label files, without a model")
    data.add_argument("--sampling-steps", type=int, help="denoising steps; default: as in the checkpoint")
    data.add_argument("--eta", type=float, help="noise added in each of them, 0 to 1; default: as above")
    data.add_argument("--seed", type=int, default=0, help="of the noise")
    data.add_argument("--device", help="default: a GPU where there is one")
    kitchen = parser.add_argument_group("on kitchens, without --data")
    kitchen.add_argument("--first-seed", type=int, default=10_000, help="below 10000 are training seeds")
    kitchen.add_argument("--videos", type=int, default=24)
    kitchen.add_argument(
        "--work", type=Path, default=Path("runs/evaluate"), help="where rendered videos are kept"
    )
    options = parser.parse_args(arguments)
    if options.predictions and not options.data:
        parser.error("--predictions needs --data, the annotations to score against")
    if not all(0 < value < math.inf for value in (options.tick, options.rate) if value is not None):
        parser.error("--tick and --rate: give a number above 0")
    if options.eta is not None and not 0 <= options.eta <= 1:
        parser.error(f"--eta {options.eta:g}: give a number from 0 to 1")
    console, log = Console(), Console(stderr=True)
    try:
        figures: object
        if options.data is None:
            seeds = range(options.first_seed, options.first_seed + options.videos)
            figures = evaluate_kitchen(options.checkpoint, seeds, options.tick, options.work, console)
        else:
            if options.predictions:
                results = score_predictions(Dataset(options.data), options.predictions, options.split)
            else:
                results = evaluate_dataset(options, log)
            show(Console(width=max(console.width, 100)), results, options.per_video)
            figures = results.to_json()
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1) + "\n")
    except (StreamError, ValueError, OSError) as error:
        log.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
