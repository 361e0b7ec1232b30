"""The numbers that the authors' code gave, and the weights that it gave them with."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.released import convert_state_dict

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """Arrays of the authors' run, by name; "meta" is decoded."""
    path = SHARED / "fixtures/actfusion_50salads.npz"
    if not path.exists():
        pytest.skip(f"{path} is missing; set ACTFUSION_SHARED to the folder that holds fixtures/")
    with np.load(path) as arrays:
        return {**arrays, "meta": json.loads(str(arrays["meta"]))}


@pytest.fixture(scope="session")
def released_weights(reference: dict[str, Any]) -> dict[str, torch.Tensor]:
    """A state dict by the released names and shapes, with weights that anyone can rebuild."""

    def weight(key: str, shape: list[int]) -> torch.Tensor:
        values = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
        if key == "mask_token" or key.endswith("rel_pos_emb.weight"):
            scale = 0.5
        else:
            scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        return torch.from_numpy((values * scale).astype(np.float32))

    return {key: weight(key, shape) for key, shape in reference["meta"]["shapes"].items()}


@pytest.fixture(scope="session")
def reference_model(released_weights: dict[str, torch.Tensor]) -> ActFusion:
    model = ActFusion(ActFusionConfig())
    model.load_state_dict(convert_state_dict(released_weights, model.config))
    return model.eval()


@pytest.fixture(scope="session")
def reference_features() -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(1).standard_normal((1, 2048, 150)).astype(np.float32))


@pytest.fixture(scope="session")
def reference_noise() -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(2).standard_normal((26, 1, 19, 150)).astype(np.float32))


@pytest.fixture
def small_model() -> ActFusion:
    """Small enough for exhaustive checks, with every kind of weight away from its initial value."""
    torch.manual_seed(0)
    model = ActFusion(
        ActFusionConfig(
            feature_dim=12,
            num_classes=5,
            encoder_layers=4,
            encoder_dim=8,
            conditioning_layers=(1, 3),
            decoder_layers=3,
            decoder_dim=6,
            time_embedding_dim=16,
            sampling_steps=4,
        )
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()
