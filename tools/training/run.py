"""A training run, from the dataset to the last epoch; stopped, it goes on where it was."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from actfusion_stream.errors import StreamError

from ..data.dataset import Dataset, FeatureSource
from .examples import hold_out, read_example
from .presets import Preset
from .run_folder import RunFolder
from .settings import RATIO, Settings
from .trainer import Trainer
from .validation import validate


def train(
    settings: Settings,
    preset: Preset,
    out: Path,
    micro_batch: int,
    validate_every: int,
    save_every: int,
    device: torch.device,
    console: Console,
) -> None:
    """Train to the preset's last epoch, or go on where a run with the same settings was stopped.

    Raises:
        StreamError: the data cannot be read, `out` holds another run, or TensorBoard is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise StreamError(
            "TensorBoard, which gets the scalars, is missing: pip install 'actfusion-stream[train]'"
        ) from error
    dataset = Dataset(settings.data)
    source = FeatureSource(dataset, settings.features)
    training, held_out = hold_out(dataset.split(settings.split, "train"), settings.held_out, settings.seed)
    examples = [read_example(dataset, source, video, preset.boundary_sigma) for video in training]
    widths = {example.features.shape[0] for example in examples}
    if len(widths) > 1:
        raise StreamError(
            f"features {settings.features}: videos have {sorted(widths)} channels; expected one width"
        )
    model_config = replace(preset.model, feature_dim=widths.pop(), num_classes=len(dataset.class_names))
    preset = replace(preset, model=model_config)

    trainer = Trainer(preset, settings, examples, micro_batch, device)
    about = {
        "preset": asdict(preset),
        **vars(settings),
        "data": settings.data.resolve().name,
        "ratio": RATIO,
        "training_videos": len(training),
        "held_out_videos": held_out,
    }
    folder = RunFolder(out, trainer, source, about)
    if folder.resume():
        console.print(f"going on after epoch {trainer.epoch}")

    progress = Progress(
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("best {task.fields[best]:.1f}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
    )
    with SummaryWriter(str(out / "tensorboard"), purge_step=trainer.epoch) as board, progress:
        bar = progress.add_task(
            "", total=preset.epochs, completed=trainer.epoch, loss=float("nan"), best=folder.best
        )
        started, first = time.perf_counter(), trainer.epoch
        while trainer.epoch < preset.epochs:
            began = time.perf_counter()
            losses = trainer.run_epoch()
            if not math.isfinite(losses["total"]):
                raise StreamError(
                    f"epoch {trainer.epoch}: the loss is {losses['total']}; lower --learning-rate"
                )
            for name, value in losses.items():
                board.add_scalar(f"loss/{name}", value, trainer.epoch)
            board.add_scalar(
                "speed/videos_per_second", len(examples) / (time.perf_counter() - began), trainer.epoch
            )
            last = trainer.epoch == preset.epochs
            if held_out and (trainer.epoch % validate_every == 0 or last):
                scores = validate(trainer.outcome(), dataset, source, held_out, preset, settings.no_length)
                for name, value in scores.items():
                    board.add_scalar(f"held_out/{name}", value, trainer.epoch)
                if scores["mean"] > folder.best:
                    folder.best = scores["mean"]
                    folder.save_checkpoint("best.safetensors", scores)
            if trainer.epoch % save_every == 0 or last:
                folder.save_checkpoint("last.safetensors", {})
                if last and not held_out:
                    folder.save_checkpoint("best.safetensors", {})
                folder.save_state()
            progress.update(bar, completed=trainer.epoch, loss=losses["total"], best=folder.best)
            if not console.is_terminal and (trainer.epoch % save_every == 0 or last):  # a log file
                pace = (time.perf_counter() - started) / (trainer.epoch - first)
                left = pace * (preset.epochs - trainer.epoch) / 60
                console.print(
                    f"epoch {trainer.epoch}/{preset.epochs}, loss {losses['total']:.3f}, "
                    f"best {folder.best:.1f}, {left:.1f} min left"
                )
