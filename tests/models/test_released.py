"""Released checkpoints: the keys that do not fit are named, and DiffAct's are told from ActFusion's."""

from __future__ import annotations

import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.released import convert_state_dict, released_key

Weights = dict[str, torch.Tensor]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("mask_token", "mask_token"),
        ("encoder.project_in.weight", "encoder.conv_in.weight"),
        ("encoder.layers.3.query.bias", "encoder.encoder.layers.3.att_linear_q.bias"),
        ("encoder.layers.9.position_bias", "encoder.encoder.layers.9.rel_pos_emb.weight"),
        ("decoder.time_mlp.2.weight", "decoder.time_in.1.weight"),
        ("decoder.time_out.bias", "decoder.module.time_proj.bias"),
        ("decoder.layers.0.feed_forward.2.weight", "decoder.module.layers.0.ffn_block.2.weight"),
    ],
)
def test_names(ours: str, theirs: str) -> None:
    assert released_key(ours) == theirs


def test_every_weight_is_converted(released_weights: Weights) -> None:
    ours = convert_state_dict(released_weights, ActFusionConfig())
    ActFusion(ActFusionConfig()).load_state_dict(ours, strict=True)
    table = released_weights["decoder.module.layers.4.rel_pos_emb.weight"]
    assert torch.equal(ours["decoder.layers.4.position_bias"], table[10000:10101, 0])


def test_a_wrapped_state_dict_is_unwrapped(released_weights: Weights) -> None:
    wrapped = {"model": released_weights, "epoch": 7001}
    assert (
        convert_state_dict(wrapped, ActFusionConfig()).keys()
        == ActFusion(ActFusionConfig()).state_dict().keys()
    )


def test_keys_that_do_not_fit_are_named(released_weights: Weights) -> None:
    broken = dict(released_weights)
    del broken["encoder.conv_out.bias"]
    broken["decoder.extra.weight"] = torch.zeros(3)
    broken["decoder.conv_in.weight"] = torch.zeros(24, 48, 1)
    with pytest.raises(ValueError, match="does not fit the configuration") as error:
        convert_state_dict(broken, ActFusionConfig())
    assert "missing encoder.conv_out.bias (19,)" in str(error.value)
    assert "extra decoder.extra.weight" in str(error.value)
    assert "decoder.conv_in.weight is (24, 48, 1), not (24, 19, 1)" in str(error.value)
    assert str(error.value).count(";") == 2


def test_diffact_is_recognised(released_weights: Weights) -> None:
    diffact = {k: v for k, v in released_weights.items() if k != "mask_token" and "rel_pos_emb" not in k}
    with pytest.raises(
        ValueError, match="state dict of DiffAct: it has neither a mask token nor position tables"
    ):
        convert_state_dict(diffact, ActFusionConfig())


def test_something_else_under_model_is_refused() -> None:
    with pytest.raises(ValueError, match="'model' in the checkpoint is a str; a state dict was expected"):
        convert_state_dict({"model": "resnet50"}, ActFusionConfig())
