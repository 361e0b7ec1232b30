"""Inception-I3D against the same read from the text, position by position: without numbers from elsewhere."""

from __future__ import annotations

import numpy as np
import plain_i3d as plain
import pytest
import torch

from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D, fold_batchnorm


@pytest.fixture(scope="module")
def network() -> InceptionI3D:
    """A few channels, and batch norms that have something to do."""
    torch.manual_seed(0)
    model = InceptionI3D(I3DConfig(width=0.05)).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            torch.nn.init.uniform_(module.running_var, 0.02, 0.1)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.normal_(module.weight, 1.0, 0.1)
            torch.nn.init.normal_(module.bias, 0.1, 0.1)
    return model


@pytest.mark.parametrize(
    ("frames", "height", "width"), [(21, 33, 40), (16, 24, 65), (8, 32, 32), (5, 17, 31)]
)
@torch.inference_mode()
def test_a_feature_is_what_the_text_says(network: InceptionI3D, frames: int, height: int, width: int) -> None:
    clip = np.random.default_rng(0).uniform(-1, 1, (3, frames, height, width)).astype(np.float32)
    expected = plain.feature({name: w.double().numpy() for name, w in network.state_dict().items()}, clip)
    assert expected.std() > 0.1
    for model in (network, fold_batchnorm(network)):
        found = model.features(torch.from_numpy(clip)[None])[0].numpy()
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
