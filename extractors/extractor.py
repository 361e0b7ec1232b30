"""From pictures to features: how frames become clips, and clips become vectors, with one network.

What a feature means depends on every setting here, so they travel together, with a fingerprint of the
weights: a model trained on one extractor's features says nothing sensible about another's.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from extractors.i3d import I3DConfig, InceptionI3D, fold_batchnorm

# A spec may come in a file from anybody: nothing in it may take all memory, or never end.
_MOST = 4096  # pixels, frames, frames a second
_MAX_PIXELS = 2**24  # of a clip; the published features read 2**20


@dataclass(frozen=True)
class ExtractorSpec:
    """Everything that decides what a feature is.

    Attributes:
        name: what the extractor is called, e.g. in errors.
        width: channel multiplier of the I3D; 1 is the published network.
        window: frames per clip.
        rate: frames per second of the time grid that clips are cut from.
        stride: grid frames from one feature to the next.
        short_side: pixels to which the shorter side of a picture is resized.
        crop: (height, width) of the centre crop after that.
        fingerprint: SHA-256 over names and values of the weights; empty until there are weights.
    """

    name: str
    width: float
    window: int
    rate: float
    stride: int
    short_side: int
    crop: tuple[int, int]
    fingerprint: str = ""

    def __post_init__(self) -> None:
        counts = (self.window, self.stride, self.short_side, *self.crop)
        if not all(isinstance(count, int) and 1 <= count <= _MOST for count in counts):
            raise ValueError(
                f"window, stride, short side and crop of the extractor are {counts}; "
                f"give whole numbers from 1 to {_MOST}"
            )
        factors = (self.width, self.rate)
        if not all(isinstance(factor, (int, float)) and 0 < factor <= _MOST for factor in factors):
            raise ValueError(
                f"width and rate of the extractor are {factors}; give numbers above 0, at most {_MOST}"
            )
        if self.window * self.crop[0] * self.crop[1] > _MAX_PIXELS:
            raise ValueError(
                f"the extractor's clips of {self.window} x {self.crop[0]} x {self.crop[1]} pixels are larger "
                f"than the {_MAX_PIXELS} pixels allowed"
            )

    @property
    def before(self) -> int:
        """Grid frames of the window before its centre."""
        return self.window // 2

    @property
    def after(self) -> int:
        """Grid frames of the window after its centre: a feature cannot exist earlier than these."""
        return self.window - 1 - self.window // 2

    @property
    def lookahead(self) -> float:
        """Seconds from a feature's time to the last frame of its window."""
        return self.after / self.rate

    @property
    def period(self) -> float:
        """Seconds from one feature to the next."""
        return self.stride / self.rate

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ExtractorSpec:
        """Raises: TypeError, KeyError, IndexError or ValueError if `values` are not those of a spec."""
        return cls(**{**values, "crop": (values["crop"][0], values["crop"][1])})


def prepare(image: np.ndarray, short_side: int, crop: tuple[int, int]) -> np.ndarray:
    """Resize the shorter side, keep the centre.

    Args:
        image: (H, W, 3) uint8 RGB.
        short_side: pixels of the shorter side after resizing.
        crop: (h, w) to keep; what a narrow picture lacks is filled by repeating its edge.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    if size != (width, height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rows, columns = max(crop[0] - image.shape[0], 0), max(crop[1] - image.shape[1], 0)
    if rows or columns:
        image = cv2.copyMakeBorder(
            image, rows // 2, rows - rows // 2, columns // 2, columns - columns // 2, cv2.BORDER_REPLICATE
        )
    top, left = (image.shape[0] - crop[0]) // 2, (image.shape[1] - crop[1]) // 2
    return np.ascontiguousarray(image[top : top + crop[0], left : left + crop[1]])


def scale_pixels(clips: Tensor) -> Tensor:
    """(N, T, h, w, 3) uint8 to (N, 3, T, h, w) float in [-1, 1], channels last, as a CPU prefers."""
    scaled = clips.float().sub_(127.5).div_(127.5)  # (N, T, h, w, 3)
    return scaled.permute(0, 4, 1, 2, 3)  # a view: its strides are those of channels last


def fingerprint(state: dict[str, Tensor]) -> str:
    """SHA-256 of a state dict: names, shapes and float32 values."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu()
        if tensor.is_floating_point():
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.float().contiguous().numpy().tobytes())
    return digest.hexdigest()


class Extractor:
    """An I3D on RGB clips, with the preparation of its pictures.

    Args:
        spec: settings; its fingerprint is computed here, or checked if it has one.
        state: weights of the network, by published names.
        num_classes: outputs of the classification head that `state` holds.
        device: where to compute.

    Raises:
        ValueError: the weights are not those of `spec`.
    """

    def __init__(
        self, spec: ExtractorSpec, state: dict[str, Tensor], device: str | torch.device = "cpu"
    ) -> None:
        found = fingerprint(state)
        if spec.fingerprint and spec.fingerprint != found:
            raise ValueError(
                f"the weights of extractor {spec.name} have fingerprint {found[:12]}, but "
                f"{spec.fingerprint[:12]} was expected; use the weights that the model was trained with"
            )
        self.spec = replace(spec, fingerprint=found)
        self.device = torch.device(device)
        classes = state["logits.conv3d.bias"].shape[0] if "logits.conv3d.bias" in state else 1
        network = InceptionI3D(I3DConfig(width=spec.width, num_classes=classes))
        network.load_state_dict(state)
        self.feature_dim = network.feature_dim
        folded = fold_batchnorm(network.eval()).to(self.device)
        self._network = folded.to(memory_format=torch.channels_last_3d)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to the (h, w, 3) uint8 that clips are made of."""
        return prepare(image, self.spec.short_side, self.spec.crop)

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        """(N, window, h, w, 3) uint8 to features (N, C) float32."""
        with torch.inference_mode():
            pixels = scale_pixels(torch.from_numpy(clips).to(self.device))
            return self._network.features(pixels).float().cpu().numpy()
