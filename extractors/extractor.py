"""One extractor: the networks of a spec with their weights, and the preparation of what they read."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from . import hub
from .continual import ContinualI3D
from .flow import FlowFunction, open_flow, raft_network
from .i3d import I3DConfig, InceptionI3D, fold_batchnorm
from .pictures import prepare, prepare_flow, resize, scale_pixels, to_channels_first
from .precision import AUTO, choose_precision
from .spec import FLOW, HUB, RGB, ExtractorSpec, fingerprint

# Of one run. On a CPU two clips of 21 x 224 x 224 are faster than one, and than eight, which leave its cache.
_BATCH_PIXELS = {"cpu": 2_200_000, "cuda": 2**25}
_MOST_CLIPS = {"cpu": 16, "cuda": 64}
# RAFT compares each of the H/8 x W/8 places of a picture with each of the other's, at four sizes that are a
# third more together, in float32: 1.1 GB a pair of 1280 x 720.
_CORRELATION_BYTES = 2**30
_MOST_PAIRS = 16  # by other methods: 265 MB of flow at 1920 x 1080, and enough for every thread
_HEAD_BIAS = "logits.conv3d.bias"  # tells how many classes an I3D was trained for; features do not use them


class Sight(NamedTuple):
    """What an extractor keeps of a picture."""

    rgb: np.ndarray | None  # (h, w, 3) uint8, what clips are made of
    flow: np.ndarray | None  # (H', W', 3) uint8, what is held against the next one for its flow
    size: tuple[int, int]  # of the picture itself, (H, W)


class Extractor:
    """Clips to features.

    Args:
        spec: settings; its fingerprint is computed here, or checked if it has one.
        state: weights by published names. Where there are several networks, names begin with "rgb.", "flow."
            or "raft.".
        device: where to compute.
        precision: one of `PRECISIONS`; averages are taken in float32 whatever it is.

    Attributes:
        spec: with fingerprint, and the precision of what computes.
        feature_dim: channels C of a feature.
        batch: clips that are best computed at once.

    Raises:
        ValueError: the weights are not those of `spec`, or there is no such precision.
    """

    def __init__(
        self,
        spec: ExtractorSpec,
        state: dict[str, Tensor],
        device: str | torch.device = "cpu",
        precision: str = AUTO,
    ) -> None:
        found = fingerprint(state)
        if spec.fingerprint and spec.fingerprint != found:
            raise ValueError(
                f"the weights of extractor {spec.name} have fingerprint {found[:12]}, but "
                f"{spec.fingerprint[:12]} was expected; use the weights that the model was trained with"
            )
        self.device = torch.device(device)
        self._dtype = choose_precision(precision, spec, self.device)
        self.spec = replace(spec, fingerprint=found, precision=str(self._dtype).removeprefix("torch."))
        self._networks: list[nn.Module] = []
        self._flow: FlowFunction | None = None
        self.feature_dim = 0
        for prefix, network in networks(spec, state).items():
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if prefix == "raft.":
                self._flow = open_flow(spec.flow, self.device, own)
                continue
            _load(network, own, spec)
            if isinstance(network, InceptionI3D):
                self.feature_dim += network.feature_dim
                network = fold_batchnorm(network.eval()).to(self._dtype)
            else:
                self.feature_dim += hub.hub_feature_dim(network)
                network = hub.to_precision(network.eval(), self._dtype)
            self._networks.append(network.to(memory_format=torch.channels_last_3d).to(self.device))
        if FLOW in spec.streams and self._flow is None:
            self._flow = open_flow(spec.flow, self.device)
        pixels = spec.window * spec.crop[0] * spec.crop[1]
        kind = "cpu" if self.device.type == "cpu" else "cuda"
        self.batch = max(1, min(_MOST_CLIPS[kind], _BATCH_PIXELS[kind] // pixels))

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB to the (h, w, 3) uint8 that clips are made of."""
        return prepare(image, self.spec.short_side, self.spec.crop)

    def look(self, image: np.ndarray) -> Sight:
        """What of a picture (H, W, 3) uint8 RGB is kept until its flow is known: each resized once."""
        rgb = flow = None
        resized = resize(image, self.spec.short_side) if RGB in self.spec.streams else image
        if RGB in self.spec.streams:
            rgb = self.prepare(resized)
        if FLOW in self.spec.streams:
            side = self.spec.flow_side
            flow = resize(resized if side == self.spec.short_side else image, side) if side else image
        return Sight(rgb, flow, image.shape[:2])

    def flows(self, sights: list[Sight]) -> list[np.ndarray]:
        """Motion from each picture to the next, prepared.

        Args:
            sights: of N pictures, at least one.

        Returns:
            N - 1 arrays (h, w, 2) float32 in [-1, 1]; zero between a picture and itself, and where the
            size changes, as across a cut.
        """
        assert self._flow is not None
        flows = [np.zeros((*self.spec.crop, 2), np.float32)] * (len(sights) - 1)
        pairs = enumerate(itertools.pairwise(sights))
        moved = [i for i, (one, other) in pairs if one is not other and one.size == other.size]
        for size, alike in itertools.groupby(moved, lambda i: sights[i].size):
            of_one_size = list(alike)
            height, width = cast(np.ndarray, sights[of_one_size[0]].flow).shape[:2]
            shrunk = np.float32(min(size) / min(height, width))
            most = _pairs_at_once(self.spec.flow, height, width)
            for first in range(0, len(of_one_size), most):
                some = of_one_size[first : first + most]
                before, after = (
                    np.stack([cast(np.ndarray, sights[i + by].flow) for i in some]) for by in (0, 1)
                )  # (M, H', W', 3) each
                for i, flow in zip(some, self._flow(before, after), strict=True):
                    flows[i] = prepare_flow(flow * shrunk, self.spec.short_side, self.spec.crop)
        return flows

    def scaled(self, rgb: np.ndarray | None, flow: np.ndarray | None) -> list[Tensor]:
        """What the networks read: (N, 3, T, h, w) of pictures, (N, 2, T, h, w) of flow, as asked for."""
        inputs = []
        if RGB in self.spec.streams:
            pixels = torch.from_numpy(cast(np.ndarray, rgb)).to(self.device)
            scaled = scale_pixels(pixels, hub.MEAN, hub.STD) if self.spec.is_hub else scale_pixels(pixels)
            inputs.append(scaled.to(self._dtype))
        if FLOW in self.spec.streams:
            inputs.append(to_channels_first(cast(np.ndarray, flow), self.device).to(self._dtype))
        return inputs

    def __call__(
        self,
        rgb: np.ndarray | None = None,
        flow: np.ndarray | None = None,
        inside: np.ndarray | None = None,
    ) -> Tensor:
        """Features of exact windows.

        Args:
            rgb: (N, window, h, w, 3) uint8, where the spec has pictures.
            flow: (N, window, h, w, 2) float32 in [-1, 1], where it has flow.
            inside: (N, window) bool, False where a frame is to be read as zeros; default: none is.

        Returns:
            (N, C) float32 on the extractor's device, pictures first, then flow.
        """
        parts = []
        with torch.inference_mode():
            for network, x in zip(self._networks, self.scaled(rgb, flow), strict=True):
                if inside is not None and not inside.all():
                    x = x * torch.from_numpy(inside).to(x)[:, None, :, None, None]
                if isinstance(network, InceptionI3D):
                    parts.append(network.features(x))
                else:
                    ratio = hub.hub_model(self.spec.name.removeprefix(HUB)).slow_ratio
                    parts.append(hub.hub_features(network, x, ratio))
            return torch.cat(parts, dim=1).float()

    def continual(self) -> list[ContinualI3D]:
        """New continual networks for one video, one for each stream."""
        return [ContinualI3D(cast(InceptionI3D, network), self.spec.stride) for network in self._networks]


