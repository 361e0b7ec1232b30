"""A checkpoint that costs next to nothing and knows nothing, for tests of everything around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.spec import ExtractorSpec, fingerprint
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.weights.checkpoint import Checkpoint

SPEC = ExtractorSpec(
    name="random", width=0.05, window=4, rate=4.0, stride=4, short_side=32, crop=(32, 32)
)  # a feature a second
_CLASSES = ("background", "take", "cut", "pour", "mix")


def random_model(feature_dim: int, num_classes: int) -> ActFusion:
    """A small ActFusion whose labels mean nothing, but depend on the features and change in time."""
    config = ActFusionConfig(
        feature_dim=feature_dim,
        num_classes=num_classes,
        encoder_layers=4,
        encoder_dim=16,
        conditioning_layers=(1, 3),
        decoder_layers=4,
        decoder_dim=16,
        decoder_kernel=5,
        time_embedding_dim=32,
        sampling_steps=4,
    )
    model = ActFusion(config)
    for name, parameter in model.named_parameters():  # initial weights would call everything background
        if name.endswith("project_out.weight"):
            torch.nn.init.normal_(parameter, std=2.0)
    return model


def random_checkpoint(path: Path) -> Path:
    """Write one: a narrow I3D and a small ActFusion with random weights, the same each time."""
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig(width=SPEC.width))
    model = random_model(network.feature_dim, len(_CLASSES))
    state = network.state_dict()
    spec = replace(SPEC, fingerprint=fingerprint(state))
    Checkpoint(
        class_names=_CLASSES,
        model_config=model.config,
        model_state=model.state_dict(),
        extractor_spec=spec,
        extractor_state=state,
        median=3,
    ).save(path)
    return path
