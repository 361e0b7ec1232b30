"""What the bundled ActFusion is trained on: rendered kitchens, and kitchens that were only ever written down.

Rendering a video costs seconds, writing a script microseconds. Anticipation lives on scripts: what a cook
does next is a matter of recipes, not of pixels. So most training sequences are spliced: a new script of the
kitchen's grammar, each action told in the features of some rendered segment of that action, stretched to its
length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.engine.timeline import label_runs
from actfusion_stream.kitchen.script import CLASS_NAMES, write_script
from actfusion_stream.models.losses import soft_boundary
from actfusion_stream.models.masking import MaskConfig, draw_mask

from ..training.streaming import draw_observed, draw_total
from .videos import SECONDS, SPEC, UNEVEN, frame_labels

MASKS = MaskConfig(
    kinds=("none", "anticipative", "anticipative", "random", "boundary", "relation"),
    observed_ratios=(0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7),
    patches=(1, 12),
    relation_classes=1,
)
# The whole videos of the second round are mostly such of which the rest is to be anticipated.
ANTICIPATING = replace(
    MASKS, kinds=("none", "anticipative", "anticipative", "anticipative", "random", "boundary", "relation")
)
BOUNDARY_SIGMA = 2.0  # feature steps
MOST_STEPS = 3600  # of a batch: fewer videos where they are long
_CANDIDATES = 4  # segments of which the one nearest in length is borrowed
SCRIPT_SEEDS = range(1000, 10_000)  # written, never rendered
BACKGROUND = CLASS_NAMES.index("background")


@dataclass(frozen=True)
class Video:
    """A rendered video as features (C, T) float32 and labels (T,) int64."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def load_videos(folder: Path, seeds: list[int]) -> list[Video]:
    videos = []
    for seed in seeds:
        features = np.load(folder / f"{seed}.npy")
        labels = frame_labels(seed)[:: SPEC.stride]
        videos.append(Video(features, labels[: features.shape[1]]))
    return videos


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
            for a, b in zip(*label_runs(video.labels), strict=True):
                self._bank[video.labels[a]].append(video.features[:, a:b])

    def draw(self, length: int, rng: np.random.Generator) -> Video:
        """One sequence of exactly `length` steps, a whole salad."""
        if rng.random() >= self.spliced:
            video = self.videos[int(rng.integers(len(self.videos)))]
            index = np.arange(length) * video.features.shape[1] // length
            return Video(video.features[:, index], video.labels[index])
        uneven = float(rng.uniform(0, UNEVEN)) if rng.random() < 0.5 else 0.0
        script = write_script(int(rng.choice(SCRIPT_SEEDS)), length * self.period, uneven)
        parts, labels = [], []
        first = 0
        for step in script:
            end = min(round(step.end / self.period), length)
            if end > first:
                label = CLASS_NAMES.index(step.label)
                choices = self._bank[label]
                found = [choices[int(i)] for i in rng.integers(len(choices), size=_CANDIDATES)]
                source = min(found, key=lambda one: abs(np.log(one.shape[1] / (end - first))))
                parts.append(source[:, np.arange(end - first) * source.shape[1] // (end - first)])
                labels += [label] * (end - first)
                first = end
        return Video(np.concatenate(parts, axis=1), np.array(labels))


def draw_batch(
    source: SequenceSource,
    size: int,
    rng: np.random.Generator,
    streaming_share: float = 0.6,
    masks: MaskConfig = MASKS,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw training sequences of one length.

    Some batches are whole videos under the five masks. The others are what a stream has: a prefix of a video
    whose length nobody knows, and a future that may reach beyond the end, where all that is left is idleness.

    Args:
        source: where sequences come from.
        size: B at most; fewer, at least two, where they are long.
        rng: decides everything.
        streaming_share: of the batches, those that are as a stream has them.
        masks: of the others.

    Returns:
        Features (B, C, T) float32, labels (B, T) int64, soft boundaries (B, T) float32 and visible steps
        (B, T) bool.
    """
    shortest, longest = np.log(SECONDS)
    length = int(np.exp(rng.uniform(shortest, longest)) / source.period)
    streaming = rng.random() < streaming_share
    window = draw_total(length, rng) if streaming else length
    size = max(2, min(size, MOST_STEPS // window))
    features, labels, boundaries, visible = [], [], [], []
    for _ in range(size):
        video = source.draw(length, rng)
        boundary = soft_boundary(video.labels, BOUNDARY_SIGMA)
        if streaming:
            seen = np.arange(window) < draw_observed(window, length, rng)
            pad = max(window - length, 0)
            video = Video(
                np.pad(video.features[:, :window], ((0, 0), (0, pad))),
                np.pad(video.labels[:window], (0, pad), constant_values=BACKGROUND),
            )
            boundary = np.pad(boundary[:window], (0, pad))
        else:
            seen = draw_mask(video.labels, boundary, masks, rng)
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
