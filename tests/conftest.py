"""A checkpoint and a video that are real, but small enough to run a hundred times a minute on one core."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.spec import ExtractorSpec, fingerprint
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.tools.robustness.random_model import random_model
from actfusion_stream.weights.checkpoint import Checkpoint

TINY_CLASSES = ("background", "take_knife", "cut_tomato", "pour_oil", "mix")
TINY_SPEC = ExtractorSpec(name="tiny", width=0.1, window=8, rate=15.0, stride=4, short_side=32, crop=(32, 40))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `gpu` run where there is one."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """More threads make networks this small slower, and make their sums depend on the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with random weights: its labels mean nothing, but depend on the pictures and change in time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _calibrated(InceptionI3D(I3DConfig(width=TINY_SPEC.width, num_classes=len(TINY_CLASSES))))
        model = random_model(network.feature_dim, len(TINY_CLASSES))
    state = network.state_dict()
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    Checkpoint(
        class_names=TINY_CLASSES,
        model_config=model.config,
        model_state=model.state_dict(),
        extractor_spec=replace(TINY_SPEC, fingerprint=fingerprint(state)),
        extractor_state=state,
        median=3,
        training={"epochs": 0},
    ).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds at 15 frames a second, 64 x 48, of a bright square that wanders, in .mp4 without sound."""
    path = tmp_path_factory.mktemp("video") / "tiny.mp4"
    info = SourceInfo("tiny", 64, 48, None, 15.0, live=False, has_audio=False)
    with VideoWriter(path, info) as writer:
        for index in range(90):
            writer.write(index / 15, wandering_square(index))
    return path


def wandering_square(index: int) -> np.ndarray:
    """Frame `index` of `tiny_video`, (48, 64, 3) uint8."""
    image = np.full((48, 64, 3), (40, 60, 90), np.uint8)
    row = round(16 + 14 * np.sin(index / 7))
    column = round(24 + 22 * np.sin(index / 11))
    image[row : row + 16, column : column + 16] = (250, 180 if index % 30 < 15 else 40, 60)
    return image


def _calibrated(network: InceptionI3D) -> InceptionI3D:
    """Let batch norm see random clips once; else random features fade towards zero from layer to layer."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = None  # average, do not decay from the initial values
    network.train()
    network(torch.rand(8, 3, TINY_SPEC.window, *TINY_SPEC.crop) * 2 - 1)
    return network.eval()
