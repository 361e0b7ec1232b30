"""The bundled ActFusion: trained on kitchen features, and on kitchens that were only ever written down.

Rendering a video costs seconds, writing a script microseconds. Anticipation lives on scripts: what a cook
does next is a matter of recipes, not of pixels. So most training sequences are spliced: a new script of the
kitchen's grammar, each action told in the features of some rendered segment of that action, stretched to its
length.
"""

from __future__ import annotations

import copy
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.kitchen.script import CLASS_NAMES, write_script
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.losses import LossConfig, balanced_class_weights, soft_boundary, training_losses
from actfusion_stream.models.masking import MaskConfig, draw_mask

from ..training.resume import save_whole

CONFIG = ActFusionConfig(
    feature_dim=256,
    num_classes=len(CLASS_NAMES),
    encoder_layers=10,
    encoder_dim=64,
    encoder_kernel=5,
    encoder_dropout=0.2,
    channel_dropout=0.2,
    time_dropout=0.2,
    conditioning_layers=(5, 7, 9),
    decoder_layers=8,
    decoder_dim=32,
    decoder_kernel=5,
    decoder_dropout=0.1,
    scale=0.5,
    time_embedding_dim=128,
    sampling_steps=8,
)
LOSSES = LossConfig(encoder_smoothing=0.025, decoder_smoothing=0.025)
MASKS = MaskConfig(
    kinds=("none", "anticipative", "anticipative", "random", "boundary", "relation"),
    observed_ratios=(0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7),
    patches=(1, 6),
    relation_classes=1,
)
BOUNDARY_SIGMA = 1.5  # feature steps
SCRIPT_SEEDS = range(1000, 10_000)  # written, never rendered
BACKGROUND = CLASS_NAMES.index("background")
_EMA_DECAY = 0.998
_SAVE_EVERY = 250  # steps

log = logging.getLogger("build_demo")


@dataclass(frozen=True)
class Video:
    """A rendered video as features (C, T) float32 and labels (T,) int64."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass
class SequenceSource:
    """Draws training sequences of a wanted length, rendered or spliced.

    Attributes:
        videos: rendered videos to stretch to the wanted length.
        period: seconds per feature step.
        spliced: share of spliced sequences.
    """

    videos: list[Video]
    period: float
    spliced: float = 0.6

    def __post_init__(self) -> None:
        self._bank: list[list[NDArray[np.float32]]] = [[] for _ in CLASS_NAMES]
        for video in self.videos:
            cuts = np.flatnonzero(np.diff(video.labels)) + 1
            for a, b in zip(np.r_[0, cuts], np.r_[cuts, len(video.labels)], strict=True):
                self._bank[video.labels[a]].append(video.features[:, a:b])

    def draw(self, length: int, rng: np.random.Generator) -> Video:
        """One sequence of exactly `length` steps, a whole salad."""
        if rng.random() >= self.spliced:
            video = self.videos[int(rng.integers(len(self.videos)))]
            index = np.arange(length) * video.features.shape[1] // length
            return Video(video.features[:, index], video.labels[index])
        script = write_script(int(rng.choice(SCRIPT_SEEDS)), length * self.period)
        parts, labels = [], []
        first = 0
        for step in script:
            end = min(round(step.end / self.period), length)
            if end > first:
                label = CLASS_NAMES.index(step.label)
                choices = self._bank[label]
                source = choices[int(rng.integers(len(choices)))]
                parts.append(source[:, np.arange(end - first) * source.shape[1] // (end - first)])
                labels += [label] * (end - first)
                first = end
        return Video(np.concatenate(parts, axis=1), np.array(labels))


def draw_batch(
    source: SequenceSource, size: int, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw training sequences of one length.

    Half of the batches are whole videos under the five masks. The other half are what a stream has: a prefix
    of a video whose length nobody knows, and a future that may reach beyond the end, where all that is left
    is idleness.

    Args:
        source: where sequences come from.
        size: B.
        rng: decides everything.

    Returns:
        Features (B, C, T) float32, labels (B, T) int64, soft boundaries (B, T) float32 and visible steps
        (B, T) bool.
    """
    length = int(rng.uniform(65, 115) / source.period)
    streaming = rng.random() < 0.5
    window = int(rng.uniform(0.08, 1.5) * length) if streaming else length
    features, labels, boundaries, visible = [], [], [], []
    for _ in range(size):
        video = source.draw(length, rng)
        boundary = soft_boundary(video.labels, BOUNDARY_SIGMA)
        if streaming:
            longest = min(window, length)
            observed = max(1, int(rng.uniform(0.35, 1.0) * longest))
            seen = np.arange(window) < observed
            pad = max(window - length, 0)
            video = Video(
                np.pad(video.features[:, :window], ((0, 0), (0, pad))),
                np.pad(video.labels[:window], (0, pad), constant_values=BACKGROUND),
            )
            boundary = np.pad(boundary[:window], (0, pad))
        else:
            seen = draw_mask(video.labels, boundary, MASKS, rng)
        features.append(video.features)
        labels.append(video.labels)
        boundaries.append(boundary)
        visible.append(seen)
    return (
        torch.from_numpy(np.stack(features)),
        torch.from_numpy(np.stack(labels)),
        torch.from_numpy(np.stack(boundaries).astype(np.float32)),
        torch.from_numpy(np.stack(visible)),
    )


def train(source: SequenceSource, work: Path, steps: int, batch: int = 8, rate: float = 1e-3) -> ActFusion:
    """Train, or pick up where a run was stopped; returns the moving average of the weights, in eval mode."""
    resume, final = work / "model.resume.pt", work / "model.pt"
    torch.manual_seed(0)
    model = ActFusion(CONFIG)
    average = copy.deepcopy(model).eval()
    if final.exists():
        average.load_state_dict(torch.load(final, weights_only=True))
        return average
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    first = 0
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["step"]
        log.info("model: resumed at step %d", first)
    counts = np.bincount(np.concatenate([v.labels for v in source.videos]), minlength=len(CLASS_NAMES))
    weights = torch.from_numpy(balanced_class_weights(counts))
    started, losses = time.perf_counter(), []
    model.train()
    for step in range(first, steps):
        # By step, so that a resumed run sees what an unbroken one sees.
        rng = np.random.default_rng([8, step])
        torch.manual_seed(step)
        features, labels, boundary, visible = draw_batch(source, batch, rng)
        times = torch.randint(CONFIG.diffusion_steps, (batch,))
        noise = torch.randn(batch, CONFIG.num_classes, features.shape[2])
        result = training_losses(model, features, labels, boundary, visible, times, noise, LOSSES, weights)
        optimizer.zero_grad(set_to_none=True)
        result["total"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            decay = min(_EMA_DECAY, (step + 1) / (step + 10))
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        losses.append(result["total"].item())
        if (step + 1) % _SAVE_EVERY == 0:
            pace = (time.perf_counter() - started) / (step + 1 - first)
            log.info(
                "model: step %d/%d, loss %.3f, %.1f min left",
                step + 1, steps, np.mean(losses[-_SAVE_EVERY:]), pace * (steps - step - 1) / 60,
            )  # fmt: skip
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step + 1}
            state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            save_whole(state, resume)
    save_whole(average.state_dict(), final)
    return average
