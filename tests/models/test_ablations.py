"""The paper's ablations as settings: what each one changes, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from actfusion_stream.models.actfusion import INPUT, PREDICTION, ActFusion
from actfusion_stream.models.losses import LossConfig, training_losses

TABLES = {
    "none": (),
    "bias": ("position_bias",),
    "embedding": ("position_embedding",),
    "absolute": ("position.",),
}


def build(small_model: ActFusion, **settings: Any) -> ActFusion:
    torch.manual_seed(0)
    model = ActFusion(replace(small_model.config, **settings))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def losses_of(
    model: ActFusion, config: LossConfig, labels: torch.Tensor | None = None
) -> dict[str, torch.Tensor]:
    """Losses of one video of 30 steps whose last 10 are hidden."""
    torch.manual_seed(2)
    features, noise = torch.randn(1, 12, 30), torch.randn(1, 5, 30)
    given = torch.randint(5, (1, 30))
    return training_losses(
        model,
        features,
        given if labels is None else labels,
        torch.rand(1, 30),
        torch.arange(30)[None] < 20,
        torch.tensor([400]),
        noise,
        config,
    )


def test_a_zero_mask_token_is_nothing_to_train(small_model: ActFusion) -> None:
    model = build(small_model, mask_token="zero")
    assert "mask_token" not in dict(model.named_parameters())
    assert model.state_dict()["mask_token"].tolist() == torch.zeros(1, 12, 1).tolist()
    hidden = torch.arange(30)[None] < 20
    features = torch.randn(1, 12, 30)
    assert torch.equal(model.encode(features, hidden)[0], model.encode(features * hidden)[0])


def test_with_tokens_at_the_decoder_the_encoder_reads_the_visible_alone(small_model: ActFusion) -> None:
    model = build(small_model, mask_at="decoder")
    visible = torch.arange(30)[None] < 20
    features = torch.randn(1, 12, 30)
    logits, conditioning = model.encode(features, visible)
    prefix_logits, prefix_conditioning = model.encode(features[:, :, :20])
    assert torch.allclose(logits[:, :, :20], prefix_logits, atol=1e-5)
    assert torch.allclose(conditioning[:, :, :20], prefix_conditioning, atol=1e-5)
    assert torch.equal(conditioning[:, :, 20:], model.mask_token.expand(1, -1, 10))
    assert model.mask_token.shape == (1, model.config.conditioning_dim, 1)
    assert logits[:, :, 20:].abs().max() == 0

    scattered = torch.rand(1, 30) < 0.5
    packed, _ = model.encode(features[:, :, scattered[0]])
    assert torch.allclose(model.encode(features, scattered)[0][:, :, scattered[0]], packed, atol=1e-5)


def test_that_encoder_is_not_asked_about_hidden_steps(small_model: ActFusion) -> None:
    model = build(small_model, mask_at="decoder")
    labels = torch.zeros(1, 30, dtype=torch.long)
    other = labels.clone()
    other[:, 20:] = 3
    first, second = (losses_of(model, LossConfig(), given) for given in (labels, other))
    assert first["encoder_cross_entropy"] == second["encoder_cross_entropy"]
    assert first["decoder_cross_entropy"] != second["decoder_cross_entropy"]


@pytest.mark.parametrize("position", TABLES)
def test_each_position_has_its_own_tables(small_model: ActFusion, position: str) -> None:
    model = build(small_model, position=position)
    found = {name for name, _ in model.named_parameters() if "position" in name}
    assert all(any(table in name for table in TABLES[position]) for name in found)
    assert bool(found) == (position != "none")
    # Every table is used: it changes what the model says.
    features = torch.randn(1, 12, 30)
    before = model.sample(features, noise=lambda i, shape: torch.zeros(shape))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in found:
                parameter.add_(torch.randn_like(parameter))
    after = model.sample(features, noise=lambda i, shape: torch.zeros(shape))
    assert torch.equal(before, after) == (position == "none")


@pytest.mark.parametrize(("position", "moves"), [("none", True), ("bias", True), ("absolute", False)])
def test_only_absolute_positions_tell_where_a_step_lies(
    small_model: ActFusion, position: str, moves: bool
) -> None:
    """Away from the ends, what repeats looks alike wherever it lies."""
    model = build(small_model, position=position)
    features = torch.randn(1, 12, 5).repeat(1, 1, 40)  # the same 5 steps, 40 times
    logits, _ = model.encode(features)
    here, later = logits[:, :, 75:80], logits[:, :, 110:115]
    assert torch.allclose(here, later, atol=1e-4) == moves


@pytest.mark.parametrize(
    ("layers", "width"), [((1, 3), 16), ((INPUT,), 12), ((PREDICTION,), 5), ((0, INPUT, PREDICTION), 25)]
)
def test_conditioning_features(small_model: ActFusion, layers: tuple[int, ...], width: int) -> None:
    model = build(small_model, conditioning_layers=layers)
    visible = torch.arange(30)[None] < 20
    features = torch.randn(1, 12, 30)
    logits, conditioning = model.encode(features, visible)
    assert conditioning.shape == (1, width, 30)
    if layers == (INPUT,):
        assert torch.equal(conditioning[:, :, :20], features[:, :, :20])
        assert torch.equal(conditioning[:, :, 20:], model.mask_token.expand(1, 12, 10))
    if layers == (PREDICTION,):
        assert torch.equal(conditioning, logits.softmax(dim=1))


NAMES = [
    f"{part}_{name}" for part in ("encoder", "decoder") for name in ("cross_entropy", "smoothing", "boundary")
]


@pytest.mark.parametrize("name", NAMES)
def test_each_loss_can_be_the_only_one(small_model: ActFusion, name: str) -> None:
    off = dict.fromkeys(NAMES, 0.0)
    losses = losses_of(build(small_model), LossConfig(**{**off, name: 0.25}))
    assert losses["total"].item() == pytest.approx(0.25 * losses[name].item())
    assert losses[name] > 0


def test_without_encoder_losses_the_encoders_output_layer_learns_nothing(small_model: ActFusion) -> None:
    model = build(small_model)
    config = LossConfig(encoder_cross_entropy=0, encoder_smoothing=0)
    losses_of(model, config)["total"].backward()
    assert model.encoder.project_out.weight.grad is None
    assert model.encoder.project_in.weight.grad is not None  # it still conditions the decoder


def test_observed_and_future_add_up_and_do_not_see_each_other(small_model: ActFusion) -> None:
    model = build(small_model)
    parts = {
        steps: losses_of(model, LossConfig(decoder_steps=steps)) for steps in ("all", "observed", "future")
    }  # type: ignore[arg-type]
    for name in ("decoder_cross_entropy", "decoder_smoothing", "decoder_boundary"):
        summed = parts["observed"][name] + parts["future"][name]
        assert parts["all"][name].item() == pytest.approx(summed.item(), abs=1e-6)
        assert 0 < parts["observed"][name] < parts["all"][name]
        assert parts["all"]["encoder_smoothing"] == parts["observed"]["encoder_smoothing"]


def test_reconstruction_is_of_masked_steps_alone(small_model: ActFusion) -> None:
    model = build(small_model, reconstruction=True)
    losses = losses_of(model, LossConfig(reconstruction=2.0))
    plain = losses_of(model, LossConfig(reconstruction=0.0))
    extra = losses["total"] - plain["total"]
    assert extra.item() == pytest.approx(2 * losses["reconstruction"].item(), rel=1e-4)
    torch.manual_seed(2)
    features = torch.randn(1, 12, 30)
    _, conditioning = model.encode(features, torch.arange(30)[None] < 20)
    error = (model.reconstruct(conditioning) - features)[:, :, 20:].square().mean()
    assert losses["reconstruction"].item() == pytest.approx(error.item(), rel=1e-5)
    losses["total"].backward()
    assert model.reconstruct[0].weight.grad.abs().max() > 0


def test_steps_that_nobody_knows_count_nowhere(small_model: ActFusion) -> None:
    model = build(small_model)
    torch.manual_seed(0)
    given = [torch.randn(1, 12, 30), torch.randint(5, (1, 30)), torch.rand(1, 30)]
    scored = torch.arange(30)[None] < 25
    other = [value.clone() for value in given]
    other[2][:, 26:] = 0.5
    results = [
        training_losses(
            model,
            *videos,
            torch.arange(30)[None] < 20,
            torch.tensor([9]),
            torch.zeros(1, 5, 30),
            LossConfig(),
            scored=scored,
        )
        for videos in (given, other)
    ]
    assert results[0]["decoder_boundary"] == results[1]["decoder_boundary"]


def test_fewer_sampling_steps_and_no_fresh_noise(small_model: ActFusion) -> None:
    features, asked = torch.randn(1, 12, 20), []

    def noise(i: int, shape: tuple[int, int, int]) -> torch.Tensor:
        asked.append(i)
        return torch.randn(shape, generator=torch.Generator().manual_seed(i))

    small_model.sample(features, noise=noise, sampling_steps=3, eta=1.0)
    assert asked == [0, 1, 2]
    asked.clear()
    small_model.sample(features, noise=noise, sampling_steps=7, eta=0.0)
    assert asked == [0]


def test_mixed_precision_trains(small_model: ActFusion) -> None:
    model = build(small_model).train()
    model.eval()  # without dropout, so that the two precisions see the same
    exact = losses_of(model, LossConfig())["total"]
    with torch.autocast("cpu", torch.bfloat16):
        losses = losses_of(model, LossConfig())
    assert losses["total"].dtype == torch.float32
    assert losses["total"].item() == pytest.approx(exact.item(), rel=0.05)
    losses["total"].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_values_of_both_let_the_conditioning_through_whatever_the_labels(small_model: ActFusion) -> None:
    """As published, labels of zeros leave attention nothing to pass on but its bias."""
    for values, differs in (("labels", False), ("both", True)):
        model = build(small_model, decoder_values=values)
        layer = model.decoder.layers[0]
        x = torch.zeros(1, layer.dim, 30)
        conditioning = torch.randn(2, 1, model.config.conditioning_dim, 30)
        one, other = (layer(x, layer.prepare(30, given)) for given in conditioning)
        inside = slice(10, 20)  # at the ends, zeroed taps weigh by how much they were looked at
        assert torch.allclose(one[..., inside], other[..., inside], atol=1e-4) is not differs
