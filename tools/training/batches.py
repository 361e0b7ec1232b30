"""What one pass of the network sees: videos subsampled, under a drawn mask, and padded to one length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.models.masking import draw_mask

from ..data.features import Features
from .augmentation import stretch
from .examples import Example
from .presets import Preset
from .settings import RATIO
from .streaming import draw_observed, draw_total

# Of each thread of a CPU: steps, padding among them, that one pass takes at most; and what a pass costs
# whatever its size, in steps of a video.
_CPU_STEPS, _CPU_FIXED_STEPS = 1500, 128


@dataclass(frozen=True)
class Batch:
    """Padded videos; see `training_losses` for the fields."""

    features: Tensor  # (B, C, T)
    labels: Tensor  # (B, T)
    boundary: Tensor  # (B, T)
    visible: Tensor  # (B, T)
    scored: Tensor  # (B, T)
    lengths: Tensor  # (B,), on the CPU wherever the others are

    def pinned(self) -> Batch:
        """In memory from which a GPU fetches it while the program goes on."""
        return Batch(**{name: value.pin_memory() for name, value in vars(self).items()})

    def to(self, device: torch.device) -> Batch:
        moved = {name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        return Batch(**{**moved, "lengths": self.lengths})


@dataclass(frozen=True)
class Draw:
    """One video of T feature steps as training sees it; its features are read when they are asked for.

    Attributes:
        source: features at full frame rate.
        frames: (N,) which of them are seen, N <= T; steps beyond have none.
        noise, seed: standard deviation of the noise on them, and of what it is drawn.
        labels: (T,) int64.
        boundary: (T,) float32.
        visible, scored: (T,) bool.
    """

    source: Features
    frames: NDArray[np.int64]
    noise: float
    seed: int
    labels: NDArray[np.int64]
    boundary: NDArray[np.float32]
    visible: NDArray[np.bool_]
    scored: NDArray[np.bool_]

    def features(self) -> NDArray[np.float32]:
        """(C, T) float32, read now.

        Raises:
            StreamError: they cannot be read, or are not finite.
        """
        found = self.source(self.frames)
        if self.noise:
            found += self.noise * np.random.default_rng(self.seed).standard_normal(found.shape, np.float32)
        lacking = len(self.labels) - found.shape[1]
        return np.pad(found, ((0, 0), (0, lacking))) if lacking else found


def draw_example(example: Example, preset: Preset, no_length: bool, rng: np.random.Generator) -> Draw:
    """One video as training sees it, subsampled from a random offset: under a mask, or as a stream has it.

    Without the true length, the anticipative mask observes a share of the video and hides `RATIO` times as
    much. In a stream, prefix and future are of any length. What of a future lies beyond the video has a label
    that nobody knows, and is not scored.
    """
    offset = int(rng.integers(min(preset.sample_rate, len(example.labels))))
    frames = stretch(example.labels, preset.stretch, rng)[offset :: preset.sample_rate]
    if len(frames) == 0:
        frames = np.arange(1)
    labels, boundary = example.labels[frames], example.boundary[frames]
    seed = int(rng.integers(2**63)) if preset.noise else 0
    boundary = boundary / max(float(boundary.max()), 1e-6)
    total = len(labels)
    if preset.streaming and rng.random() < preset.streaming:
        total = draw_total(len(labels), rng)
        visible = np.arange(total) < draw_observed(total, len(labels), rng)
    else:
        kind = preset.mask.kinds[rng.integers(len(preset.mask.kinds))]
        visible = draw_mask(labels, boundary, replace(preset.mask, kinds=(kind,)), rng)
        if kind == "anticipative" and no_length:
            observed = int(visible.sum())
            total = observed + math.ceil(RATIO * observed)
            visible = np.arange(total) < observed
    beyond = max(0, total - len(labels))
    scored = np.arange(total) < len(labels)
    frames = frames[:total]
    labels = np.pad(labels[:total], (0, beyond), mode="edge")
    boundary = np.pad(boundary[:total], (0, beyond))
    return Draw(
        example.features, frames, preset.noise, seed, labels, boundary.astype(np.float32), visible, scored
    )


def group_videos(lengths: list[int], most: int, threads: int | None) -> list[list[int]]:
    """Which videos pass together: those alike in length, so that little is padding.

    On a GPU a pass takes as many as it may. On a CPU it saves no more than its own fixed cost, and long ones
    leave the caches: on one thread, the 50 Salads network takes 18 ms a video for eight of 100 steps at once
    instead of 36, 60 instead of 80 for 400 steps, and nothing less for 1500.

    Args:
        lengths: feature steps of each video.
        most: videos in a pass.
        threads: of the CPU that they pass on; None for a GPU.

    Returns:
        Indices of the videos of each pass, those of similar length beside each other, the longest last.
    """
    order = sorted(range(len(lengths)), key=lambda i: lengths[i], reverse=True)
    groups: list[list[int]] = []
    for i in order:
        group = groups[-1] if groups else []
        longest = lengths[group[0]] if group else 0
        fits = 0 < len(group) < most
        if threads is not None:
            fits &= (len(group) + 1) * longest <= threads * _CPU_STEPS
            fits &= longest - lengths[i] <= threads * _CPU_FIXED_STEPS
        if fits:
            group.append(i)
        else:
            groups.append([i])
    return [group[::-1] for group in reversed(groups)]


def collate(draws: list[Draw]) -> Batch:
    """Read what was drawn, and pad it to the longest video.

    In numpy: torch would start threads of its own for the thread that this runs in.
    """
    lengths = torch.tensor([len(draw.labels) for draw in draws])

    def padded(rows: Iterator[np.ndarray]) -> Tensor:
        first = next(rows)
        if len(draws) == 1:
            return torch.from_numpy(first[None])
        out = np.zeros((len(draws), *first.shape[:-1], int(lengths.max())), first.dtype)
        for row, array in zip(out, chain([first], rows), strict=True):
            row[..., : array.shape[-1]] = array
        return torch.from_numpy(out)

    return Batch(
        padded(draw.features() for draw in draws),
        padded(draw.labels for draw in draws),
        padded(draw.boundary for draw in draws),
        padded(draw.visible for draw in draws),
        padded(draw.scored for draw in draws),
        lengths,
    )
