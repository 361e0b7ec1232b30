"""Train ActFusion on a dataset in the MS-TCN layout.

    python -m tools.train --data DIR --split 1 --preset 50salads --out RUN

RUN holds `last.safetensors` and `best.safetensors`, which run by themselves; `resume.pt`, from which the same
command goes on after it was stopped, to the same weights as an unbroken run; and TensorBoard scalars.

`best` is chosen on videos held out of the training list. (The released code picks its best epoch on the test
list, so its published figures are an upper bound; here the test list chooses nothing.)
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import pickle
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.losses import balanced_class_weights, soft_boundary, training_losses
from actfusion_stream.models.masking import anticipative_mask, draw_mask
from actfusion_stream.weights.checkpoint import Checkpoint

from .data.dataset import LABELS, Dataset, FeatureSource
from .evaluation.inference import anticipate, segment
from .evaluation.metrics import AnticipationScore, SegmentationScore
from .training.presets import PRESETS, Preset, add_preset_options, override
from .training.resume import save_whole

RATIO = 4.0  # without the true length, the future is so many times what was observed (Sec. 5.4)
_VALIDATION = 1  # of the generators' purposes: one number each, so that none repeats another's draws
_EPOCH = 2
_MAX_MISFIT = 30  # frames; the published features of some videos end a few frames early


@dataclass(frozen=True)
class Settings:
    """What a run is, apart from its preset; it cannot be resumed under another one.

    Attributes:
        data: folder of the dataset.
        split: name of the split.
        features: "labels", or a folder of (C, T) arrays.
        no_length: anticipate `RATIO` times the observed length, instead of the rest of a known length.
        held_out: share of the training list that chooses the best epoch, and trains nothing.
        seed: of everything random.
    """

    data: Path
    split: str
    features: str
    no_length: bool
    held_out: float
    seed: int


@dataclass(frozen=True)
class Batch:
    """Padded videos; see `training_losses` for the fields."""

    features: Tensor  # (B, C, T)
    labels: Tensor  # (B, T)
    boundary: Tensor  # (B, T)
    visible: Tensor  # (B, T)
    scored: Tensor  # (B, T)
    lengths: Tensor  # (B,)

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True)
class Example:
    """A training video at full frame rate: features (C, T), labels (T,), soft boundary (T,)."""

    features: np.ndarray
    labels: np.ndarray
    boundary: np.ndarray


def hold_out(videos: list[str], share: float, seed: int) -> tuple[list[str], list[str]]:
    """Split a training list into videos that train and videos that choose the best epoch.

    Args:
        videos: names.
        share: of the list, to hold out; at least one video, unless it is 0.
        seed: of the choice.

    Returns:
        Videos to train on, and videos held out, each in the order of the list.

    Raises:
        StreamError: nothing would be left to train on.
    """
    count = 0 if share == 0 else max(1, round(share * len(videos)))
    if count >= len(videos):
        raise StreamError(
            f"held out {share:g} of {len(videos)} training videos: none is left to train on; hold out less"
        )
    chosen = set(np.random.default_rng([seed, _VALIDATION]).permutation(len(videos))[:count].tolist())
    return (
        [name for i, name in enumerate(videos) if i not in chosen],
        [name for i, name in enumerate(videos) if i in chosen],
    )


def draw_example(
    example: Example, preset: Preset, no_length: bool, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """One video as training sees it: subsampled from a random offset, under a drawn mask.

    Without the true length, the anticipative mask observes a share of the video and hides `RATIO` times as
    much; what of that lies beyond the video has a label that nobody knows, and is not scored.

    Returns:
        Features (C, T) float32, labels (T,) int64, boundary (T,) float32, visible and scored (T,) bool.
    """
    offset = int(rng.integers(min(preset.sample_rate, len(example.labels))))
    steps = stretch(example.labels, preset.stretch, rng)[offset :: preset.sample_rate]
    if len(steps) == 0:
        steps = np.arange(1)
    features, labels, boundary = example.features[:, steps], example.labels[steps], example.boundary[steps]
    if preset.noise:
        features = features + preset.noise * rng.standard_normal(features.shape, np.float32)
    boundary = boundary / max(float(boundary.max()), 1e-6)
    kind = preset.mask.kinds[rng.integers(len(preset.mask.kinds))]
    visible = draw_mask(labels, boundary, replace(preset.mask, kinds=(kind,)), rng)
    scored = np.ones(len(labels), dtype=bool)
    if kind == "anticipative" and no_length:
        observed = int(visible.sum())
        total = observed + math.ceil(RATIO * observed)
        short = max(0, total - len(labels))
        features = np.pad(features[:, :total], ((0, 0), (0, short)))
        labels = np.pad(labels[:total], (0, short), mode="edge")
        boundary = np.pad(boundary[:total], (0, short))
        scored = np.pad(scored[:total], (0, short))
        visible = anticipative_mask(total, observed / total) & scored
    return features, labels, boundary.astype(np.float32), visible, scored


def stretch(labels: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Frames of a video in which every action takes a little longer or shorter than it did.

    Args:
        labels: (T,) int.
        sigma: of the logarithm of each segment's change of length; 0 changes nothing.
        rng: draws the changes.

    Returns:
        (T',) int, indices into the T frames, in order.
    """
    if sigma == 0:
        return np.arange(len(labels))
    parts = []
    for start, end in segment_bounds(labels):
        length = max(1, round((end - start) * float(np.exp(sigma * rng.standard_normal()))))
        parts.append(start + np.arange(length) * (end - start) // length)
    return np.concatenate(parts)


def segment_bounds(labels: np.ndarray) -> list[tuple[int, int]]:
    """First and one past the last frame of each run of equal labels (T,)."""
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    return list(zip(starts.tolist(), [*starts[1:].tolist(), len(labels)], strict=True))


class SegmentPool:
    """The features of every action in the training videos, by class, to swap them between videos."""

    def __init__(self, examples: list[Example]) -> None:
        self._features: dict[int, list[np.ndarray]] = {}
        for example in examples:
            for start, end in segment_bounds(example.labels):
                found = self._features.setdefault(int(example.labels[start]), [])
                found.append(example.features[:, start:end])

    def swap(self, example: Example, most: float, rng: np.random.Generator) -> Example:
        """The video with some of its actions shown as they look elsewhere, at the length they have here.

        Args:
            example: not changed.
            most: share of its segments that are swapped at most, 0 for none; how many is drawn.
            rng: draws.
        """
        if most == 0:
            return example
        share = most * rng.random()
        features = example.features.copy()
        for start, end in segment_bounds(example.labels):
            if rng.random() < share:
                others = self._features[int(example.labels[start])]
                other = others[rng.integers(len(others))]  # (C, its length)
                features[:, start:end] = other[:, np.arange(end - start) * other.shape[1] // (end - start)]
        return replace(example, features=features)


def collate(drawn: list[tuple[np.ndarray, ...]]) -> Batch:
    """Pad drawn videos to the longest one."""
    longest = max(len(labels) for _, labels, *_ in drawn)

    def padded(column: int) -> Tensor:
        arrays = [video[column] for video in drawn]
        shape = (len(arrays), *arrays[0].shape[:-1], longest)
        out = torch.zeros(shape, dtype=torch.from_numpy(arrays[0]).dtype)
        for row, array in zip(out, arrays, strict=True):
            row[..., : array.shape[-1]] = torch.from_numpy(np.ascontiguousarray(array))
        return out

    lengths = torch.tensor([len(labels) for _, labels, *_ in drawn])
    return Batch(padded(0), padded(1), padded(2), padded(3), padded(4), lengths)


class Trainer:
    """One run: the network, the optimizer, and where they stand.

    Args:
        preset: with the data's `feature_dim` and `num_classes`.
        settings: of the run.
        examples: the training videos.
        micro_batch: most videos in one padded pass; the optimizer still steps after `preset.batch_size`.
        device: where it runs; mixed precision on a GPU.

    Attributes:
        epoch: epochs done.
        model: the network in training.
        average: the moving average of its weights, in eval mode: what is scored and saved.
    """

    def __init__(
        self,
        preset: Preset,
        settings: Settings,
        examples: list[Example],
        micro_batch: int,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.preset, self.settings, self.examples = preset, settings, examples
        self._pool = SegmentPool(examples)
        self.micro_batch, self.device = micro_batch, device
        self.epoch = 0
        self.model = ActFusion(preset.model).to(device)
        self.average = copy.deepcopy(self.model).eval()
        self.steps = 0  # of the optimizer
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), preset.learning_rate, weight_decay=preset.weight_decay
        )
        counts = np.bincount(
            np.concatenate([example.labels for example in examples]), minlength=preset.model.num_classes
        )
        self.class_weights = torch.from_numpy(balanced_class_weights(counts)).to(device)

    def run_epoch(self) -> dict[str, float]:
        """Every training video once; returns the mean of each loss."""
        # By epoch, so that a resumed run draws what an unbroken one draws.
        rng = np.random.default_rng([self.settings.seed, _EPOCH, self.epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.model.train()
        sums: dict[str, float] = {}
        order = rng.permutation(len(self.examples))
        for first in range(0, len(order), self.preset.batch_size):
            drawn = [
                draw_example(
                    self._pool.swap(self.examples[i], self.preset.swap, rng),
                    self.preset,
                    self.settings.no_length,
                    rng,
                )
                for i in order[first : first + self.preset.batch_size]
            ]
            self.optimizer.zero_grad(set_to_none=True)
            for batch in self._passes(drawn):
                losses = self._losses(batch)
                # Each video weighs 1 / batch size, in whatever company it passes.
                (losses["total"] * len(batch.lengths) / self.preset.batch_size).backward()
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0.0) + loss.item() * len(batch.lengths)
            self.optimizer.step()
            self._update_average()
        self.epoch += 1
        return {name: value / len(order) for name, value in sums.items()}

    @torch.no_grad()
    def _update_average(self) -> None:
        self.steps += 1
        # The first weights are random: the average forgets them by looking back on few steps at first.
        decay = min(self.preset.average, self.steps / (self.steps + 10))
        for slow, fast in zip(self.average.parameters(), self.model.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)

    def _passes(self, drawn: list[tuple[np.ndarray, ...]]) -> Iterator[Batch]:
        """The videos of one optimizer step in padded passes, alike in length so that little is padding."""
        by_length = sorted(drawn, key=lambda video: len(video[1]))
        for first in range(0, len(by_length), self.micro_batch):
            yield collate(by_length[first : first + self.micro_batch]).to(self.device)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        count, longest = batch.labels.shape
        step = torch.randint(self.preset.model.diffusion_steps, (count,), device=self.device)
        noise = torch.randn(count, self.preset.model.num_classes, longest, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return training_losses(
                self.model,
                batch.features,
                batch.labels,
                batch.boundary,
                batch.visible,
                step,
                noise,
                self.preset.loss,
                self.class_weights,
                batch.lengths,
                batch.scored,
            )

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps,
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]
        self.epoch = state["epoch"]


def read_example(dataset: Dataset, source: FeatureSource, video: str, boundary_sigma: float) -> Example:
    """Read one training video; features and annotations that differ by less than a second are cut to fit.

    Raises:
        StreamError: it cannot be read, or features and annotation are of different length.
    """
    labels, features = dataset.labels(video), source(video)
    length = min(len(labels), features.shape[1])
    if abs(len(labels) - features.shape[1]) > _MAX_MISFIT:
        raise StreamError(
            f"{video}: {features.shape[1]} features for {len(labels)} labels; a feature a frame is needed"
        )
    labels = labels[:length]
    return Example(features[:, :length], labels, soft_boundary(labels, boundary_sigma))


def validate(
    model: ActFusion,
    dataset: Dataset,
    source: FeatureSource,
    videos: list[str],
    preset: Preset,
    no_length: bool,
) -> dict[str, float]:
    """Segmentation and anticipation scores on held-out videos, from one offset each, for speed.

    Returns:
        The metrics' names and percentages, and "mean": the average of both tasks' averages, which chooses the
        best epoch.
    """
    tas, lta = SegmentationScore(), AnticipationScore()
    names = np.array(dataset.class_names)
    for video in videos:
        truth, features = dataset.labels(video), source(video)
        tas.add(names[segment(model, preset, features, offsets=1)], names[truth])
        for alpha in (0.2, 0.3):
            observed = max(1, int(alpha * len(truth)))
            labels = anticipate(
                model,
                preset,
                features[:, :observed],
                len(truth),
                ratio=RATIO if no_length else None,
                offsets=1,
            )
            lta.add(labels, truth, alpha)
    segmentation, anticipation = tas.result(), lta.result()
    mean = (np.mean(list(segmentation.values())) + np.mean(list(anticipation.values()))) / 2
    return {**segmentation, **anticipation, "mean": float(mean)}


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
            "TensorBoard, which gets the scalars, is missing: pip install -e '.[train]'"
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
    about = {"preset": asdict(preset), **vars(settings), "data": settings.data.resolve().name}
    spec, extractor_state = source.extractor, source.extractor_state()
    if spec is not None:  # the model reads every so many of them
        spec = replace(spec, stride=spec.stride * preset.sample_rate)
    about |= {
        "ratio": RATIO,
        "training_videos": len(training),
        "held_out_videos": held_out,
    }
    out.mkdir(parents=True, exist_ok=True)
    resume = out / "resume.pt"
    best = float("-inf")
    if resume.exists():
        try:
            saved = torch.load(resume, map_location=device, weights_only=True)
        except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise StreamError(f"{resume}: damaged; remove it to start the run anew") from error
        if saved["about"] != json.dumps(about):
            raise StreamError(
                f"out {out}: holds a run with other settings; give another folder, or remove it"
            )
        trainer.load_state(saved)
        best = saved["best"]
        console.print(f"going on after epoch {trainer.epoch}")

    def save(name: str, scores: dict[str, float]) -> None:
        Checkpoint(
            class_names=dataset.class_names,
            model_config=preset.model,
            model_state={key: value.cpu() for key, value in trainer.average.state_dict().items()},
            extractor_spec=spec,
            extractor_state=extractor_state,
            median=max(1, preset.median),
            training={**about, "epoch": trainer.epoch, "scores": scores},
        ).save(out / name)

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
            "", total=preset.epochs, completed=trainer.epoch, loss=float("nan"), best=best
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
                scores = validate(trainer.average, dataset, source, held_out, preset, settings.no_length)
                for name, value in scores.items():
                    board.add_scalar(f"held_out/{name}", value, trainer.epoch)
                if scores["mean"] > best:
                    best = scores["mean"]
                    save("best.safetensors", scores)
            if trainer.epoch % save_every == 0 or last:
                save("last.safetensors", {})
                if last and not held_out:
                    save("best.safetensors", {})
                save_whole({**trainer.state(), "best": best, "about": json.dumps(about)}, resume)
            progress.update(bar, completed=trainer.epoch, loss=losses["total"], best=best)
            if not console.is_terminal and (trainer.epoch % save_every == 0 or last):  # a log file
                pace = (time.perf_counter() - started) / (trainer.epoch - first)
                left = pace * (preset.epochs - trainer.epoch) / 60
                console.print(
                    f"epoch {trainer.epoch}/{preset.epochs}, loss {losses['total']:.3f}, best {best:.1f}, "
                    f"{left:.1f} min left"
                )


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
        "--held-out", type=float, default=0.1, help="share of the training list that picks the best"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--micro-batch", type=int, default=8, help="most videos in one padded pass")
    parser.add_argument("--validate-every", type=int, default=10, help="epochs")
    parser.add_argument("--save-every", type=int, default=10, help="epochs")
    parser.add_argument("--device", help="default: a GPU where there is one")
    add_preset_options(parser)
    options = parser.parse_args(arguments)
    if not 0 <= options.held_out < 1:
        parser.error(f"--held-out {options.held_out:g}: give a share from 0 to below 1")
    for name in ("micro_batch", "validate_every", "save_every"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} {getattr(options, name)}: give a number from 1")
    settings = Settings(
        options.data,
        options.split,
        options.features or str(options.data / "features"),
        options.no_length,
        options.held_out,
        options.seed,
    )
    console = Console(stderr=True)
    try:
        preset = override(PRESETS[options.preset], vars(options))
        device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
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
    except (StreamError, ValueError) as error:
        console.print(f"error: {error}", style="red", highlight=False, markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from the last saved epoch")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
