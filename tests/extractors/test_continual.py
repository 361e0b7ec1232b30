"""The continual I3D: chunks change nothing, features agree where they coincide, the middle is the network."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from actfusion_stream.extractors.continual import ContinualI3D
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D, fold_batchnorm
from actfusion_stream.extractors.spec import CONTINUAL_REACH

FRAMES = 150


@pytest.fixture(scope="module")
def network() -> InceptionI3D:
    torch.manual_seed(0)
    model = InceptionI3D(I3DConfig(width=0.1, num_classes=2))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model(torch.randn(4, 3, 16, 32, 32))
    return fold_batchnorm(model.eval())


@pytest.fixture(scope="module")
def video() -> Tensor:
    return torch.rand(1, 3, FRAMES, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1


def run(network: InceptionI3D, video: Tensor, every: int, chunk: int = FRAMES) -> Tensor:
    continual = ContinualI3D(network, every)
    parts = [continual.push(piece) for piece in video.split(chunk, dim=2)]
    return torch.cat([*parts, continual.finish(video[:, :, :0])])


@pytest.fixture(scope="module")
def each_frame(network: InceptionI3D, video: Tensor) -> Tensor:
    return run(network, video, every=1)


@pytest.mark.parametrize("every", [1, 2, 3, 4, 8, 16])
def test_chunks_and_distances_change_no_feature(
    network: InceptionI3D, video: Tensor, each_frame: Tensor, every: int
) -> None:
    expected = each_frame[::every]
    scale = each_frame.abs().max()
    assert len(expected) == -(-FRAMES // every)
    for chunk in (1, 7, 16, FRAMES):
        found = run(network, video, every, chunk)
        assert found.shape == expected.shape
        assert (found - expected).abs().max() < 1e-5 * scale


def test_within_the_video_it_is_the_plain_network_over_the_whole(
    network: InceptionI3D, video: Tensor, each_frame: Tensor
) -> None:
    """145 frames keep the network's own padding symmetric: a map lies at every eighth frame from 1 + 2 on."""
    with torch.no_grad():
        maps = network.mixed_5c(video[:, :, 1:146]).mean(dim=(3, 4))[0].T  # (T', C)
    inside = 0
    for i in range(1, len(maps) - 1):
        centre = 3 + 8 * i
        if centre - 1 > CONTINUAL_REACH and centre + CONTINUAL_REACH < 146:
            smoothed = (maps[i - 1] + 2 * maps[i] + maps[i + 1]) / 4
            assert torch.allclose(each_frame[centre], smoothed, rtol=1e-4, atol=1e-4 * maps.abs().max())
            inside += 1
    assert inside >= 3


def test_a_feature_depends_on_the_frames_within_reach_and_on_no_other(
    network: InceptionI3D, video: Tensor, each_frame: Tensor
) -> None:
    changed = video.clone()
    changed[:, :, 75] *= -1
    differs = (run(network, changed, every=1) != each_frame).any(dim=1).nonzero()[:, 0]
    assert differs.min() >= 75 - CONTINUAL_REACH
    assert differs.max() <= 75 + CONTINUAL_REACH
    assert len(differs) > CONTINUAL_REACH


def test_a_feature_comes_as_soon_as_the_frames_within_reach(network: InceptionI3D, video: Tensor) -> None:
    continual = ContinualI3D(network, 1)
    assert len(continual.push(video[:, :, :100])) == 100 - CONTINUAL_REACH


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("every", [1, 4, 8])
def test_short_videos(network: InceptionI3D, video: Tensor, frames: int, every: int) -> None:
    found = run(network, video[:, :, :frames], every)
    assert found.shape == (-(-frames // every), network.feature_dim)
    assert found.isfinite().all()


def test_every_convolution_reads_channels_last(
    network: InceptionI3D, video: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To reorder what flows costs more than to convolve it; what is kept from chunk to chunk decides."""
    convolve, reads = torch.nn.functional.conv3d, []

    def noting(x: Tensor, *arguments: object, **named: object) -> Tensor:
        reads.append(x.is_contiguous(memory_format=torch.channels_last_3d))
        return convolve(x, *arguments, **named)

    monkeypatch.setattr(torch.nn.functional, "conv3d", noting)
    # In float32 torch has another convolution for what is as small as this, which orders as it likes.
    laid_out = copy.deepcopy(network).to(torch.bfloat16, memory_format=torch.channels_last_3d)
    run(laid_out, video.to(torch.bfloat16, memory_format=torch.channels_last_3d), every=8, chunk=7)
    assert len(reads) > 500
    assert all(reads)
