"""ActFusion against the same read from the text, position by position: numbers that come with the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import plain_actfusion as plain
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.dilated import Dropout
from actfusion_stream.models.losses import (
    LossConfig,
    balanced_class_weights,
    soft_boundary,
    soften,
    training_losses,
)
from actfusion_stream.models.released import convert_state_dict

NUMBERS: dict[str, Any] = json.loads((Path(__file__).parent / "small_actfusion.json").read_text())
OTHERS = [
    plain.Sizes(),
    plain.Sizes(conditioning=(-1, -2, 1), scale=0.5),
    plain.Sizes(features=3, classes=2, encoder=(8, 4, 3), decoder=(7, 4, 5), conditioning=(7,)),  # far taps
]


def build(sizes: plain.Sizes) -> ActFusion:
    """Ours, with the weights converted from the released names."""
    config = ActFusionConfig(
        feature_dim=sizes.features,
        num_classes=sizes.classes,
        encoder_layers=sizes.encoder[0],
        encoder_dim=sizes.encoder[1],
        encoder_kernel=sizes.encoder[2],
        conditioning_layers=sizes.conditioning,
        decoder_layers=sizes.decoder[0],
        decoder_dim=sizes.decoder[1],
        decoder_kernel=sizes.decoder[2],
        scale=sizes.scale,
        time_embedding_dim=sizes.time,
        sampling_steps=plain.SAMPLING,
    )
    released = {name: torch.tensor(value).float() for name, value in plain.released_weights(sizes).items()}
    model = ActFusion(config)
    model.load_state_dict(convert_state_dict(released, config))
    return model.eval()


def given(sizes: plain.Sizes) -> tuple[torch.Tensor, torch.Tensor]:
    features, noise = (torch.tensor(array).float() for array in plain.inputs(sizes))
    return features[None], noise[:, None]


def far(ours: torch.Tensor, theirs: Any) -> float:
    return float(np.abs(ours.detach().numpy() - np.asarray(theirs)).max())


def test_the_plain_reading_gives_the_numbers_that_come_with_it() -> None:
    found = plain.numbers()
    assert found.keys() == NUMBERS.keys()
    for name, expected in NUMBERS.items():
        if isinstance(expected, dict):
            assert found[name] == pytest.approx(expected, rel=1e-9)
        else:
            assert np.allclose(found[name], expected, rtol=0, atol=1e-9), name


@torch.no_grad()
def test_encoder_and_decoder() -> None:
    model, (features, noise) = build(plain.Sizes()), given(plain.Sizes())
    logits, conditioning = model.encode(features)
    assert far(logits[0], NUMBERS["encoder_logits"]) < 1e-5
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(plain.LABELS), 4).T[None].float()
    step = torch.tensor([plain.NOISED])
    noisy = model.to_labels(model.schedule.add_noise(model.to_signal(one_hot), noise[0], step))
    assert far(model.decode(noisy, step, conditioning)[0], NUMBERS["decoder_logits"]) < 1e-5


def test_segmentation_and_anticipation() -> None:
    model, (features, noise) = build(plain.Sizes()), given(plain.Sizes())
    assert far(model.sample(features, noise=noise)[0], NUMBERS["segmented"]) < 1e-5
    observed = torch.arange(plain.STEPS)[None] < plain.OBSERVED
    hidden = torch.where(observed[:, None], features, torch.nan)  # invisible steps may hold anything
    assert far(model.sample(hidden, observed, noise=noise)[0], NUMBERS["anticipated"]) < 1e-5


@pytest.mark.parametrize("sizes", OTHERS, ids=str)
@pytest.mark.parametrize("observed", [None, 1, 17])
def test_other_sizes(sizes: plain.Sizes, observed: int | None) -> None:
    model, (features, noise) = build(sizes), given(sizes)
    visible = None if observed is None else torch.arange(plain.STEPS)[None] < observed
    expected = plain.sample(
        plain.released_weights(sizes), sizes, *plain.inputs(sizes), plain.SAMPLING, observed
    )
    assert far(model.sample(features, visible, noise=noise)[0], expected) < 1e-5


@pytest.mark.parametrize("soft", [None, plain.SOFT])
def test_losses(soft: float | None) -> None:
    model, (features, noise) = build(plain.Sizes()), given(plain.Sizes())
    labels = torch.from_numpy(plain.LABELS)
    boundary = soft_boundary(plain.LABELS, plain.SIGMA)
    assert np.abs(boundary - np.array(NUMBERS["boundary"])[0]).max() < 1e-6
    losses = training_losses(
        model,
        features,
        labels[None],
        torch.from_numpy(boundary)[None],
        None,
        torch.tensor([plain.NOISED]),
        noise[0],
        LossConfig(soft_label_sigma=soft),
        torch.from_numpy(balanced_class_weights(np.bincount(plain.LABELS, minlength=4))),
    )
    parts = ("encoder", "decoder") if soft is None else ("decoder",)
    for part in parts:
        expected = NUMBERS[f"{part}_losses" if soft is None else "soft_decoder_losses"]
        found = {name: losses[f"{part}_{name}"].item() for name in expected}
        assert found == pytest.approx(expected, abs=1e-5), part


@pytest.mark.parametrize("sigma", [0.5, 1.4, 4.0, 20.0])
def test_soft_labels_of_padded_videos(sigma: float) -> None:
    """Each within its own length, and mirrored at its ends, as often as the Gaussian reaches beyond them."""
    lengths = [24, 13, 1]
    labels = torch.from_numpy(np.stack([plain.LABELS] * 3))
    soft = soften(labels, 4, sigma, torch.tensor(lengths))
    assert torch.allclose(soft.sum(dim=1), torch.ones(3, 24))
    for video, length in zip(soft, lengths, strict=True):
        expected = [plain.gaussian(row, sigma) for row in np.eye(4)[:, plain.LABELS[:length]]]
        assert far(video[:, :length], expected) < 1e-6


def test_what_training_drops_is_whole_channels_and_whole_steps(small_model: ActFusion) -> None:
    """The first convolution of features of which some channels, then some steps, are zero and the others
    larger: as torch's own dropout does it, in the same draws."""
    encoder = small_model.encoder.train()
    features = torch.randn(3, 12, 40)
    torch.manual_seed(5)
    dropped = encoder.drop_channels(features)
    dropped = encoder.drop_steps(dropped.transpose(1, 2)).transpose(1, 2)
    torch.manual_seed(5)
    assert torch.allclose(encoder._project_in(features), encoder.project_in(dropped), atol=1e-5)
    assert 0 < (dropped == 0).all(dim=1).sum() < 120  # whole steps
    assert 0 < (dropped == 0).all(dim=2).sum() < 36  # whole channels


