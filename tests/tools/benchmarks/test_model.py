"""The plain way is the release's: its numbers, and ours from the same weights, gradients included."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.models.losses import LossConfig, training_losses
from actfusion_stream.models.released import released_key
from actfusion_stream.tools.benchmarks.model import SMALL, both
from actfusion_stream.tools.benchmarks.released import ReleasedActFusion

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[3] / "../shared"))


@pytest.mark.skipif(not (SHARED / "fixtures").is_dir(), reason=f"{SHARED / 'fixtures'} is missing")
def test_the_plain_way_gives_the_authors_numbers() -> None:
    reference = np.load(SHARED / "fixtures/actfusion_50salads.npz")
    model = ReleasedActFusion(ActFusionConfig()).eval()
    with torch.no_grad():
        for key, weight in model.state_dict().items():
            drawn = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(tuple(weight.shape))
            if key == "mask_token" or key.endswith("rel_pos_emb.weight"):
                scale = 0.5
            else:
                scale = 1 / np.sqrt(np.prod(weight.shape[1:])) if weight.dim() > 1 else 0.1
            weight.copy_(torch.from_numpy(drawn * scale))
    features = torch.from_numpy(np.random.RandomState(1).standard_normal((1, 2048, 150))).float()
    noise = torch.from_numpy(np.random.RandomState(2).standard_normal((26, 1, 19, 150))).float()
    observed = torch.arange(150)[None] < json.loads(str(reference["meta"]))["observed"]
    for visible, name in ((None, "tas"), (observed, "lta")):
        assert np.abs(model.sample(features, visible, noise).numpy() - reference[name]).max() < 1e-4


def test_both_ways_give_the_same_gradients() -> None:
    config = replace(SMALL, encoder_layers=3, conditioning_layers=(0, 2), decoder_layers=3)
    torch.manual_seed(3)
    batch = {
        "features": torch.randn(1, 3, 70),
        "labels": torch.randint(4, (1, 70)),
        "boundary": torch.rand(1, 70),
        "visible": torch.arange(70)[None] < 50,
        "step": torch.tensor([400]),
        "noise": torch.randn(1, 4, 70),
    }
    released, ours = both(config, torch.device("cpu"))
    found = []
    for model in (released, ours):
        losses = training_losses(model, **batch, config=LossConfig())  # type: ignore[arg-type]
        losses["total"].backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    theirs = found[0]
    for name, gradient in found[1].items():
        expected = theirs[released_key(name)]
        if name.endswith("position_bias"):
            expected = expected[10_000:10_101, 0]
        assert torch.allclose(gradient, expected, atol=1e-6), name
