"""The three losses of ActFusion, for encoder and decoder, and the targets they need.

Source: ActFusion, Sec. 4.4, with the weighting and the details of the authors' release; the smoothing loss is
MS-TCN's, the boundary loss DiffAct's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from .actfusion import ActFusion, valid_steps

_MAX_JUMP = 16.0  # the smoothing loss no longer cares by how much a real transition jumps
_CLASS_COUNT_OFFSET = 10  # keeps the weight of a class that never occurs finite


Steps = Literal["all", "observed", "future"]


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses, 0 for one that is off; the defaults are those of the 50 Salads release.

    Attributes:
        encoder_cross_entropy, encoder_smoothing, encoder_boundary: weights of the encoder's losses.
        decoder_cross_entropy, decoder_smoothing, decoder_boundary: weights of the decoder's losses.
        encoder_steps, decoder_steps: where these losses count: on all steps, on the observed (visible) ones,
            or on the future (masked) ones (Table 3).
        reconstruction: weight of the squared error of masked features, where the model has such a head.
        soft_label_sigma: feature steps by which a Gaussian softens the targets of the cross entropy, which
            then has no class weights; None for hard targets.
    """

    encoder_cross_entropy: float = 0.5
    encoder_smoothing: float = 0.1
    encoder_boundary: float = 0.0
    decoder_cross_entropy: float = 0.5
    decoder_smoothing: float = 0.1
    decoder_boundary: float = 0.1
    encoder_steps: Steps = "all"
    decoder_steps: Steps = "all"
    reconstruction: float = 1.0
    soft_label_sigma: float | None = None


def training_losses(
    model: ActFusion,
    features: Tensor,
    labels: Tensor,
    boundary: Tensor,
    visible: Tensor | None,
    step: Tensor,
    noise: Tensor,
    config: LossConfig,
    class_weights: Tensor | None = None,
    lengths: Tensor | None = None,
    scored: Tensor | None = None,
) -> dict[str, Tensor]:
    """Run encoder and decoder once, on labels noised to a diffusion step, and measure both.

    Every loss is a mean over the steps of a video, and then over the videos, so that a padded batch gives
    what its videos give one by one. Under autocast, only encoder and decoder compute in less than float32.

    Args:
        model: in training mode, or in eval mode to leave dropout off.
        features: (B, C, T) float.
        labels: (B, T) int64; padding may hold any class.
        boundary: (B, T) float in [0, 1], from `soft_boundary`.
        visible: (B, T) bool, from `masking.draw_mask`; None hides nothing.
        step: (B,) int, diffusion step of each video; on the CPU, so that nothing has to wait for a GPU.
        noise: (B, K, T) float, standard normal.
        config: weights of the losses.
        class_weights: (K,) float, from `balanced_class_weights`; None weighs all classes alike.
        lengths: (B,) int, steps of each video, on the CPU as well; None where all fill T.
        scored: (B, T) bool, False for steps within the video that no loss may count, because nobody knows
            their label; None counts all.

    Returns:
        Scalars, before weighting: "encoder_cross_entropy", "encoder_smoothing", "encoder_boundary",
        "decoder_cross_entropy", "decoder_smoothing", "decoder_boundary", with a head for it
        "reconstruction"; and their weighted sum, "total".
    """
    one_hot = F.one_hot(labels, model.config.num_classes).transpose(1, 2).to(noise.dtype)  # (B, K, T)
    encoder_logits, conditioning = model.encode(features, visible, lengths)  # (B, K, T), (B, E, T)
    noisy = model.schedule.add_noise(model.to_signal(one_hot), noise, step)  # (B, K, T)
    decoder_logits = model.decode(model.to_labels(noisy), step, conditioning, lengths)  # (B, K, T)
    restored = model.reconstruct(conditioning) if model.config.reconstruction else None  # (B, C, T)

    within = torch.ones_like(labels, dtype=torch.bool)  # (B, T)
    valid = valid_steps(lengths, labels.shape[1], labels.device)
    for known in (valid, scored):
        within = within if known is None else within & known
    seen = within if visible is None else within & visible
    steps = {"all": within, "observed": seen, "future": within & ~seen}

    losses = {}
    total = torch.zeros((), device=features.device)
    # CUDA refuses a binary cross entropy under autocast; and bfloat16 has three digits for what is compared.
    with torch.autocast(features.device.type, enabled=False):
        target = labels
        if config.soft_label_sigma is not None:
            target = soften(labels, model.config.num_classes, config.soft_label_sigma, lengths)
        for part, logits in (("encoder", encoder_logits.float()), ("decoder", decoder_logits.float())):
            kind = getattr(config, f"{part}_steps")
            if part == "encoder" and model.config.mask_at == "decoder":
                kind = "observed"  # of the others that encoder knows nothing
            each = {
                "cross_entropy": cross_entropy_loss(logits, target, class_weights),
                "smoothing": smoothing_loss(logits),
                "boundary": boundary_loss(logits, boundary),
            }
            for name, values in each.items():
                first = labels.shape[1] - values.shape[1]  # 1 for the losses between two steps
                loss = _mean(values, steps[kind][:, first:], within[:, first:])
                losses[f"{part}_{name}"] = loss
                if weight := getattr(config, f"{part}_{name}"):
                    total = total + weight * loss
        if restored is not None:
            error = (restored.float() - features).square().mean(dim=1)  # (B, T)
            hidden = steps["future"]
            losses["reconstruction"] = _mean(error, hidden, hidden)
            total = total + config.reconstruction * losses["reconstruction"]
    return {**losses, "total": total}


