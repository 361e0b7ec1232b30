"""Pictures as networks want them: resized, cropped, scaled. Source: the recipe of the published features."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

FLOW_BOUND = 20.0  # pixels; larger motion is clipped


def prepare(image: np.ndarray, short_side: int, crop: tuple[int, int]) -> np.ndarray:
    """Resize the shorter side, keep the centre.

    Args:
        image: (H, W, 3) uint8 RGB, or (H, W, 2) float32 flow, whose values stay as they are.
        short_side: pixels of the shorter side after resizing.
        crop: (h, w) to keep; what a narrow picture lacks is filled by repeating its edge.

    Returns:
        (h, w, 3) uint8 RGB, or (h, w, 2) float32.
    """
    image = resize(image, short_side)
    rows, columns = max(crop[0] - image.shape[0], 0), max(crop[1] - image.shape[1], 0)
    if rows or columns:
        image = cv2.copyMakeBorder(
            image, rows // 2, rows - rows // 2, columns // 2, columns - columns // 2, cv2.BORDER_REPLICATE
        )
    top, left = (image.shape[0] - crop[0]) // 2, (image.shape[1] - crop[1]) // 2
    return np.ascontiguousarray(image[top : top + crop[0], left : left + crop[1]])


def resize(image: np.ndarray, short_side: int) -> np.ndarray:
    """(H, W, C) with its shorter side at `short_side` pixels; the same array if it is that already."""
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    if size == (width, height):
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def prepare_flow(flow: np.ndarray, short_side: int, crop: tuple[int, int]) -> np.ndarray:
    """Flow (2, H, W) float32 in pixels to (h, w, 2) float32 in [-1, 1]: clipped to ±20 pixels, over 20."""
    cut = prepare(np.ascontiguousarray(flow.transpose(1, 2, 0)), short_side, crop)
    scaled: np.ndarray = np.clip(cut, -FLOW_BOUND, FLOW_BOUND) / FLOW_BOUND
    return scaled


def scale_pixels(clips: Tensor, mean: float = 127.5, std: float = 127.5) -> Tensor:
    """(N, T, h, w, 3) uint8 to (N, 3, T, h, w) float, by default in [-1, 1], channels last in memory."""
    scaled = clips.float().sub_(mean).div_(std)  # (N, T, h, w, 3)
    return scaled.permute(0, 4, 1, 2, 3)  # a view: its strides are those of channels last


def to_channels_first(flows: np.ndarray, device: torch.device) -> Tensor:
    """(N, T, h, w, 2) float32 to (N, 2, T, h, w), channels last in memory."""
    return torch.from_numpy(flows).to(device).permute(0, 4, 1, 2, 3)
