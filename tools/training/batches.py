"""What one pass of the network sees: videos subsampled, under a drawn mask, and padded to one length."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from actfusion_stream.models.masking import anticipative_mask, draw_mask

from .augmentation import stretch
from .examples import Example
from .presets import Preset
from .settings import RATIO


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
