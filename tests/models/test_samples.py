"""Several samples of one video: one encoding, and what each of them would be alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from fake_gpu import GPU, fake_gpu

from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.dilated import _at_once, _dot, _mix, _taps, tap_sum

KINDS: list[dict[str, Any]] = [
    {},
    {"position": "embedding"},
    {"position": "absolute", "decoder_values": "both"},
    {"mask_at": "decoder", "conditioning_layers": (-1, -2, 2)},
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("total", [1, 40])
def test_samples_are_what_each_would_be_alone(
    small_model: ActFusion, kind: dict[str, Any], total: int
) -> None:
    torch.manual_seed(0)
    model = ActFusion(replace(small_model.config, **kind)).eval()
    features, noise = torch.randn(1, 12, total), torch.randn(5, 6, 5, total)
    visible = torch.arange(total)[None] < max(1, total - 15)
    several = model.sample(features, visible, noise, samples=6)
    assert several.shape == (6, 5, total)
    for i in range(6):
        alone = model.sample(features, visible, noise[:, i : i + 1])
        assert torch.allclose(several[i : i + 1], alone, atol=1e-5)
    assert total == 1 or (several[0] - several[1]).abs().max() > 0.01


def test_padding_beyond_a_video_changes_none_of_its_samples(small_model: ActFusion) -> None:
    features, noise = torch.randn(1, 12, 40), torch.randn(5, 3, 5, 40)
    features[..., 30:] = 1000.0
    padded = small_model.sample(features, None, noise, lengths=torch.tensor([30]), samples=3)
    own = small_model.sample(features[..., :30], None, noise[..., :30], samples=3)
    assert torch.allclose(padded[..., :30], own, atol=1e-4)


def test_one_sample_is_the_plain_path_to_the_last_digit(small_model: ActFusion) -> None:
    features, noise = torch.randn(1, 12, 40), torch.randn(5, 1, 5, 40)
    assert torch.equal(
        small_model.sample(features, noise=noise, samples=1), small_model.sample(features, noise=noise)
    )


def test_the_video_is_encoded_once(small_model: ActFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: dict[str, list[int]] = {"encode": [], "prepare": [], "decode": []}

    def count(module: torch.nn.Module, name: str, batch: str) -> None:
        original = getattr(module, name)

        def counting(x: torch.Tensor, *others: Any, **named: Any) -> Any:
            batches[batch].append(len(x))
            return original(x, *others, **named)

        monkeypatch.setattr(module, name, counting)

    count(small_model.encoder, "forward", "encode")
    count(small_model.decoder, "prepare", "prepare")
    count(small_model.decoder, "forward", "decode")
    small_model.sample(torch.randn(1, 12, 20), samples=7)
    assert batches == {"encode": [1], "prepare": [1], "decode": [7, 7, 7, 7]}


def test_several_samples_of_several_videos_are_refused(small_model: ActFusion) -> None:
    with pytest.raises(ValueError, match=r"^samples is 4, of 2 videos; give one video at a time$"):
        small_model.sample(torch.randn(2, 12, 20), samples=4)


def test_samples_wait_for_nothing_on_a_gpu(small_model: ActFusion, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_gpu(monkeypatch) as gpu:
        model = small_model.to(GPU)
        visible = torch.ones(1, 40, dtype=torch.bool, device=GPU)
        found = model.sample(torch.randn(1, 12, 40, device=GPU), visible, samples=8)
        assert (found.device.type, found.shape) == ("cuda", (8, 5, 40))
        assert gpu.fetched == 0


# What is computed tap by tap where it is large is what torch computes at once.


@pytest.mark.parametrize("dilation", [1, 16, 64, 512])
@torch.no_grad()
def test_attention_tap_by_tap(dilation: int) -> None:
    x, y, weights = torch.randn(8, 32, 300), torch.randn(8, 32, 300), torch.rand(8, 5, 300)
    assert not _at_once(x, 5)
    dots, mixed = _dot(x, y, 5, dilation), _mix(weights, y, dilation)
    for i in range(8):
        assert _at_once(x[i : i + 1], 5)
        assert torch.allclose(dots[i : i + 1], _dot(x[i : i + 1], y[i : i + 1], 5, dilation), atol=1e-4)
        assert torch.allclose(mixed[i : i + 1], _mix(weights[i : i + 1], y[i : i + 1], dilation), atol=1e-4)
    assert torch.allclose(dots[0, 0], (x[0] * _taps(y[:1], 5, dilation)[0, :, 0]).sum(dim=0), atol=1e-4)


@pytest.mark.parametrize(
    ("kernel", "dilation", "length"), [(1, 1, 9), (5, 1, 40), (5, 16, 40), (7, 32, 40), (5, 3, 1)]
)
@torch.no_grad()
def test_convolution_tap_by_tap(kernel: int, dilation: int, length: int) -> None:
    x, weight, bias = torch.randn(1, 6, length), torch.randn(6, 6, kernel), torch.randn(6)
    many = x.repeat(1 + (1 << 17) // x.numel() // kernel, 1, 1)
    assert _at_once(x, kernel)
    assert not _at_once(many, kernel)
    expected = F.conv1d(x, weight, bias, padding=kernel // 2 * dilation, dilation=dilation)
    for batch in (x, many):
        nothing = torch.zeros(len(batch), kernel, length)
        found = tap_sum(batch, weight.permute(2, 0, 1), bias[:, None], nothing, batch, dilation)
        assert torch.allclose(found, expected, atol=1e-5)