def _mean(values: Tensor, counted: Tensor, among: Tensor) -> Tensor:
    """Sum of the `counted` (B, T) values of each video over the number of steps `among`; mean over videos.

    Losses on observed and on future steps so add up to the loss on all of them.
    """
    per_video = torch.where(counted, values, 0.0).sum(dim=1) / among.sum(dim=1).clamp(min=1)  # (B,)
    return per_video.mean()


def cross_entropy_loss(logits: Tensor, target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross entropy of each step.

    Args:
        logits: (B, K, T) float.
        target: (B, T) int64 labels, or (B, K, T) float soft labels, which ignore the class weights.
        class_weights: (K,) float; they do not divide the mean that is taken later.

    Returns:
        (B, T) float.
    """
    weights = None if target.is_floating_point() else class_weights
    return F.cross_entropy(logits, target, weights, reduction="none")


def smoothing_loss(logits: Tensor) -> Tensor:
    """Squared change of the log probabilities (B, K, T) from one step to the next, cut off at 16.

    Returns:
        (B, T - 1) float, mean over the classes.

    Source: MS-TCN, eq. 8-10; ActFusion, Sec. 4.4.
    """
    log_probabilities = logits.log_softmax(dim=1)
    jump = log_probabilities[:, :, 1:] - log_probabilities[:, :, :-1].detach()  # (B, K, T - 1)
    return jump.square().clamp(max=_MAX_JUMP).mean(dim=1)


def boundary_loss(logits: Tensor, boundary: Tensor) -> Tensor:
    """Binary cross entropy between predicted changes of label and the soft boundary.

    Args:
        logits: (B, K, T) float.
        boundary: (B, T) float in [0, 1].

    Returns:
        (B, T - 1) float, for t = 1 .. T - 1.
    """
    probabilities = logits.softmax(dim=1)
    same = (probabilities[:, :, 1:] * probabilities[:, :, :-1].detach()).sum(dim=1)  # (B, T - 1)
    change = (1 - same).clamp(0, 1)  # rounding may leave [0, 1] by an ulp
    return F.binary_cross_entropy(change, boundary[:, 1:], reduction="none")


def soft_boundary(labels: NDArray[np.integer], sigma: float) -> NDArray[np.float32]:
    """How near each frame is to a transition between actions.

    Both frames beside every transition are 1, smoothed by a Gaussian and scaled so that a lone transition
    peaks at 1. Where frames are subsampled, compute this at the full rate, take every n-th frame, and divide
    by the maximum once more.

    Args:
        labels: (T,) int, class of each frame at the full rate.
        sigma: of the Gaussian, in frames.

    Returns:
        (T,) float32 in [0, 1]; all 0 for a video of one action.
    """
    change = np.flatnonzero(labels[1:] != labels[:-1])
    if len(change) == 0:
        return np.zeros(len(labels), dtype=np.float32)
    beside, alone = np.zeros(len(labels)), np.zeros(len(labels))
    beside[change] = beside[change + 1] = 1
    alone[len(labels) // 2 - 1 : len(labels) // 2 + 1] = 1
    smooth: NDArray[np.float64] = np.minimum(
        gaussian_filter1d(beside, sigma), gaussian_filter1d(alone, sigma).max()
    )
    return (smooth / float(smooth.max())).astype(np.float32)


def soften(labels: Tensor, num_classes: int, sigma: float, lengths: Tensor | None = None) -> Tensor:
    """One-hot labels, smoothed over time by a Gaussian of `sigma` steps; each step still sums to 1.

    Each video is mirrored at its ends and cut off at four sigma, as scipy's `gaussian_filter1d` does it.

    Args:
        labels: (B, T) int64.
        num_classes: K.
        sigma: steps.
        lengths: (B,) int, as for `training_losses`; padding gets something that sums to 1 as well.

    Returns:
        (B, K, T) float32.
    """
    batch, total = labels.shape
    reach = int(4 * sigma + 0.5)
    offsets = range(-reach, reach + 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    soft = torch.zeros(batch, num_classes, total, device=labels.device)
    ends = total if lengths is None else lengths.to(labels.device)[:, None]  # (B, 1)
    here = torch.arange(total, device=labels.device)[None]  # (1, T)
    for offset, weight in zip(offsets, (weights / weights.sum()).tolist(), strict=True):
        there = (here + offset) % (2 * ends)  # mirrored at both ends, a video repeats after twice its length
        there = torch.minimum(there, 2 * ends - 1 - there).expand(batch, total)
        soft.scatter_add_(1, labels.gather(1, there)[:, None], torch.full_like(soft[:, :1], weight))
    return soft


def balanced_class_weights(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Weigh classes against how often they occur.

    Args:
        counts: (K,) int, steps of each class in the training videos.

    Returns:
        (K,) float32, total / ((count + 10) · K).
    """
    weights: NDArray[np.float64] = counts.sum() / ((counts + _CLASS_COUNT_OFFSET) * len(counts))
    return weights.astype(np.float32)
