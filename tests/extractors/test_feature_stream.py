"""For every extractor, features frame by frame are those of the whole video at once."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.extractors.catalogue import NAMES, join_weights, named_spec, weight_names
from actfusion_stream.extractors.extractor import Extractor, networks
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.sources.source import open_source

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))

SMALL = ExtractorSpec("small", 0.1, window=8, rate=15.0, stride=3, short_side=32, crop=(32, 40))
KINDS: dict[str, dict[str, object]] = {
    "rgb": {},
    "rgb, zeros beyond the ends": {"padding": "zero"},
    "flow": {"streams": ("flow",), "flow": "dis"},
    "both": {"streams": ("rgb", "flow"), "flow": "dis"},
    "raft": {"streams": ("rgb", "flow"), "flow": "raft-small", "stride": 5, "rate": 3.0},
    "continual": {"windows": "continual"},
    "continual, both": {"windows": "continual", "streams": ("rgb", "flow"), "flow": "dis"},
    "hub": {"name": "hub:x3d_xs", "window": 4, "frame_stride": 2, "stride": 10, "crop": (182, 182)},
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """Four seconds of real footage at 15 frames a second, small; some frames are shown again."""
    path = SHARED / "clips/coffee.mp4"
    if not path.exists():
        pytest.skip(f"{path} is missing; set ACTFUSION_SHARED to the folder that holds clips/")
    grid, found = TimeGrid(15.0), []
    with open_source(path) as source:
        for frame in source:
            small = cv2.resize(frame.image, (160, 96), interpolation=cv2.INTER_AREA)
            found += list(grid.push(frame.time, small))
            if len(found) >= 60:
                break
    return [*found[:30], found[29], found[29], *found[30:60]]


def build(kind: str) -> Extractor:
    spec = ExtractorSpec.from_json({**SMALL.to_json(), **KINDS[kind]})
    torch.manual_seed(0)
    state = {}
    for prefix, network in networks(spec, {}).items():
        for module in network.modules():  # let them see something, or random features fade to zero
            if isinstance(module, torch.nn.BatchNorm3d):
                module.running_var.fill_(0.02)
        state |= {prefix + name: weight for name, weight in network.state_dict().items()}
    return Extractor(spec, state)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_gives_the_features_of_the_whole(kind: str, pictures: list[np.ndarray]) -> None:
    extractor = build(kind)
    if kind == "raft":
        pictures = pictures[:12]
    stride = extractor.spec.stride

    whole = FeatureStream(extractor)
    at_once = np.concatenate([*(whole.push(picture) for picture in pictures), whole.finish()])
    assert at_once.shape == (-(-len(pictures) // stride), extractor.feature_dim)
    assert np.isfinite(at_once).all()
    assert np.abs(np.diff(at_once, axis=0)).max() > 0

    live = FeatureStream(extractor)
    parts = []
    for index, picture in enumerate(pictures):
        parts.append(live.push(picture))
        parts.append(live.flush())
        due = max(0, (index - extractor.spec.after) // stride + 1)
        assert sum(map(len, parts)) == due, "a feature exists as soon as the frames it reads, and no sooner"
    parts.append(live.finish())
    live_features = np.concatenate(parts)
    assert live_features.shape == at_once.shape
    assert np.abs(live_features - at_once).max() < 1e-5 * np.abs(at_once).max()


def test_no_picture_no_feature() -> None:
    for kind in ("rgb", "both", "continual"):
        assert FeatureStream(build(kind)).finish().shape[0] == 0


def test_named_extractors_have_the_published_settings() -> None:
    spec = named_spec("i3d", rate=30, stride=8, flow="tvl1")
    assert (spec.window, spec.short_side, spec.crop) == (21, 256, (224, 224))
    assert spec.streams == ("rgb", "flow")
    assert (spec.before, spec.after) == (10, 11)  # the last frame's flow leads to one more
    assert weight_names(spec) == ["i3d-rgb", "i3d-flow"]
    hub = named_spec("hub:slowfast_r50")
    assert (hub.window, hub.frame_stride, hub.rate) == (32, 2, 30.0)
    for name in NAMES:
        assert named_spec(name, rate=15).name == name
    with pytest.raises(ValueError, match="extractor i3d_r50: no such one; there are i3d, i3d-rgb, "):
        named_spec("i3d_r50")
    with pytest.raises(ValueError, match=r"needs 2 weight files \(i3d-rgb, i3d-flow\), not 1"):
        join_weights(spec, [{}])
