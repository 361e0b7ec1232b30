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
    total = _total(observed, length, ratio)
    return _to_length(_label(model, preset, observed, total, offsets, seed), length)


def anticipate_several(
    model: ActFusion,
    preset: Preset,
    observed: Features,
    length: int,
    futures: int,
    *,
    ratio: float | None = None,
    seed: int = 0,
) -> Labels:
    """Draw several futures of a video; the observed start is labelled anew in each.

    One future is drawn from one noise, the same for every offset of the subsampling: the probabilities that
    are averaged over the offsets are then of the same future. With noise of their own, the average of a
    sample would be a blend of as many futures as there are offsets.

    Args:
        model, preset, observed, length, ratio: as for `anticipate`.
        futures: how many, S.
        seed: of the noise.

    Returns:
        (S, T) int64.
    """
    total = _total(observed, length, ratio)
    subsampled, steps, rate = _subsample(preset, observed, total, None)
    sums = np.zeros((futures, model.config.num_classes, steps), np.float32)
    at_once = _videos_a_pass(model, steps)
    for first in range(0, futures, at_once):
        group = range(first, min(first + at_once, futures))
        for features in subsampled:
            sources = [_generator(seed, f"future {number}") for number in group]
            sums[first : group.stop] += _sample(model, [features], steps, sources, len(group))
    labels = [_finish(each, preset, total, rate) for each in sums / np.float32(len(subsampled))]
    return np.stack([_to_length(each, length) for each in labels])


def _total(observed: Features, length: int, ratio: float | None) -> int:
    count = observed.shape[1]
    return length if ratio is None else count + math.ceil(ratio * count)


def _to_length(labels: Labels, length: int) -> Labels:
    """Labels cut to a length, or with the last one going on up to it."""
    return np.pad(labels[:length], (0, max(0, length - len(labels))), mode="edge")


def _label(
    model: ActFusion, preset: Preset, features: Features, total: int, offsets: int | None, seed: int
) -> Labels:
    """(total,) labels for (C, N) features, N <= total; what lies beyond them is masked."""
    subsampled, steps, rate = _subsample(preset, features, total, offsets)
    sums = np.zeros((model.config.num_classes, steps), np.float64)
    at_once = _videos_a_pass(model, steps)
    for first in range(0, len(subsampled), at_once):
        group = subsampled[first : first + at_once]
        noise = [_generator(seed, first + i) for i in range(len(group))]
        sums += _sample(model, group, steps, noise).sum(axis=0, dtype=np.float64)
    return _finish((sums / len(subsampled)).astype(np.float32), preset, total, rate)


def _subsample(
    preset: Preset, features: Features, total: int, offsets: int | None
) -> tuple[list[Features], int, int]:
    """The features from each offset, the steps that they and what is masked make, and the rate."""
    rate = min(preset.sample_rate, total)
    wanted = rate if offsets is None else min(offsets, rate)
    starts = [i * rate // wanted for i in range(wanted)]
    steps = total // rate  # the offsets differ by one step at most; all are cut to the shortest
    return [features[:, start::rate][:, :steps] for start in starts], steps, rate


def _finish(probabilities: Features, preset: Preset, total: int, rate: int) -> Labels:
    """(total,) labels of what the offsets say on average, (K, steps)."""
    labels = smooth(probabilities, preset.median).argmax(axis=0)
    return merge_short(restore_rate(labels, total, rate), preset.merge)


def _videos_a_pass(model: ActFusion, steps: int) -> int:
    return max(1, _PASS_STEPS["cpu" if model.mask_token.device.type == "cpu" else "cuda"] // steps)


@torch.inference_mode()
def _sample(
    model: ActFusion,
    videos: list[Features],
    steps: int,
    noise: list[torch.Generator],
    samples: int | None = None,
) -> Features:
    """Probabilities (B, K, steps) of B videos, or of so many samples of one; a source of noise for each."""
    device = model.mask_token.device
    features = torch.zeros(len(videos), videos[0].shape[0], steps)  # (B, C, T)
    visible = torch.zeros(len(videos), steps, dtype=torch.bool)  # (B, T)
    for i, video in enumerate(videos):
        features[i, :, : video.shape[1]] = torch.from_numpy(np.ascontiguousarray(video))
        visible[i, : video.shape[1]] = True

    def draw(_: int, shape: tuple[int, int, int]) -> Tensor:
        return torch.stack([torch.randn(shape[1:], generator=source) for source in noise]).to(device)

    seen_all = None if bool(visible.all()) else visible.to(device)
    probabilities = model.sample(features.to(device), seen_all, draw, samples=samples)
    return probabilities.cpu().numpy()


def _generator(seed: int, offset: int | str) -> torch.Generator:
    """One source of noise an offset, or a future, so that it does not matter which of them share a pass.

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
