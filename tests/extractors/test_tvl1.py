"""TV-L1 is OpenCV's: its median filter, its numbers on real clips; and a batch is its pairs."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from actfusion_stream.extractors import tvl1
from actfusion_stream.sources.source import open_source

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
EXACT = 1e-3  # pixels; an order of float32 operations decides which of two iterations is the last


def clip_pairs(name: str, width: int, starts: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Grey frames (N, H, W) of a real clip at the given indices and their successors, made `width` wide."""
    path = SHARED / "clips" / f"{name}.mp4"
    if not path.is_file():
        pytest.skip(f"{path} is missing; set ACTFUSION_SHARED to the folder that holds clips/")
    frames: list[np.ndarray] = []
    with open_source(path) as source:
        for frame in source:
            size = width, round(frame.image.shape[0] * width / frame.image.shape[1])
            small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
            frames.append(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY))
            if len(frames) == max(starts) + 2:
                break
    before, after = (torch.from_numpy(np.stack([frames[i + by] for i in starts])) for by in (0, 1))
    return before, after


def texture(seed: int, height: int, width: int) -> torch.Tensor:
    """A smooth random picture (H, W) uint8."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width)).astype(np.float32)
    spread = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    return torch.from_numpy(spread.astype(np.uint8))


def apart(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """End-point error (N, H, W)."""
    return torch.linalg.vector_norm(one - other, dim=1)


@pytest.mark.skipif(not hasattr(cv2, "optflow"), reason="opencv-contrib-python is not installed")
@pytest.mark.parametrize("name", ["coffee", "cups", "gym"])
def test_real_clips_move_as_opencv_says(name: str) -> None:
    before, after = clip_pairs(name, 256, [10, 60])
    algorithm = cv2.optflow.createOptFlow_DualTVL1()  # its defaults
    expected = torch.stack(
        [
            torch.from_numpy(algorithm.calc(one.numpy(), other.numpy(), None)).permute(2, 0, 1)
            for one, other in zip(before, after, strict=True)
        ]
    )
    error = apart(tvl1.tvl1_flow(before, after), expected)
    assert expected.abs().max() > 1
    assert error.median() < 0.05
    assert error.mean() < 0.5


def test_a_batch_is_its_pairs() -> None:
    """As a GPU computes it: all pairs together, each with an end of its own."""
    before = torch.stack([texture(seed, 48, 64) for seed in range(3)])
    after = torch.stack([before[0].roll(2, 1), before[1], before[2].roll(1, 0)])
    together = tvl1._coarse_to_fine(before, after)
    assert together.shape == (3, 2, 48, 64)
    assert together[1].abs().max() == 0  # nothing moves
    assert together[0, 0, 8:-8, 8:-8].median() == pytest.approx(2, abs=0.1)
    assert together[2, 1, 8:-8, 8:-8].median() == pytest.approx(1, abs=0.1)
    assert apart(together, tvl1.tvl1_flow(before, after)).max() < EXACT


@pytest.mark.parametrize("size", [(48, 64), (5, 9), (1, 1)])
def test_the_median_of_25(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvl1, "_BAND_OF_MEDIAN", 1000)  # several bands
    image = torch.from_numpy(np.random.default_rng(1).standard_normal((2, 2, *size), np.float32))
    image[0, 0] = image[0, 0].round()  # many are alike
    expected = [[cv2.medianBlur(channel.numpy(), 5) for channel in pair] for pair in image]
    tvl1.median_filter(image)
    assert np.array_equal(image.numpy(), np.array(expected))


def test_bands_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = texture(3, 40, 40)[None]
    after = before.roll(1, 2)
    whole = tvl1.tvl1_flow(before, after)
    monkeypatch.setattr(tvl1, "_BAND", 7 * 2 * 40)  # seven rows each, five at last
    assert apart(tvl1.tvl1_flow(before, after), whole).max() < EXACT
