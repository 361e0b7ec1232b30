"""From pictures to features: the size, the scaling, the fingerprint, and settings that make no sense."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.pictures import prepare, scale_pixels
from actfusion_stream.extractors.spec import ExtractorSpec, fingerprint
from actfusion_stream.weights.checkpoint import Checkpoint, load_checkpoint

PUBLISHED = ExtractorSpec(
    name="i3d-rgb", width=1.0, window=21, rate=30.0, stride=8, short_side=256, crop=(224, 224)
)


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(tiny_checkpoint)


@pytest.fixture(scope="module")
def clips(tiny: Checkpoint) -> np.ndarray:
    spec = tiny.extractor_spec
    return np.random.default_rng(0).integers(0, 256, (5, spec.window, *spec.crop, 3), np.uint8)


# Settings


def test_the_published_window_reaches_ten_frames_ahead() -> None:
    assert (PUBLISHED.before, PUBLISHED.after) == (10, 10)
    assert PUBLISHED.lookahead == pytest.approx(1 / 3)
    assert PUBLISHED.period == pytest.approx(8 / 30)


def test_an_even_window_reaches_further_back_than_ahead() -> None:
    spec = replace(PUBLISHED, window=16)
    assert (spec.before, spec.after) == (8, 7)


def test_settings_survive_json() -> None:
    assert ExtractorSpec.from_json(json.loads(json.dumps(PUBLISHED.to_json()))) == PUBLISHED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": 0}, r"are \(0, 8, 256, 224, 224, 1\); give whole numbers from 1 to 4096"),
        ({"stride": 1.5}, r"are \(21, 1.5, 256, 224, 224, 1\); give whole numbers"),
        ({"crop": (224, 10**9)}, r"are \(21, 8, 256, 224, 1000000000, 1\); give whole numbers"),
        ({"rate": 0}, r"width and rate of the extractor are \(1.0, 0\); give numbers above 0"),
        ({"rate": float("nan")}, r"width and rate of the extractor are \(1.0, nan\)"),
        ({"width": float("inf")}, r"width and rate of the extractor are \(inf, 30.0\)"),
        ({"width": "1"}, r"width and rate of the extractor are \('1', 30.0\)"),
        (
            {"flow_side": 5000},
            "flow side of the extractor is 5000; give pixels up to 4096, or 0 for the picture",
        ),
        ({"flow_side": 256}, "flow side of the extractor is 256, but it reads no flow"),
        ({"window": 4096}, r"clips of 4096 x 224 x 224 pixels are larger than the 16777216 pixels allowed"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(PUBLISHED, **change)


# Preparation


@pytest.mark.parametrize(
    "size", [(240, 320), (720, 1280), (400, 200), (32, 40), (33, 41), (1, 500), (500, 1)]
)
def test_any_picture_gets_the_size_of_the_crop(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    prepared = prepare(image, short_side=32, crop=(32, 40))
    assert (prepared.shape, prepared.dtype) == ((32, 40, 3), np.uint8)
    assert prepared.flags["C_CONTIGUOUS"]


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3), np.uint8)
    np.testing.assert_array_equal(prepare(image, 32, (32, 40)), image)


def test_the_centre_is_kept() -> None:
    image = np.zeros((4, 10, 3), np.uint8)
    image[:, 3:7] = 255
    np.testing.assert_array_equal(prepare(image, 4, (4, 4)), np.full((4, 4, 3), 255))
    image[0] = 7
    assert prepare(image, 4, (2, 4))[:, :, 0].tolist() == [[255] * 4] * 2


def test_proportions_are_kept() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[25:75, 75:125] = 255  # a square stays a square
    bright = prepare(image, 20, (20, 40))[:, :, 0] > 127
    assert (bright.sum(axis=0).max(), bright.sum(axis=1).max()) == (10, 10)


def test_what_a_narrow_picture_lacks_is_its_edge_repeated() -> None:
    image = np.arange(4, dtype=np.uint8)[None, :, None].repeat(8, 0).repeat(3, 2)  # columns 0, 1, 2, 3
    assert prepare(image, 4, (4, 9))[0, :, 0].tolist() == [0, 0, 0, 1, 2, 3, 3, 3, 3]


def test_pixels_become_minus_one_to_one() -> None:
    clips = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 1, 1, 1, 3)
    scaled = scale_pixels(clips)  # (1, 3, 1, 1, 1)
    np.testing.assert_allclose(scaled.flatten(), [-1.0, -0.6, 1.0], atol=1e-6)
    assert scaled.shape == (1, 3, 1, 1, 1)


# Features


def test_features_are_those_of_the_network_on_scaled_pixels(tiny: Checkpoint, clips: np.ndarray) -> None:
    network = InceptionI3D(I3DConfig(width=0.1, num_classes=5)).eval()
    network.load_state_dict(tiny.extractor_state)
    pixels = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    with torch.no_grad():
        expected = network.features(pixels).numpy()
    features = tiny.extractor()(clips).numpy()
    assert (features.shape, features.dtype) == ((5, tiny.model_config.feature_dim), np.float32)
    assert np.abs(features - expected).max() < 1e-4 * expected.max()


def test_a_clip_has_the_same_feature_in_any_batch(tiny: Checkpoint, clips: np.ndarray) -> None:
    extractor = tiny.extractor()
    alone = torch.cat([extractor(clips[i : i + 1]) for i in range(len(clips))])
    assert torch.abs(extractor(clips) - alone).max() < 1e-5 * alone.max()


# Fingerprint


def test_the_fingerprint_depends_on_names_shapes_and_values() -> None:
    state = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([[3.0]])}
    known = fingerprint(state)
    assert known == "2a5affd26715f64c03b4e5ecaac9626a9415c8391c1d215a5357fca5aba53541"
    assert fingerprint(dict(reversed(state.items()))) == known
    assert fingerprint({**state, "steps": torch.tensor(7)}) == known  # a counter is no weight
    assert fingerprint({"a": state["a"], "c": state["b"]}) != known
    assert fingerprint({**state, "a": state["a"][None]}) != known
    assert fingerprint({**state, "a": torch.tensor([1.0, 2.0000002])}) != known


def test_an_extractor_knows_the_fingerprint_of_its_weights(tiny: Checkpoint) -> None:
    anonymous = replace(tiny.extractor_spec, fingerprint="")
    extractor = Extractor(anonymous, tiny.extractor_state)
    assert extractor.spec == replace(tiny.extractor_spec, precision="float32")


@pytest.mark.parametrize(
    ("method", "batches"),
    [
        ("dis", [(2, 720, 1280, 3), (2, 48, 64, 3)]),
        ("raft-small", [(1, 720, 1280, 3), (1, 720, 1280, 3), (2, 48, 64, 3)]),
    ],
)
def test_flow_takes_as_many_pairs_at_once_as_memory_allows_and_of_one_size(
    method: str, batches: list[tuple[int, ...]]
) -> None:
    """RAFT's table of a pair of 1280 x 720 takes 1.1 GB; a picture's size may change within a batch."""
    spec = replace(PUBLISHED, width=0.1, streams=("flow",), flow="dis", short_side=32, crop=(32, 40))
    torch.manual_seed(0)
    extractor = Extractor(spec, InceptionI3D(I3DConfig(0.1, 2, 1)).state_dict())
    asked: list[tuple[int, ...]] = []
    compute = extractor._flow

    def watched(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        asked.append(before.shape)
        return compute(before, after)

    extractor._flow, extractor.spec = watched, replace(extractor.spec, flow=method)  # RAFT's batches, by DIS
    rng = np.random.default_rng(0)
    large, small = (list(rng.integers(0, 256, (3, *size, 3), np.uint8)) for size in ((720, 1280), (48, 64)))
    flows = extractor.flows([extractor.look(picture) for picture in (*large, *small)])
    assert asked == batches
    assert len(flows) == 5
    assert [bool(flow.any()) for flow in flows] == [True, True, False, True, True]  # none across the change


@pytest.mark.parametrize("side", [0, 96, 160])
def test_flow_of_a_resized_picture_is_in_pixels_of_the_picture_itself(side: int) -> None:
    spec = replace(PUBLISHED, width=0.1, streams=("rgb", "flow"), flow="dis", short_side=96, crop=(96, 96))
    spec = replace(spec, flow_side=side)
    torch.manual_seed(0)
    state = {
        f"{stream}.{name}": weight
        for stream, channels in (("rgb", 3), ("flow", 2))
        for name, weight in InceptionI3D(I3DConfig(0.1, channels, 1)).state_dict().items()
    }
    extractor = Extractor(spec, state)
    asked: list[tuple[int, ...]] = []
    compute = extractor._flow
    extractor._flow = lambda before, after: asked.append(before.shape) or compute(before, after)
    noise = np.random.default_rng(0).uniform(0, 255, (240, 320, 3)).astype(np.float32)
    blurred = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 5), None, 0, 255, cv2.NORM_MINMAX)
    picture = blurred.astype(np.uint8)
    sights = [extractor.look(picture), extractor.look(np.roll(picture, (-3, 6), axis=(0, 1)))]
    (flow,) = extractor.flows(sights)
    assert asked == [(1, side, round(320 * side / 240), 3) if side else (1, 240, 320, 3)]
    assert np.allclose(20 * np.median(flow, axis=(0, 1)), (6, -3), atol=0.3)
    assert np.array_equal(sights[0].rgb, extractor.prepare(picture))


def test_weights_of_another_extractor_are_refused(tiny: Checkpoint) -> None:
    state = {**tiny.extractor_state, "logits.conv3d.bias": torch.ones(5)}
    with pytest.raises(
        ValueError, match=r"^the weights of extractor tiny have fingerprint [0-9a-f]{12}, but "
    ) as e:
        Extractor(tiny.extractor_spec, state)
    assert tiny.extractor_spec.fingerprint[:12] in str(e.value)
    assert "use the weights that the model was trained with" in str(e.value)
