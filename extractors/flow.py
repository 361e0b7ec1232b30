"""Optical flow between two pictures, by one of four methods behind one interface.

tvl1        Zach, Pock & Bischof (DAGM 2007), as the published features
dis         Kroeger et al. (ECCV 2016), many times as fast on a CPU
raft-large  Teed & Deng (ECCV 2020), of torchvision; its weights are given by the caller
raft-small  the same, smaller
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .spec import FLOW_METHODS
from .tvl1 import tvl1_flow

FlowFunction = Callable[[np.ndarray, np.ndarray], np.ndarray]

_RAFT_MULTIPLE = 8  # RAFT works at an eighth of the size
_RAFT_SMALLEST = 128  # below, the coarsest level of its correlation pyramid is empty


def default_flow(device: torch.device) -> str:
    """The method to take where none is asked for: what the device computes fast."""
    return "raft-large" if device.type == "cuda" else "dis"


def open_flow(
    method: str, device: str | torch.device = "cpu", state: dict[str, Tensor] | None = None
) -> FlowFunction:
    """A function from pictures to the motion between them.

    Args:
        method: one of `FLOW_METHODS`.
        device: where RAFT and TV-L1 compute; DIS uses the CPU.
        state: weights of torchvision's RAFT, for that only.

    Returns:
        A function of two arrays (N, H, W, 3) uint8 RGB, earlier and later pictures, that returns (N, 2, H, W)
        float32: by how many pixels each point of the earlier picture moves right, and down.

    Raises:
        ValueError: there is no such method, or what it needs is missing.
    """
    if method in ("raft-large", "raft-small"):
        if state is None:
            raise ValueError(f"flow {method} needs weights: actfusion-weights get {method}")
        network = raft_network(method)
        network.load_state_dict(state)
        return _Raft(network.eval().to(device))
    if method == "dis":
        return _DIS()
    if method == "tvl1":
        return lambda before, after: tvl1_flow(_grey(before, device), _grey(after, device)).cpu().numpy()
    raise ValueError(f"flow {method!r}: give one of {', '.join(FLOW_METHODS)}")


def _grey(pictures: np.ndarray, device: str | torch.device) -> Tensor:
    """(N, H, W) uint8."""
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]
    return torch.from_numpy(np.stack(grey)).to(device)


class _DIS:
    """OpenCV's algorithm keeps buffers between calls, so every thread gets one of its own."""

    def __init__(self) -> None:
        self._own = threading.local()

    def __call__(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        if not hasattr(self._own, "algorithm"):
            self._own.algorithm = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        flows = []
        for one, other in zip(before, after, strict=True):
            grey = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (one, other))
            flows.append(self._own.algorithm.calc(*grey, None).transpose(2, 0, 1))  # (2, H, W)
        return np.stack(flows)


def raft_network(method: str) -> nn.Module:
    """torchvision's RAFT without weights; importing torchvision takes seconds, so it happens here."""
    from torchvision.models.optical_flow import raft_large, raft_small

    build: Callable[..., nn.Module] = raft_large if method == "raft-large" else raft_small
    return build(weights=None)


class _Raft:
    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._device = next(network.parameters()).device

    def __call__(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        height, width = before.shape[1:3]
        size = [max(-(-n // _RAFT_MULTIPLE) * _RAFT_MULTIPLE, _RAFT_SMALLEST) for n in (height, width)]
        rows, columns = size[0] - height, size[1] - width
        border = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)

        def padded(images: np.ndarray) -> Tensor:
            pixels = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float() / 127.5 - 1
            return F.pad(pixels, border, mode="replicate")  # (N, 3, H', W')

        with torch.inference_mode():
            refined: list[Tensor] = self._network(padded(before), padded(after))
        flow = refined[-1]  # (N, 2, H', W'), the last refinement
        flow = flow[:, :, border[2] : border[2] + height, border[0] : border[0] + width]
        return flow.float().cpu().numpy()
