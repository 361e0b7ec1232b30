"""The losses against the authors' numbers, and each one on cases small enough to do by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.losses import (
    LossConfig,
    balanced_class_weights,
    boundary_loss,
    cross_entropy_loss,
    smoothing_loss,
    soft_boundary,
    soften,
    training_losses,
)

Reference = dict[str, Any]


def test_losses_of_the_released_code(
    reference: Reference,
    reference_model: ActFusion,
    reference_features: torch.Tensor,
    reference_noise: torch.Tensor,
) -> None:
    losses = training_losses(
        reference_model,
        reference_features,
        labels=torch.from_numpy(reference["labels"])[None],
        boundary=torch.from_numpy(reference["boundary"])[0],
        visible=None,
        step=torch.tensor([640]),
        noise=reference_noise[0],
        config=LossConfig(),
        class_weights=torch.from_numpy(reference["class_weights"]),
    )
    theirs = {
        "encoder_cross_entropy": "loss_encoder_ce_loss",
        "encoder_smoothing": "loss_encoder_mse_loss",
        "decoder_cross_entropy": "loss_decoder_ce_loss",
        "decoder_smoothing": "loss_decoder_mse_loss",
        "decoder_boundary": "loss_decoder_boundary_loss",
    }
    assert losses.keys() == {*theirs, "encoder_boundary", "total"}
    for ours, key in theirs.items():
        assert losses[ours].item() == pytest.approx(float(reference[key]), rel=1e-6, abs=1e-6), ours
    weighted = 0.5 * (0.993494 + 0.965634) + 0.1 * (6.257165 + 4.861871) + 0.1 * 0.312700
    assert losses["total"].item() == pytest.approx(weighted, abs=1e-4)


def test_targets_of_the_released_code(reference: Reference) -> None:
    boundary = soft_boundary(reference["labels"], reference["meta"]["boundary_smooth"])
    assert np.abs(boundary - reference["boundary"][0, 0]).max() < 1e-6
    counts = np.bincount(reference["labels"], minlength=19)
    assert np.abs(balanced_class_weights(counts) - reference["class_weights"]).max() < 1e-6


def test_cross_entropy_is_a_plain_mean_of_weighted_steps() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.25], [0.5, 0.75]]]))  # (1, K = 2, T = 2)
    labels, weights = torch.tensor([[0, 1]]), torch.tensor([3.0, 1.0])
    assert cross_entropy_loss(logits, labels).mean().item() == pytest.approx(
        (math.log(2) - math.log(0.75)) / 2
    )
    weighted = (3 * math.log(2) - math.log(0.75)) / 2  # not divided by 3 + 1
    assert cross_entropy_loss(logits, labels, weights).mean().item() == pytest.approx(weighted)


def test_soft_targets_ignore_class_weights() -> None:
    logits = torch.log(torch.tensor([[[0.5, 0.25], [0.5, 0.75]]]))
    target = torch.tensor([[[0.8, 0.0], [0.2, 1.0]]])
    expected = (math.log(2) - math.log(0.75)) / 2
    assert cross_entropy_loss(logits, target, torch.tensor([3.0, 1.0])).mean().item() == pytest.approx(
        expected
    )


def test_softened_labels_are_distributions_that_keep_their_order() -> None:
    soft = soften(torch.tensor([[0] * 10 + [1] * 10]), 3, sigma=2.0)
    assert torch.allclose(soft.sum(dim=1), torch.ones(1, 20))
    assert soft[0, 0, 0].item() == pytest.approx(1, abs=1e-3)
    centre = 1 / (
        2 * math.sqrt(2 * math.pi)
    )  # of a Gaussian with sigma 2: half of it lies beyond the transition
    assert soft[0, 0, 9].item() == pytest.approx(0.5 + centre / 2, abs=1e-3)
    assert soft[0, :, 9].tolist() == pytest.approx(soft[0, [1, 0, 2], 10].tolist())


def test_smoothing_is_cut_off_and_pulls_only_the_later_step() -> None:
    logits = torch.tensor([[[0.0, 50.0, 50.0], [0.0, 0.0, 0.0]]], requires_grad=True)  # (1, 2, 3)
    loss = smoothing_loss(logits)
    assert loss[0].tolist() == pytest.approx([(math.log(2) ** 2 + 16) / 2, 0], rel=1e-4)

    logits = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]], requires_grad=True)
    smoothing_loss(logits).sum().backward()
    assert logits.grad is not None
    assert logits.grad[0, :, 0].tolist() == [0.0, 0.0]
    assert logits.grad[0, 0, 1] > 0


@pytest.mark.parametrize(
    ("labels", "boundary", "loss"),
    [
        ([0, 0, 1, 1], [0.0, 0.0, 1.0, 0.0], 0.0),  # changes where the boundary is
        ([0, 0, 0, 0], [0.0, 0.0, 1.0, 0.0], 100 / 3),  # misses it: torch clamps -log(0) to 100
        ([0, 0, 0, 0], [1.0, 0.0, 0.0, 0.0], 0.0),  # the first step has no step before it
    ],
)
def test_boundary_loss_wants_changes_at_boundaries(
    labels: list[int], boundary: list[float], loss: float
) -> None:
    certain = 200 * torch.nn.functional.one_hot(torch.tensor([labels]), 2).transpose(1, 2).float()
    assert boundary_loss(certain, torch.tensor([boundary])).mean().item() == pytest.approx(loss, abs=1e-4)


def test_soft_boundary_peaks_beside_transitions() -> None:
    boundary = soft_boundary(np.repeat([4, 2], 50), sigma=3)
    assert boundary.dtype == np.float32
    assert np.flatnonzero(boundary == 1).tolist() == [49, 50]
    assert boundary[[0, 99]].tolist() == [0, 0]
    assert np.allclose(boundary, boundary[::-1], atol=1e-6)


def test_soft_boundary_of_one_action_is_zero() -> None:
    assert soft_boundary(np.full(30, 4), sigma=3).tolist() == [0.0] * 30


def test_rare_classes_weigh_more() -> None:
    assert balanced_class_weights(np.array([90, 0, 10])).tolist() == pytest.approx(
        [100 / 300, 100 / 30, 100 / 60]
    )


def test_a_training_step_lowers_the_loss(small_model: ActFusion) -> None:
    torch.manual_seed(0)
    small_model.train()
    labels = torch.tensor([[0] * 15 + [3] * 15] * 2)
    boundary = torch.from_numpy(soft_boundary(labels[0].numpy(), 1.0)).expand(2, 30)
    visible = torch.arange(30).expand(2, 30) < 20
    features, noise, step = torch.randn(2, 12, 30), torch.randn(2, 5, 30), torch.tensor([100, 700])
    optimiser = torch.optim.Adam(small_model.parameters(), lr=5e-3)
    totals = []
    for _ in range(30):
        losses = training_losses(
            small_model, features, labels, boundary, visible, step, noise, LossConfig(soft_label_sigma=1.4)
        )
        optimiser.zero_grad()
        losses["total"].backward()
        optimiser.step()
        totals.append(losses["total"].item())
    assert np.mean(totals[-5:]) < 0.7 * np.mean(totals[:5])