def test_the_plain_reading_gives_the_authors_numbers(
    reference: dict[str, Any], released_weights: dict[str, torch.Tensor]
) -> None:
    sizes = plain.Sizes(2048, 19, (10, 64, 5), (8, 24, 7), (5, 7, 9), 512)
    w = {name: value.double().numpy() for name, value in released_weights.items()}
    features = np.random.RandomState(1).standard_normal((2048, 150)).astype(np.float32).astype(float)
    noisy = 1 / (1 + np.exp(-np.random.RandomState(2).standard_normal((26, 1, 19, 150))[0, 0]))
    logits, conditioning = plain.encode(w, sizes, features)
    assert np.abs(logits - reference["encoder_logits"][0]).max() < 1e-4
    decoded = plain.decode(w, sizes, noisy, 640, conditioning)
    assert np.abs(decoded - reference["decoder_logits_t640"][0]).max() < 1e-4


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_anew_each_time_and_keeps_the_mean(rate: float) -> None:
    dropout = Dropout(rate).train()
    x = torch.ones(3, 25, 1333, requires_grad=True)  # 99975 values, no multiple of four
    torch.manual_seed(0)
    first, second = dropout(x), dropout(x)
    assert sorted(first.unique().tolist()) == pytest.approx([0.0, 1 / (1 - rate)], rel=1e-4)
    assert (first == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    both = ((first == 0) & (second == 0)).float().mean().item()
    assert both == pytest.approx(rate**2, abs=0.005)
    beside = ((first[..., 1:] == 0) & (first[..., :-1] == 0)).float().mean().item()
    assert beside == pytest.approx(rate**2, abs=0.005)
    first.sum().backward()
    assert torch.equal(x.grad, first.detach())
    torch.manual_seed(0)
    assert torch.equal(dropout(x), first)
    assert dropout.eval()(x) is x
