"""ActFusion against the authors' numbers, against a plain reading of the text, and against itself."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from actfusion_stream.models.actfusion import (
    INPUT,
    PREDICTION,
    ActFusion,
    ActFusionConfig,
    sinusoidal_embedding,
)
from actfusion_stream.models.diffusion import ddim_times
from actfusion_stream.models.dilated import DilatedLayer, tap_dot, tap_sum

Reference = dict[str, Any]


def largest_difference(ours: torch.Tensor, theirs: Any) -> float:
    return float((ours.detach() - torch.as_tensor(theirs)).abs().max())


# The authors' numbers.


def test_encoder_logits(
    reference: Reference, reference_model: ActFusion, reference_features: torch.Tensor
) -> None:
    logits, conditioning = reference_model.encode(reference_features)
    assert conditioning.shape == (1, 192, 150)  # three layers of 64
    assert largest_difference(logits, reference["encoder_logits"]) < 1e-4


def test_decoder_logits(
    reference: Reference,
    reference_model: ActFusion,
    reference_features: torch.Tensor,
    reference_noise: torch.Tensor,
) -> None:
    _, conditioning = reference_model.encode(reference_features)
    logits = reference_model.decode(reference_noise[0].sigmoid(), torch.tensor([640]), conditioning)
    assert largest_difference(logits, reference["decoder_logits_t640"]) < 1e-4


def test_segmentation_and_anticipation(
    reference: Reference,
    reference_model: ActFusion,
    reference_features: torch.Tensor,
    reference_noise: torch.Tensor,
) -> None:
    segmented = reference_model.sample(reference_features, noise=reference_noise)
    assert largest_difference(segmented, reference["tas"]) < 1e-4
    observed = torch.arange(150)[None] < reference["meta"]["observed"]
    anticipated = reference_model.sample(reference_features, observed, noise=reference_noise)
    assert largest_difference(anticipated, reference["lta"]) < 1e-4


# A plain reading of the text.


def attention_by_position(
    layer: DilatedLayer, x: torch.Tensor, conditioning: torch.Tensor | None
) -> torch.Tensor:
    """Dilated attention of one video, one position and one tap at a time, as the text states it."""
    dim, length = x.shape
    joined = x if conditioning is None else torch.cat([x, conditioning])
    query, key = layer.query(joined), layer.key(joined)
    value = layer.value(x)
    out = torch.zeros_like(x)
    for t in range(length):
        scores, values = [], []
        for j in range(layer.kernel):
            tap = t + layer.dilation * (j - layer.kernel // 2)
            inside = 0 <= tap < length
            dot = query[:, t] @ key[:, tap] if inside else 0.0
            bias = layer.position_bias[min(j * layer.dilation, 100)]
            scores.append((dot + bias) / math.sqrt(dim) + math.log(float(inside) + 1e-6))
            values.append(value[:, tap] if inside else torch.zeros(dim))
        weights = torch.stack(scores).softmax(dim=0)
        out[:, t] = sum(w * v for w, v in zip(weights, values, strict=True))
    return out


@pytest.mark.parametrize("length", [1, 2, 13, 40])
@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 4), (7, 8), (5, 64)])
@pytest.mark.parametrize("conditioning_dim", [0, 9])
@torch.no_grad()
def test_attention_reads_as_the_text(kernel: int, dilation: int, length: int, conditioning_dim: int) -> None:
    torch.manual_seed(0)
    layer = DilatedLayer(6, kernel, dilation, dropout=0.0, conditioning_dim=conditioning_dim)
    torch.nn.init.normal_(layer.position_bias)
    x = torch.randn(2, 6, length)
    conditioning = torch.randn(2, conditioning_dim, length) if conditioning_dim else None
    layer.conv.weight.zero_(), layer.conv.bias.zero_()  # so that attention is all there is
    ours = layer.mix(x, layer.prepare(length, conditioning))
    for i in range(2):
        plain = attention_by_position(layer, x[i], None if conditioning is None else conditioning[i])
        assert torch.allclose(ours[i], plain, atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "dilation", "length"), [(1, 1, 4), (5, 1, 7), (5, 3, 7), (7, 4, 9), (5, 64, 6)]
)
def test_attention_gradients(kernel: int, dilation: int, length: int) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, length, dtype=torch.float64, requires_grad=True) for _ in range(3))
    weights = torch.randn(2, kernel, length, dtype=torch.float64, requires_grad=True)
    taps = torch.randn(kernel, 3, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(3, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda q, k: tap_dot(q, k, kernel, dilation), (query, key))
    assert torch.autograd.gradcheck(
        lambda *given: tap_sum(*given, dilation), (query, taps, bias, weights, value)
    )


@torch.no_grad()
def test_layer_is_residual_around_normalised_convolution_and_attention() -> None:
    torch.manual_seed(0)
    layer = DilatedLayer(6, kernel=5, dilation=2, dropout=0.5).eval()
    x = torch.randn(1, 6, 30)
    prepared = layer.prepare(30)
    mixed = F.conv1d(x, layer.conv.weight, layer.conv.bias, padding=4, dilation=2) + torch.stack(
        [attention_by_position(layer, x[0], None)]
    )
    normed = (mixed - mixed.mean(2, keepdim=True)) / (mixed.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(layer(x, prepared), x + layer.feed_forward(normed), atol=1e-5)


def test_time_embedding_has_sines_then_cosines() -> None:
    embedding = sinusoidal_embedding(torch.tensor([0, 640]), 512)
    assert embedding.shape == (2, 512)
    assert embedding[0].tolist() == [0.0] * 256 + [1.0] * 256
    assert embedding[1, 0].item() == pytest.approx(math.sin(640), abs=1e-4)
    assert embedding[1, 255].item() == pytest.approx(math.sin(0.064), abs=1e-6)
    assert embedding[1, 256 + 255].item() == pytest.approx(math.cos(0.064), abs=1e-6)


# Against itself.


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("visible_steps", [None, 11])
@torch.no_grad()
def test_sampling_equals_a_loop_that_prepares_nothing(
    small_model: ActFusion, visible_steps: int | None, eta: float
) -> None:
    features, noise = torch.randn(2, 12, 30), torch.randn(6, 2, 5, 30)
    visible = None if visible_steps is None else (torch.arange(30) < visible_steps).expand(2, 30)

    sample = noise[0]
    for i, (step, next_step) in enumerate(ddim_times(1000, 5), start=1):
        _, conditioning = small_model.encode(features, visible)
        noisy = (sample.clamp(-1, 1) + 1) / 2
        probabilities = small_model.decode(noisy, torch.tensor([step, step]), conditioning).softmax(dim=1)
        fresh = noise[i] if next_step >= 0 else None
        sample = small_model.schedule.ddim_step(sample, 2 * probabilities - 1, step, next_step, eta, fresh)

    sampled = small_model.sample(features, visible, noise, sampling_steps=5, eta=eta)
    assert torch.allclose(sampled, probabilities, atol=1e-6)


def test_noise_is_asked_for_by_step(small_model: ActFusion) -> None:
    asked = []

    def noise(i: int, shape: tuple[int, int, int]) -> torch.Tensor:
        asked.append((i, shape))
        return torch.full(shape, float(i))

    small_model.sample(torch.randn(2, 12, 30), noise=noise)
    assert asked == [
        (0, (2, 5, 30)),
        (1, (2, 5, 30)),
        (2, (2, 5, 30)),
        (3, (2, 5, 30)),
    ]  # the 4th step adds none


def test_default_noise_is_drawn_afresh(small_model: ActFusion) -> None:
    features = torch.randn(1, 12, 30)
    torch.manual_seed(1)
    first, second = small_model.sample(features), small_model.sample(features)
    torch.manual_seed(1)
    assert torch.equal(small_model.sample(features), first)
    assert not torch.equal(second, first)
    assert torch.allclose(first.sum(dim=1), torch.ones(1, 30))


def test_a_batch_is_its_videos_one_by_one(small_model: ActFusion) -> None:
    features, noise = torch.randn(3, 12, 30), torch.randn(5, 3, 5, 30)
    batched = small_model.sample(features, noise=noise)
    for i in range(3):
        alone = small_model.sample(features[i : i + 1], noise=noise[:, i : i + 1])
        assert torch.allclose(batched[i : i + 1], alone, atol=1e-5)


def test_what_is_invisible_changes_nothing(small_model: ActFusion) -> None:
    features, noise = torch.randn(1, 12, 30), torch.randn(5, 1, 5, 30)
    visible = torch.arange(30)[None] < 20
    hidden_differs = features.clone()
    hidden_differs[:, :, 20:] = float("nan")
    seen = small_model.sample(features, visible, noise)
    assert torch.equal(small_model.sample(hidden_differs, visible, noise), seen)
    assert not torch.equal(small_model.sample(features, None, noise), seen)


def test_every_weight_learns(small_model: ActFusion) -> None:
    small_model.train()
    visible = torch.arange(300).expand(4, 300) < 200  # long enough that every tap of every layer falls inside
    logits, conditioning = small_model.encode(torch.randn(4, 12, 300), visible)
    decoded = small_model.decode(torch.rand(4, 5, 300), torch.tensor([0, 10, 500, 999]), conditioning)
    (logits.square().mean() + decoded.square().mean()).backward()
    for name, parameter in small_model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # A norm or a softmax follows at once and removes any constant, so these gradients are rounding noise.
        if not name.endswith(("conv.bias", "key.bias", "value.bias")):
            assert parameter.grad.abs().max() > 0, name


def test_conditioning_may_be_input_and_prediction(small_model: ActFusion) -> None:
    config = ActFusionConfig(
        feature_dim=12,
        num_classes=5,
        encoder_layers=3,
        encoder_dim=8,
        conditioning_layers=(INPUT, 1, PREDICTION),
    )
    assert config.conditioning_dim == 12 + 8 + 5
    model = ActFusion(config).eval()
    features, visible = torch.randn(1, 12, 30), torch.arange(30)[None] < 20
    logits, conditioning = model.encode(features, visible)
    assert torch.equal(conditioning[:, :12, :20], features[:, :, :20])
    assert torch.equal(conditioning[:, :12, 20:], model.mask_token.expand(1, 12, 10))
    assert torch.equal(conditioning[:, 20:], logits.softmax(dim=1))
    assert model.sample(features, visible).shape == (1, 5, 30)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decoder_kernel": 6}, "decoder_kernel is 6; a dilated kernel has a centre, so it must be odd"),
        ({"conditioning_layers": (5, 10)}, r"conditioning_layers is \(5, 10\); it must name .* 0 to 9"),
        ({"conditioning_layers": ()}, r"conditioning_layers is \(\); it must name"),
    ],
)
def test_impossible_configurations_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ActFusionConfig(**settings)


def test_wrong_use_is_refused(small_model: ActFusion) -> None:
    with pytest.raises(ValueError, match=r"features have shape \(1, 7, 30\); this model reads \(B, 12, T\)"):
        small_model.encode(torch.randn(1, 7, 30))
    with pytest.raises(ValueError, match=r"visible has shape \(30,\).* need \(1, 30\)"):
        small_model.encode(torch.randn(1, 12, 30), torch.ones(30, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"training mode, where dropout is on; call model.eval\(\) first"):
        small_model.train().sample(torch.randn(1, 12, 30))
