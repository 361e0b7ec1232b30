"""A training run, from the dataset to the last epoch; stopped, it goes on where it was."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from actfusion_stream.errors import StreamError
from actfusion_stream.weights.familiarity import steps_of

from ..data.dataset import Dataset, FeatureSource
from ..data.labelled import read_videos
from ..evaluation.causality import feature_clock
from .examples import Example, hold_out
from .familiarity import learn_familiarity
from .presets import Preset
from .run_folder import RunFolder
from .settings import RATIO, Settings
from .trainer import Trainer
from .validation import doubt_of, validate


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
    training, held_out = hold_out(
        dataset.split(settings.split, "train"), settings.held_out, settings.seed, settings.held_out_by
    )
    named = track(
        training + held_out,
        "reading annotations",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    videos = read_videos(source, named)
    examples = [Example.of(video, preset.boundary_sigma) for video in videos[: len(training)]]
    judges = videos[len(training) :]
    model_config = replace(
        preset.model, feature_dim=videos[0].features.channels, num_classes=len(dataset.class_names)
    )
    preset = replace(preset, model=model_config)
    clock, _ = feature_clock(videos, source, preset)

    trainer = Trainer(preset, settings, examples, micro_batch, device)
    about = {
        "preset": asdict(preset),
        **vars(settings),
        "data": settings.data.resolve().name,
        "ratio": RATIO,
        "training_videos": len(training),
        "held_out_videos": held_out,
    }
    # It reads each file from end to end, which finds what is damaged, and which the first epoch need not do.
    features = [example.features for example in examples]
    familiarity = learn_familiarity(
        features,
        [video.features for video in judges],
        preset.sample_rate,
        steps_of(clock.period * preset.sample_rate),
    )
    folder = RunFolder(out, trainer, source, about, familiarity)
    if folder.resume():
        console.print(f"going on after epoch {trainer.epoch}")

    progress = Progress(
        TextColumn("epoch {task.completed:.1f}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TextColumn("best {task.fields[best]:.1f}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[disk]}"),
        console=console,
    )
    with SummaryWriter(str(out / "tensorboard"), purge_step=trainer.epoch) as board, progress:
        bar = progress.add_task(
            "",
            total=preset.epochs,
            completed=trainer.epoch,
            loss=float("nan"),
            best=folder.best,
            disk="",
        )
        started, first = time.perf_counter(), trainer.epoch
        while trainer.epoch < preset.epochs:
            began = time.perf_counter()
            losses = trainer.run_epoch(lambda done: progress.update(bar, completed=trainer.epoch + done))
            if not math.isfinite(losses["total"]):
                raise StreamError(
                    f"epoch {trainer.epoch}: the loss is {losses['total']}; lower --learning-rate"
                )
            for name, value in losses.items():
                board.add_scalar(f"loss/{name}", value, trainer.epoch)
            seconds = time.perf_counter() - began
            waiting = 100 * trainer.waited / seconds
            board.add_scalar("speed/videos_per_second", len(examples) / seconds, trainer.epoch)
            board.add_scalar("speed/percent_waiting_for_features", waiting, trainer.epoch)
            last = trainer.epoch == preset.epochs
            if held_out and (trainer.epoch % validate_every == 0 or last):
                scores = validate(
                    trainer.outcome(), judges, dataset.class_names, preset, settings.no_length, clock
                )
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
            progress.update(
                bar, completed=trainer.epoch, loss=losses["total"], best=folder.best, disk=_slow(waiting)
            )
            if not console.is_terminal and (trainer.epoch % save_every == 0 or last):  # a log file
                pace = (time.perf_counter() - started) / (trainer.epoch - first)
                left = pace * (preset.epochs - trainer.epoch) / 60
                console.print(
                    f"epoch {trainer.epoch}/{preset.epochs}, loss {losses['total']:.3f}, "
                    f"best {folder.best:.1f}, {left:.1f} min left{_slow(waiting)}"
                )
    if held_out and preset.streaming:
        folder.learn_doubt(
            lambda model: doubt_of(model, judges, dataset.class_names, preset, settings.no_length, clock)
        )


def _slow(waiting: float) -> str:
    """What to say of a disk for which `waiting` percent of the time went by."""
    return f", {waiting:.0f} % of the time waiting for features" if waiting > 10 else ""