def _pairs_at_once(method: str, height: int, width: int) -> int:
    """How many pairs of pictures fit into the memory that optical flow may take; at least one."""
    if not method.startswith("raft"):
        return _MOST_PAIRS
    places = -(-height // 8) * -(-width // 8)
    return max(1, _CORRELATION_BYTES // (places * places * 4 * 4 // 3))


def networks(spec: ExtractorSpec, state: Mapping[str, Tensor | tuple[int, ...]]) -> dict[str, nn.Module]:
    """The networks of a spec without weights, by the prefix of their weights' names.

    Args:
        spec: settings.
        state: weights, or their shapes; only the number of classes that an I3D was trained for is read.
    """
    several = len(spec.streams) > 1 or spec.flow.startswith("raft")
    built: dict[str, nn.Module] = {}
    for stream in spec.streams:
        prefix = f"{stream}." if several else ""
        if spec.is_hub:
            built[prefix] = hub.hub_network(spec.name.removeprefix(HUB))
            continue
        bias = state.get(prefix + _HEAD_BIAS)
        shape = tuple(bias.shape) if isinstance(bias, Tensor) else bias
        channels = 3 if stream == RGB else 2
        built[prefix] = InceptionI3D(I3DConfig(spec.width, channels, shape[0] if shape else 1))
    if spec.flow.startswith("raft"):
        built["raft."] = raft_network(spec.flow)
    return built


def _load(network: nn.Module, state: dict[str, Tensor], spec: ExtractorSpec) -> None:
    """Load by strict names and shapes.

    Raises:
        ValueError: with the first name that does not fit.
    """
    expected = network.state_dict()
    for name in sorted(state.keys() | expected.keys()):
        if name not in state and not name.endswith("num_batches_tracked"):
            raise ValueError(f"the weights of extractor {spec.name} lack {name}; another network's?")
        if name not in expected:
            raise ValueError(f"the weights of extractor {spec.name} have {name}, which it does not know")
        if name in state and state[name].shape != expected[name].shape:
            raise ValueError(
                f"{name} of extractor {spec.name} has shape {tuple(state[name].shape)}, it needs "
                f"{tuple(expected[name].shape)}"
            )
    network.load_state_dict(state, strict=False)
