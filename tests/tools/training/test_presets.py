"""The presets are the paper's and the release's, and every value of them can be overridden."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

import pytest

from actfusion_stream.models.losses import LossConfig
from actfusion_stream.tools.training.presets import (
    PRESETS,
    Preset,
    _leaves,
    add_preset_options,
    override,
    preset_from_json,
)


def parse(*options: str, preset: str = "50salads") -> Preset:
    parser = argparse.ArgumentParser()
    add_preset_options(parser)
    return override(PRESETS[preset], vars(parser.parse_args(options)))


@pytest.mark.parametrize(
    ("preset", "rate", "encoder", "dropout", "layers", "decoder", "scale"),
    [
        ("50salads", 8, (10, 64, 5), (0.5, 0.5, 0.5), (5, 7, 9), (8, 24, 7, 0.1), 1.0),
        ("breakfast", 1, (12, 256, 5), (0.5, 0.1, 0.1), (7, 8, 9), (8, 128, 5, 0.1), 0.5),
        ("gtea", 1, (10, 64, 5), (0.5, 0.5, 0.5), (7, 9), (8, 24, 5, 0.1), 0.5),
    ],
)
def test_networks(
    preset: str,
    rate: int,
    encoder: tuple[int, ...],
    dropout: tuple[float, ...],
    layers: tuple[int, ...],
    decoder: tuple[float, ...],
    scale: float,
) -> None:
    found = PRESETS[preset]
    model = found.model
    assert found.sample_rate == rate
    assert (model.encoder_layers, model.encoder_dim, model.encoder_kernel) == encoder
    assert (model.encoder_dropout, model.channel_dropout, model.time_dropout) == dropout
    assert model.conditioning_layers == layers
    assert (model.decoder_layers, model.decoder_dim, model.decoder_kernel, model.decoder_dropout) == decoder
    assert model.scale == scale
    assert (model.position, model.mask_token, model.mask_at, model.reconstruction) == (
        "bias",
        "learned",
        "encoder",
        False,
    )


@pytest.mark.parametrize(
    ("preset", "weights", "sigmas", "adam", "run", "after"),
    [
        ("50salads", (0.5, 0.1, 0.1), (20, None), (5e-4, 0), (7001, 4), (30, 0)),
        ("breakfast", (0.5, 0.025, 0.1), (3, 4), (1e-4, 0), (1001, 16), (15, 0)),
        ("gtea", (0.5, 0.1, 0.1), (1, 1.4), (5e-4, 1e-6), (10000, 4), (1, 3)),
    ],
)
def test_training(
    preset: str,
    weights: tuple[float, ...],
    sigmas: tuple[float | None, ...],
    adam: tuple[float, ...],
    run: tuple[int, ...],
    after: tuple[int, ...],
) -> None:
    found = PRESETS[preset]
    loss: LossConfig = found.loss
    assert (loss.decoder_cross_entropy, loss.decoder_smoothing, loss.decoder_boundary) == weights
    assert (loss.encoder_cross_entropy, loss.encoder_smoothing, loss.encoder_boundary) == (*weights[:2], 0)
    assert (found.boundary_sigma, loss.soft_label_sigma) == sigmas
    assert (found.learning_rate, found.weight_decay) == adam
    assert (found.epochs, found.batch_size) == run
    assert (found.median, found.merge) == after


def test_what_the_masks_are_drawn_from() -> None:
    salads, breakfast = PRESETS["50salads"].mask, PRESETS["breakfast"].mask
    assert sorted(salads.kinds) == ["anticipative", "boundary", "none", "random", "relation", "relation"]
    assert sorted(breakfast.kinds) == sorted(salads.kinds)
    assert (salads.patches, salads.boundary_threshold, salads.relation_classes) == ((5, 10), 0.5, 2)
    assert (breakfast.patches, breakfast.boundary_threshold, breakfast.relation_classes) == ((10, 10), 0.3, 1)


OTHER = {
    "int": ("3", 3), "float": ("0.25", 0.25), "bool": ("", True), "float | None": ("none", None),
    "Literal['learned', 'zero']": ("zero", "zero"), "Literal['encoder', 'decoder']": ("decoder", "decoder"),
    "Literal['none', 'bias', 'embedding', 'absolute']": ("absolute", "absolute"),
    "Literal['all', 'observed', 'future']": ("future", "future"),
    "Literal['labels', 'both']": ("both", "both"),
    "tuple[int, ...]": ("1 2", (1, 2)), "tuple[float, ...]": ("0.1 0.9", (0.1, 0.9)),
    "tuple[int, int]": ("2 4", (2, 4)),
}  # fmt: skip


@pytest.mark.parametrize(("path", "kind"), [(path, kind) for path, _, kind in _leaves(Preset)])
def test_every_field_is_an_option(path: str, kind: object) -> None:
    name = str(kind).replace("typing.", "") if "[" in str(kind) or "|" in str(kind) else kind.__name__  # type: ignore[attr-defined]
    text, value = ("none random", ("none", "random")) if path == "mask.kinds" else OTHER[name]
    # The 50 Salads network is conditioned on layer 9; one of three layers is not.
    room = ["--model.conditioning-layers", "1"] if path == "model.encoder_layers" else []
    changed = parse("--" + path.replace("_", "-"), *text.split(), *room)
    where: object = changed
    for part in path.split("."):
        where = getattr(where, part)
    assert where == value
    assert preset_from_json(json.loads(json.dumps(asdict(changed)))) == changed


def test_what_is_not_given_stays() -> None:
    assert parse(preset="breakfast") == PRESETS["breakfast"]
    assert parse("--epochs", "7").model == PRESETS["50salads"].model


@pytest.mark.parametrize("about", [{}, {"model": 3}, {"model": {"x": 1}, "mask": {}, "loss": {}}])
def test_what_is_no_preset_is_refused(about: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="its preset cannot be read"):
        preset_from_json(about)
