"""What a checkpoint is scored with on a dataset: its own settings, unless others are asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from actfusion_stream.engine.settings import Horizon
from actfusion_stream.errors import StreamError
from actfusion_stream.weights.checkpoint import Checkpoint, load_checkpoint
from actfusion_stream.weights.extractor_choice import check_same

from ..data.dataset import LABELS, Dataset, FeatureSource
from ..training.presets import Preset, preset_from_json
from ..training.settings import LIVE_RATIO, RATIO
from .dataset import Results, evaluate_model


def evaluate_checkpoint(
    path: Path | None,
    data: Path,
    split: str,
    *,
    features: str | None,
    no_length: bool,
    force_extractor: bool,
    online: bool,
    calm: bool,
    tick: float,
    rate: float | None,
    sampling_steps: int | None,
    eta: float | None,
    futures: int | None,
    seed: int,
    device: torch.device,
    console: Console,
) -> Results:
    """Score a checkpoint that `actfusion-train` or `actfusion-convert` made.

    Args:
        path: of the checkpoint; None for the bundled one.
        data: folder of the dataset.
        split: whose test list is scored.
        features: "labels", or a folder of (C, T) arrays; None for what the checkpoint was trained on.
        no_length: do not tell the model how long a video is.
        force_extractor: score features of another extractor with a warning.
        online: replay each video as a stream, too.
        calm: in that replay, change what was said of the past for a reason only.
        tick: seconds from one run of the model to the next, in a replay.
        rate: features a second; None for as extracted, or for what the dataset is known to have.
        sampling_steps, eta: of the denoising; None for the checkpoint's own.
        futures: how many to draw and score, too; None for none.
        seed: of the noise.
        device: where the model runs.
        console: where notes and the progress go.

    Raises:
        StreamError: something of it cannot be read, or does not fit the rest.
    """
    checkpoint = load_checkpoint(path)
    about = checkpoint.training
    if "preset" not in about:
        raise StreamError(
            f"checkpoint {path or 'bundled'}: not trained by actfusion-train, nor converted by "
            "actfusion-convert, so its sample rate is unknown; without --data it is scored on kitchens"
        )
    dataset = Dataset(data)
    if dataset.class_names != checkpoint.class_names:
        raise StreamError(
            f"data {data}: its {len(dataset.class_names)} classes are not the "
            f"{len(checkpoint.class_names)} of the checkpoint, or in another order"
        )
    preset = preset_from_json(about["preset"])
    trained_so = bool(about.get("no_length", False))
    if trained_so != no_length:
        how = "without" if trained_so else "with"
        console.print(
            f"note: this checkpoint was trained {how} the true length, and is scored the other way",
            soft_wrap=True,
        )
    source = FeatureSource(dataset, features or _trained_on(checkpoint, data))
    warning = _check_extractor(checkpoint, f"checkpoint {path}", preset, source, force_extractor)
    if warning:
        console.print(f"warning: {warning}", style="yellow", soft_wrap=True, markup=False)
    config = checkpoint.model_config
    config = replace(
        config,
        sampling_steps=config.sampling_steps if sampling_steps is None else sampling_steps,
        eta=config.eta if eta is None else eta,
    )
    ratio = float(about.get("ratio", RATIO))
    live = Horizon(ratio=ratio if trained_so else LIVE_RATIO)
    return evaluate_model(
        replace(checkpoint, model_config=config).model(device),
        preset,
        dataset,
        source,
        split,
        ratio=ratio if no_length else None,
        online=(tick, live) if online else None,
        calm=calm,
        trained_on=checkpoint.extractor_spec,
        rate=rate,
        futures=futures,
        doubt=checkpoint.doubt,
        seed=seed,
        console=console,
    )


def _trained_on(checkpoint: Checkpoint, data: Path) -> str:
    """The features of this dataset that are called as those of training were."""
    trained_on = str(checkpoint.training.get("features", "features"))
    return LABELS if trained_on == LABELS else str(data / Path(trained_on).name)


def _check_extractor(
    checkpoint: Checkpoint, name: str, preset: Preset, source: FeatureSource, force: bool
) -> str | None:
    """See `check_same`; features that nobody describes are taken as they are."""
    given = source.extractor
    if checkpoint.extractor_spec is None or given is None:
        return None
    read = replace(given, stride=given.stride * preset.sample_rate)  # the model reads every so many of them
    names = (name, f"features {source.source} are of")
    return check_same(checkpoint.extractor_spec, read, names, force)
