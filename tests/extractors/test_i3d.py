"""Inception-I3D against the published network's numbers, and the sizes that it must take."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D, fold_batchnorm

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))


def published_weight(key: str, shape: list[int]) -> torch.Tensor:
    random = np.random.RandomState(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    if key.endswith("running_var"):
        values = 0.5 + random.uniform(size=shape)
    elif key.endswith("bn.weight"):
        values = 1 + 0.1 * random.standard_normal(shape)
    else:
        values = random.standard_normal(shape) * (1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1)
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    path = SHARED / "fixtures/i3d_rgb.npz"
    if not path.exists():
        pytest.skip(f"{path} is missing; set ACTFUSION_SHARED to the folder that holds fixtures/")
    with np.load(path) as arrays:
        return {**arrays, "shapes": json.loads(str(arrays["meta"]))["shapes"]}


@pytest.fixture(scope="module")
def published(reference: dict[str, Any]) -> InceptionI3D:
    model = InceptionI3D(I3DConfig())
    weights = {key: published_weight(key, shape) for key, shape in reference["shapes"].items()}
    model.load_state_dict(weights, strict=True)
    return model.eval()


@pytest.fixture(scope="module")
def clip() -> torch.Tensor:
    values = np.random.RandomState(3).uniform(-1, 1, (1, 3, 21, 224, 224))
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def narrow() -> InceptionI3D:
    """Width 0.25, with batch norms that have seen something."""
    torch.manual_seed(0)
    model = InceptionI3D(I3DConfig(width=0.25, num_classes=21))
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(2, 3, 8, 72, 96))
    return model.eval()


@torch.inference_mode()
def test_published_numbers(reference: dict[str, Any], published: InceptionI3D, clip: torch.Tensor) -> None:
    maps = published.mixed_5c(clip)
    assert maps.shape == (1, 1024, 3, 7, 7)
    assert np.abs(maps.mean(dim=(3, 4)).numpy() - reference["mixed_5c_mean"]).max() < 1e-4
    assert np.abs(published.features(clip).numpy() - reference["feature"]).max() < 1e-4
    assert np.abs(published(clip).numpy() - reference["logits"]).max() < 1e-4


@torch.inference_mode()
def test_folding_batchnorm_changes_no_feature(published: InceptionI3D, clip: torch.Tensor) -> None:
    folded = fold_batchnorm(published)
    assert (folded.features(clip) - published.features(clip)).abs().max() < 1e-4
    assert "Conv3d_1a_7x7.bn.weight" in published.state_dict()  # the original is left alone
    assert not any(".bn." in key for key in folded.state_dict())


@pytest.mark.parametrize(
    ("frames", "height", "width", "maps"),
    [(16, 72, 96, (2, 3, 3)), (8, 72, 96, (1, 3, 3)), (21, 65, 97, (3, 3, 4)), (9, 32, 32, (2, 1, 1))],
)
@torch.inference_mode()
def test_small_clips(
    narrow: InceptionI3D, frames: int, height: int, width: int, maps: tuple[int, int, int]
) -> None:
    clips = torch.randn(2, 3, frames, height, width)
    assert narrow.mixed_5c(clips).shape == (2, 256, *maps)
    assert narrow.features(clips).shape == (2, 256) == (2, narrow.feature_dim)
    assert narrow(clips).shape == (2, 21, max(maps[0] - 1, 1))


@torch.inference_mode()
def test_a_feature_averages_pairs_of_time_steps(narrow: InceptionI3D) -> None:
    clips = torch.randn(1, 3, 21, 72, 96)
    one, two, three = narrow.mixed_5c(clips).mean(dim=(3, 4)).unbind(dim=2)
    assert torch.allclose(narrow.features(clips), one / 4 + two / 2 + three / 4, atol=1e-6)


@torch.inference_mode()
def test_a_batch_is_its_clips_one_by_one_in_any_memory_format(narrow: InceptionI3D) -> None:
    clips = torch.randn(3, 3, 16, 72, 96)
    batched = narrow.features(clips)
    for i in range(3):
        assert torch.allclose(narrow.features(clips[i : i + 1]), batched[i : i + 1], atol=1e-5)
    laid_out = fold_batchnorm(narrow).to(memory_format=torch.channels_last_3d)
    swift = laid_out.features(clips.to(memory_format=torch.channels_last_3d))
    assert torch.allclose(swift, batched, atol=1e-5)


@pytest.mark.parametrize(
    ("width", "feature_dim", "stem", "smallest"),
    [(1.0, 1024, 64, 16), (0.5, 512, 32, 8), (0.25, 256, 16, 4), (0.1, 104, 8, 4)],
)
def test_widths(width: float, feature_dim: int, stem: int, smallest: int) -> None:
    model = InceptionI3D(I3DConfig(width=width))
    assert model.feature_dim == feature_dim
    assert model.Conv3d_1a_7x7.conv3d.out_channels == stem
    assert model.Mixed_3b.b2a.conv3d.out_channels == smallest


def test_flow_has_two_channels_and_gradients_reach_the_stem() -> None:
    model = InceptionI3D(I3DConfig(width=0.25, in_channels=2, num_classes=5))
    logits = model(torch.randn(2, 2, 8, 72, 96))
    logits.mean(dim=2).logsumexp(dim=1).sum().backward()
    assert model.Conv3d_1a_7x7.conv3d.weight.shape == (16, 2, 7, 7, 7)
    assert model.Conv3d_1a_7x7.conv3d.weight.grad.abs().max() > 0


def test_wrong_use_is_refused(narrow: InceptionI3D) -> None:
    with pytest.raises(
        ValueError, match=r"clips have shape \(1, 2, 8, 72, 96\); this I3D reads \(N, 3, T, H, W\)"
    ):
        narrow.features(torch.randn(1, 2, 8, 72, 96))
    with pytest.raises(ValueError, match="the width of I3D is 0; it must be above 0"):
        I3DConfig(width=0)
    with pytest.raises(ValueError, match=r"fold_batchnorm\(\) on a model in training mode"):
        fold_batchnorm(InceptionI3D(I3DConfig(width=0.1)))
