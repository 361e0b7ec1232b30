"""What a model says of one video, whole (TAS) or anticipated from its start (LTA), as the field tests it.

Every offset of the subsampling is run, their probabilities averaged, each class median-filtered over time,
the labels brought back to the full frame rate by nearest neighbour, and short segments merged: the testing
of the authors' release, and of DiffAct before it.
"""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.engine.predictor import smooth
from actfusion_stream.engine.timeline import label_runs
from actfusion_stream.models.actfusion import ActFusion

from ..training.presets import Preset

Features = NDArray[np.float32]
Labels = NDArray[np.int64]

# Feature steps in one padded pass. More take memory: on a CPU 0.35 GB of 50 Salads, and a tenth more time.
_PASS_STEPS = {"cpu": 4096, "cuda": 16_384}


def segment(
    model: ActFusion, preset: Preset, features: Features, *, offsets: int | None = None, seed: int = 0
) -> Labels:
    """Label every frame of a video that was seen whole.

    Args:
        model: in eval mode.
        preset: `sample_rate`, `median` and `merge` are used.
        features: (C, T) float32, at the full frame rate.
        offsets: how many of the `sample_rate` offsets are run, spread evenly; None runs all.
        seed: of the noise.

    Returns:
        (T,) int64.
    """
    return _label(model, preset, features, features.shape[1], offsets, seed)


def anticipate(
    model: ActFusion,
    preset: Preset,
    observed: Features,
    length: int,
    *,
    ratio: float | None = None,
    offsets: int | None = None,
    seed: int = 0,
) -> Labels:
    """Label the observed start of a video, and the rest of it, of which nothing is seen.

    Args:
        model: in eval mode.
        preset: as for `segment`.
        observed: (C, N_O) float32, the frames that were seen, at least one.
        length: frames T of the whole video.
        ratio: without it, the model is told the length, as the published protocol has it; with it, only that
            the future is so many times as long as what was observed (Sec. 5.4). Frames beyond that
            future keep its last label.
        offsets, seed: as for `segment`.

    Returns:
        (T,) int64.
    """
    count = observed.shape[1]
    total = length if ratio is None else count + math.ceil(ratio * count)
    labels = _label(model, preset, observed, total, offsets, seed)[:length]
    return np.pad(labels, (0, length - len(labels)), mode="edge")


def _label(
    model: ActFusion, preset: Preset, features: Features, total: int, offsets: int | None, seed: int
) -> Labels:
    """(total,) labels for (C, N) features, N <= total; what lies beyond them is masked."""
    rate = min(preset.sample_rate, total)
    wanted = rate if offsets is None else min(offsets, rate)
    starts = [i * rate // wanted for i in range(wanted)]
    steps = total // rate  # the offsets differ by one step at most; all are cut to the shortest
    subsampled = [features[:, start::rate][:, :steps] for start in starts]
    probabilities = _mean_probabilities(model, subsampled, steps, seed)  # (K, steps)
    probabilities = smooth(probabilities, preset.median)
    labels = restore_rate(probabilities.argmax(axis=0), total, rate)
    return merge_short(labels, preset.merge)


@torch.inference_mode()
def _mean_probabilities(model: ActFusion, videos: list[Features], steps: int, seed: int) -> Features:
    device = model.mask_token.device
    batch = max(1, _PASS_STEPS["cpu" if device.type == "cpu" else "cuda"] // steps)
    sums = np.zeros((model.config.num_classes, steps), np.float64)
    for first in range(0, len(videos), batch):
        group = videos[first : first + batch]
        features = torch.zeros(len(group), group[0].shape[0], steps)  # (B, C, T)
        visible = torch.zeros(len(group), steps, dtype=torch.bool)  # (B, T)
        for i, video in enumerate(group):
            features[i, :, : video.shape[1]] = torch.from_numpy(np.ascontiguousarray(video))
            visible[i, : video.shape[1]] = True
        noise = [_generator(seed, first + i) for i in range(len(group))]

        def draw(_: int, shape: tuple[int, int, int], sources: list[torch.Generator] = noise) -> Tensor:
            return torch.stack([torch.randn(shape[1:], generator=g) for g in sources]).to(device)

        seen_all = None if bool(visible.all()) else visible.to(device)
        sums += model.sample(features.to(device), seen_all, draw).sum(dim=0).double().cpu().numpy()
    return (sums / len(videos)).astype(np.float32)


def _generator(seed: int, offset: int) -> torch.Generator:
    """One source of noise an offset, so that it does not matter which of them share a pass.

    On the CPU, wherever the model is: a GPU would draw other numbers from the same seed, and score otherwise.
    """
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {offset}".encode()))


def restore_rate(labels: NDArray[np.integer], total: int, rate: int) -> Labels:
    """Bring the labels (S,) of feature steps back to `total` frames, each frame that of the nearest step.

    With all offsets averaged, step i speaks for the middle of the frames i · rate .. (i + 1) · rate − 1.
    """
    middle = np.arange(len(labels)) * rate + rate // 2
    between = (middle[:-1] + middle[1:]) / 2
    return labels[np.searchsorted(between, np.arange(total), side="left")].astype(np.int64)


def merge_short(labels: Labels, longest: int) -> Labels:
    """Give segments of at most `longest` frames to their neighbours, half to each, or all to the only one.

    Source: DiffAct's post-processing of GTEA.
    """
    if longest < 1:
        return labels
    starts, ends = label_runs(labels)
    merged = labels.copy()
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if end - start > longest or len(starts) == 1:
            continue
        before = labels[start - 1] if i > 0 else labels[end]
        after = labels[end] if end < len(labels) else labels[start - 1]
        middle = start + (end - start) // 2
        merged[start:middle], merged[middle:end] = before, after
    return merged
