"""Sampling and training where there is a GPU, tried without one: see `fake_gpu`."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from fake_gpu import GPU, fake_gpu

from actfusion_stream.models.actfusion import (
    ActFusion,
    ActFusionConfig,
    MaskAt,
    Position,
)
from actfusion_stream.models.dilated import _TapDot, _TapSum
from actfusion_stream.models.losses import LossConfig, training_losses

LENGTHS = torch.tensor([40, 17])
KINDS: list[dict[str, Any]] = [
    *(
        {"position": position, "mask_at": place}
        for position in get_args(Position)
        for place in get_args(MaskAt)
    ),
    {"mask_token": "zero", "reconstruction": True},
    {"conditioning_layers": (-1, -2, 2), "decoder_values": "both"},
]


def build(small_model: ActFusion, kind: dict[str, Any]) -> ActFusion:
    return ActFusion(replace(small_model.config, **kind)).to(GPU)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "padded"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_sampling_waits_for_nothing(
    small_model: ActFusion,
    kind: dict[str, Any],
    lengths: torch.Tensor | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_gpu(monkeypatch) as gpu:
        model = build(small_model, kind).eval()
        visible = torch.ones(2, 40, dtype=torch.bool, device=GPU)
        probabilities = model.sample(torch.randn(2, 12, 40, device=GPU), visible, lengths=lengths)
        assert (probabilities.device.type, probabilities.shape) == ("cuda", (2, 5, 40))
        assert gpu.fetched == 0


@pytest.mark.parametrize("soft_label_sigma", [None, 1.4])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_pass_of_training_in_mixed_precision(
    small_model: ActFusion,
    kind: dict[str, Any],
    soft_label_sigma: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fake_gpu(monkeypatch) as gpu:
        model = build(small_model, kind).train()
        with torch.autocast("cuda", torch.bfloat16):
            losses = training_losses(
                model,
                torch.randn(2, 12, 40, device=GPU),
                labels=torch.randint(5, (2, 40), device=GPU),
                boundary=torch.rand(2, 40, device=GPU),
                visible=torch.rand(2, 40, device=GPU) < 0.5,
                step=torch.tensor([3, 900]),
                noise=torch.randn(2, 5, 40, device=GPU),
                config=LossConfig(encoder_boundary=0.1, soft_label_sigma=soft_label_sigma),
                class_weights=torch.rand(5, device=GPU),
                lengths=LENGTHS,
                scored=torch.ones(2, 40, dtype=torch.bool, device=GPU),
            )
        assert {loss.dtype for loss in losses.values()} == {torch.float32}
        assert gpu.fetched == 0
        assert any("binary_cross_entropy" in name for name in gpu.operators)


def test_the_way_back_of_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch's own ways back cannot run without a GPU, but these two are ours."""
    with fake_gpu(monkeypatch):
        one, other = (torch.randn(2, 8, 40, device=GPU, dtype=torch.bfloat16) for _ in range(2))
        weights = torch.rand(2, 5, 40, device=GPU)  # a softmax gives float32 under autocast
        taps = torch.randn(5, 8, 8, device=GPU)
        for kind, saved, shape in (
            (_TapDot, (one, other), (2, 5, 40)),
            (_TapSum, (one, taps, weights, other), (2, 8, 40)),
        ):
            context = SimpleNamespace(saved_tensors=saved, dilation=4)
            found = kind.backward(context, torch.randn(shape, device=GPU))
            found = [gradient for gradient in found if gradient is not None]
            gradients = found[:2] + found[3:]  # that of the bias has nothing saved beside it
            assert [gradient.shape for gradient in gradients] == [tensor.shape for tensor in saved]


def test_gradients_in_mixed_precision_are_those_of_float32_but_for_its_digits(small_model: ActFusion) -> None:
    """On the CPU, whose autocast computes in bfloat16 what CUDA's does."""
    batch = {
        "features": torch.randn(2, 12, 40),
        "labels": torch.randint(5, (2, 40)),
        "boundary": torch.rand(2, 40),
        "visible": torch.rand(2, 40) < 0.7,
        "step": torch.tensor([3, 900]),
        "noise": torch.randn(2, 5, 40),
    }
    gradients = []
    for mixed in (False, True):
        small_model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            losses = training_losses(small_model, **batch, config=LossConfig())
        losses["total"].backward()
        gradients.append(torch.cat([p.grad.flatten() for p in small_model.parameters()]))
    full, half = gradients
    assert half.dtype == torch.float32
    assert 0 < (half - full).norm() < 0.05 * full.norm()


def test_convolutions_of_float32_are_float32_while_a_model_samples(
    small_model: ActFusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert torch.backends.cudnn.allow_tf32  # torch's own choice
    seen = []

    def noise(i: int, shape: tuple[int, ...]) -> torch.Tensor:
        seen.append(torch.backends.cudnn.allow_tf32)
        return torch.randn(shape, device=GPU)

    with fake_gpu(monkeypatch):
        model = build(small_model, {}).eval()
        features = torch.randn(1, 12, 40, device=GPU)
        model.sample(features, noise=noise)
        assert set(seen) == {False}
        assert torch.backends.cudnn.allow_tf32
        with pytest.raises(ZeroDivisionError):
            model.sample(features, noise=lambda i, shape: 1 / 0)  # type: ignore[return-value]
        assert torch.backends.cudnn.allow_tf32


def test_the_fake_gpu_refuses_what_a_gpu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_gpu(monkeypatch) as gpu:
        here, there = torch.rand(3), torch.rand(3, device=GPU)
        with pytest.raises(RuntimeError, match="device"):
            here + there
        with torch.autocast("cuda"), pytest.raises(RuntimeError, match="unsafe to autocast"):
            torch.nn.functional.binary_cross_entropy(there, there)
        with pytest.raises(Exception, match="local_scalar_dense"):
            bool((there > 1).all())
        there.cpu()
        assert gpu.fetched == 1
        assert float(here.sum()) >= 0


def test_one_seed_gives_the_same_noise_on_every_device(
    small_model: ActFusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU torch would draw other numbers from the same seed: so the draws must come from the CPU."""
    with fake_gpu(monkeypatch) as gpu:
        build(small_model, {}).eval().sample(torch.zeros(1, 12, 40, device=GPU))
        assert not any("randn" in name or "normal" in name for name in gpu.operators)


def test_the_default_configuration_fits_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_gpu(monkeypatch) as gpu:
        model = ActFusion(ActFusionConfig()).eval().to(GPU)
        assert model.sample(torch.randn(8, 2048, 150, device=GPU)).shape == (8, 19, 150)
        assert gpu.fetched == 0
