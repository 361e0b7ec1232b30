"""The three losses of ActFusion, for encoder and decoder, and the targets they need.

Source: ActFusion, Sec. 4.4, with the weighting and the details of the authors' release; the smoothing loss is
MS-TCN's, the boundary loss DiffAct's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from models.actfusion import ActFusion

_MAX_JUMP = 16.0  # the smoothing loss no longer cares by how much a real transition jumps
_CLASS_COUNT_OFFSET = 10  # keeps the weight of a class that never occurs finite


@dataclass(frozen=True)
class LossConfig:
    """Weights of the losses; the defaults are those of the 50 Salads release.

    Attributes:
        cross_entropy, smoothing: weights, the same for encoder and decoder.
        boundary: weight of the boundary loss, of the decoder only.
        soft_label_sigma: feature steps by which a Gaussian softens the targets of the cross entropy, which
            then has no class weights; None for hard targets.
    """

    cross_entropy: float = 0.5
    smoothing: float = 0.1
    boundary: float = 0.1
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
) -> dict[str, Tensor]:
    """Run encoder and decoder once, on labels noised to a diffusion step, and measure both.

    Args:
        model: in training mode, or in eval mode to leave dropout off.
        features: (B, C, T) float.
        labels: (B, T) int64.
        boundary: (B, T) float in [0, 1], from `soft_boundary`.
        visible: (B, T) bool, from `masking.draw_mask`; None hides nothing.
        step: (B,) int, diffusion step of each video.
        noise: (B, K, T) float, standard normal.
        config: weights of the losses.
        class_weights: (K,) float, from `balanced_class_weights`; None weighs all classes alike.

    Returns:
        Scalars, before weighting: "encoder_cross_entropy", "encoder_smoothing", "decoder_cross_entropy",
        "decoder_smoothing", "decoder_boundary"; and their weighted sum, "total".
    """
    one_hot = F.one_hot(labels, model.config.num_classes).transpose(1, 2).to(noise.dtype)  # (B, K, T)
    target = labels if config.soft_label_sigma is None else soften(one_hot, config.soft_label_sigma)

    encoder_logits, conditioning = model.encode(features, visible)  # (B, K, T), (B, E, T)
    noisy = model.schedule.add_noise(model.to_signal(one_hot), noise, step)  # (B, K, T)
    decoder_logits = model.decode(model.to_labels(noisy), step, conditioning)  # (B, K, T)

    losses = {
        "encoder_cross_entropy": cross_entropy_loss(encoder_logits, target, class_weights),
        "encoder_smoothing": smoothing_loss(encoder_logits),
        "decoder_cross_entropy": cross_entropy_loss(decoder_logits, target, class_weights),
        "decoder_smoothing": smoothing_loss(decoder_logits),
        "decoder_boundary": boundary_loss(decoder_logits, boundary),
    }
    losses["total"] = (
        config.cross_entropy * (losses["encoder_cross_entropy"] + losses["decoder_cross_entropy"])
        + config.smoothing * (losses["encoder_smoothing"] + losses["decoder_smoothing"])
        + config.boundary * losses["decoder_boundary"]
    )
    return losses


def cross_entropy_loss(logits: Tensor, target: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross entropy, as a plain mean over steps (class weights do not divide it).

    Args:
        logits: (B, K, T) float.
        target: (B, T) int64 labels, or (B, K, T) float soft labels, which ignore the class weights.
        class_weights: (K,) float.

    Returns:
        Scalar.
    """
    if target.is_floating_point():
        return F.cross_entropy(logits, target)
    return F.cross_entropy(logits, target, class_weights, reduction="none").mean()


def smoothing_loss(logits: Tensor) -> Tensor:
    """Squared change of the log probabilities (B, K, T) from one step to the next, cut off at 16.

    Source: MS-TCN, eq. 8-10; ActFusion, Sec. 4.4.
    """
    log_probabilities = logits.log_softmax(dim=1)
    jump = log_probabilities[:, :, 1:] - log_probabilities[:, :, :-1].detach()  # (B, K, T - 1)
    return jump.square().clamp(max=_MAX_JUMP).mean()


def boundary_loss(logits: Tensor, boundary: Tensor) -> Tensor:
    """Binary cross entropy between predicted changes of label and the soft boundary.

    Args:
        logits: (B, K, T) float.
        boundary: (B, T) float in [0, 1].

    Returns:
        Scalar, mean over t = 1 .. T - 1.
    """
    probabilities = logits.softmax(dim=1)
    same = (probabilities[:, :, 1:] * probabilities[:, :, :-1].detach()).sum(dim=1)  # (B, T - 1)
    return F.binary_cross_entropy(
        (1 - same).clamp(0, 1), boundary[:, 1:]
    )  # rounding may leave [0, 1] by an ulp


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
    smooth = np.minimum(gaussian_filter1d(beside, sigma), gaussian_filter1d(alone, sigma).max())
    return (smooth / smooth.max()).astype(np.float32)


def soften(one_hot: Tensor, sigma: float) -> Tensor:
    """Smooth one-hot labels (B, K, T) over time by a Gaussian of `sigma` steps; each step still sums to 1."""
    return torch.from_numpy(gaussian_filter1d(one_hot.cpu().numpy(), sigma, axis=2)).to(one_hot)


def balanced_class_weights(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Weigh classes against how often they occur.

    Args:
        counts: (K,) int, steps of each class in the training videos.

    Returns:
        (K,) float32, total / ((count + 10) · K).
    """
    return (counts.sum() / ((counts + _CLASS_COUNT_OFFSET) * len(counts))).astype(np.float32)
