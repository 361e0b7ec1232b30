"""A padded batch gives what its videos give one by one: outputs, losses, gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.losses import LossConfig, training_losses

LENGTHS = [40, 17, 1, 3]  # one that fills the batch, one step alone, one shorter than any dilation reaches
KINDS: list[dict[str, Any]] = [
    {},
    {"position": "none"},
    {"position": "embedding"},
    {"position": "absolute"},
    {"mask_at": "decoder"},
    {"mask_at": "decoder", "position": "absolute"},
    {"mask_token": "zero", "reconstruction": True},
    {"conditioning_layers": (-1, -2, 2)},
    {"decoder_values": "both"},
]


def build(small_model: ActFusion, kind: dict[str, Any]) -> ActFusion:
    torch.manual_seed(0)
    model = ActFusion(replace(small_model.config, **kind))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Videos of `LENGTHS`, and rubbish where they are padded."""
    torch.manual_seed(1)
    count, total = len(LENGTHS), max(LENGTHS)
    visible = torch.rand(count, total) < 0.6
    visible[:, 0] = True
    found = {
        "features": torch.randn(count, 12, total),
        "labels": torch.randint(5, (count, total)),
        "boundary": torch.rand(count, total),
        "visible": visible,
        "noise": torch.randn(count, 5, total),
    }
    for i, length in enumerate(LENGTHS):
        found["features"][i, :, length:] = 1000.0
        found["noise"][i, :, length:] = -70.0
        found["visible"][i, length:] = True
    return found


def alone(batch: dict[str, torch.Tensor], i: int) -> dict[str, torch.Tensor]:
    return {name: value[i : i + 1, ..., : LENGTHS[i]] for name, value in batch.items()}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_outputs(small_model: ActFusion, batch: dict[str, torch.Tensor], kind: dict[str, Any]) -> None:
    model, lengths, step = build(small_model, kind), torch.tensor(LENGTHS), torch.tensor([5, 300, 600, 999])
    logits, conditioning = model.encode(batch["features"], batch["visible"], lengths)
    decoded = model.decode(batch["noise"].sigmoid(), step, conditioning, lengths)
    sampled = model.sample(
        batch["features"], batch["visible"], lambda i, shape: batch["noise"].roll(i, 1), lengths=lengths
    )
    for i, length in enumerate(LENGTHS):
        one = alone(batch, i)
        own_logits, own_conditioning = model.encode(one["features"], one["visible"])
        own_decoded = model.decode(one["noise"].sigmoid(), step[i : i + 1], own_conditioning)
        own_sampled = model.sample(
            one["features"],
            one["visible"],
            lambda k, shape, i=i: batch["noise"].roll(k, 1)[i : i + 1, :, : shape[2]],
        )
        pairs = (
            (logits, own_logits),
            (conditioning, own_conditioning),
            (decoded, own_decoded),
            (sampled, own_sampled),
        )
        for padded, own in pairs:
            assert torch.allclose(padded[i : i + 1, :, :length], own, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("soft_label_sigma", [None, 1.4])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_losses_and_gradients(
    small_model: ActFusion,
    batch: dict[str, torch.Tensor],
    kind: dict[str, Any],
    soft_label_sigma: float | None,
) -> None:
    model, step = build(small_model, kind), torch.tensor([5, 300, 600, 999])
    config = LossConfig(encoder_boundary=0.1, soft_label_sigma=soft_label_sigma)

    def total(videos: dict[str, torch.Tensor], i: slice, lengths: torch.Tensor | None) -> torch.Tensor:
        return training_losses(model, **videos, step=step[i], config=config, lengths=lengths)["total"]

    together = total(batch, slice(None), torch.tensor(LENGTHS))
    singly = torch.stack([total(alone(batch, i), slice(i, i + 1), None) for i in range(len(LENGTHS))]).mean()
    assert together.item() == pytest.approx(singly.item(), abs=1e-5)

    parameters = list(model.parameters())
    gradients = torch.autograd.grad(together, parameters, allow_unused=True)
    for padded, own in zip(
        gradients, torch.autograd.grad(singly, parameters, allow_unused=True), strict=True
    ):
        assert (padded is None) == (own is None)
        if padded is not None:
            assert torch.allclose(padded, own, rtol=1e-3, atol=1e-4)
