"""pytorchvideo's backbones: a feature is what the head's projection reads, averaged over positions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from actfusion_stream.extractors.hub import HUB_MODELS, hub_feature_dim, hub_features, hub_model, hub_network


@pytest.mark.parametrize(("name", "dim"), [("x3d_xs", 2048), ("slow_r50", 2048), ("slowfast_r50", 2304)])
@torch.inference_mode()
def test_the_heads_projection_of_a_feature_is_its_mean_output(name: str, dim: int) -> None:
    torch.manual_seed(0)
    network, model = hub_network(name).eval(), hub_model(name)
    head = network.blocks[-1]
    if head.activation is not None:
        head.activation = nn.Identity()  # the projection's mean is meant, before the softmax
    assert hub_feature_dim(network) == dim
    clips = torch.randn(1, 3, model.frames, model.crop, model.crop)
    feature = hub_features(network, clips, model.slow_ratio)
    assert feature.shape == (1, dim)
    given: object = clips
    if model.slow_ratio:
        slow = torch.linspace(0, model.frames - 1, model.frames // model.slow_ratio).long()
        given = [clips[:, :, slow], clips]
    expected = network(given)
    found = head.proj(feature)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.abs().max())


@pytest.mark.parametrize("name", sorted(HUB_MODELS))
def test_every_named_backbone_can_be_built(name: str) -> None:
    with torch.device("meta"):  # without allocating weights
        assert hub_feature_dim(hub_network(name)) >= 512


def test_others_are_refused() -> None:
    with pytest.raises(ValueError, match=r"hub:resnet: no such backbone; there are c2d_r50, "):
        hub_network("resnet")
