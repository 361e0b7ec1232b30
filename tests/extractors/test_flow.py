"""Optical flow: frames moved by a known amount, one interface, and errors that say what to do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from actfusion_stream.extractors.flow import open_flow, raft_network


def texture(seed: int, height: int = 120, width: int = 160) -> np.ndarray:
    """A smooth random picture (H, W, 3) uint8."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def moved(image: np.ndarray, right: float, down: float) -> np.ndarray:
    shift = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = image.shape[1], image.shape[0]
    return cv2.warpAffine(image, shift, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


METHODS = ["dis", "tvl1"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("right", "down"), [(2.0, 0.0), (-1.5, 2.5), (0.0, -3.0)])
def test_a_moved_picture_has_moved_by_as_much(method: str, right: float, down: float) -> None:
    before = np.stack([texture(0), texture(1)])
    after = np.stack([moved(image, right, down) for image in before])
    flow = open_flow(method)(before, after)
    assert (flow.shape, flow.dtype) == ((2, 2, 120, 160), np.float32)
    inside = flow[:, :, 16:-16, 16:-16]
    error = np.hypot(inside[:, 0] - right, inside[:, 1] - down)
    assert error.mean() < 0.3


@pytest.mark.parametrize("method", METHODS)
def test_a_moved_region_in_a_still_picture(method: str) -> None:
    before = texture(2)
    after = before.copy()
    before[40:80, 50:100] = texture(3)[40:80, 50:100]
    after[42:82, 53:103] = before[40:80, 50:100]
    flow = open_flow(method)(before[None], after[None])[0]
    error = np.hypot(flow[0] - 3, flow[1] - 2)[48:72, 58:92]
    assert error.mean() < 0.3
    still = np.hypot(*flow)[:24]
    assert still.mean() < 0.3


@pytest.mark.parametrize("size", [(96, 130), (240, 320)])
def test_raft_takes_any_size(size: tuple[int, int]) -> None:
    """With random weights, so only the interface is tested, and that a batch is its pairs."""
    torch.manual_seed(0)
    flow = open_flow("raft-small", "cpu", raft_network("raft-small").state_dict())
    before = np.stack([texture(0, *size), texture(1, *size)])
    after = np.stack([moved(image, 2, 0) for image in before])
    both = flow(before, after)
    assert (both.shape, both.dtype) == ((2, 2, *size), np.float32)
    assert np.abs(flow(before[1:], after[1:]) - both[1:]).max() < 1e-3 * np.abs(both).max()


def test_what_is_missing_is_said() -> None:
    with pytest.raises(ValueError, match="flow raft-large needs weights: actfusion-weights get raft-large"):
        open_flow("raft-large")
    with pytest.raises(ValueError, match=r"flow 'farneback': give one of tvl1, dis, raft-large, raft-small"):
        open_flow("farneback")
