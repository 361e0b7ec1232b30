"""Backbones of pytorchvideo's model hub as feature extractors.

A feature is what the last linear layer of the network's head reads, averaged over positions as the head
averages its outputs: (N, C) from (N, 3, T, H, W). Frames, stride and size are each model's own, as trained on
Kinetics-400 at 30 frames a second; pictures are scaled by mean 0.45 and standard deviation 0.225. Source:
pytorchvideo's model zoo, and the examples on its hub pages. The examples draw their frames evenly from a clip
with both ends, i.e. 9 frames apart where the network was trained 8 apart; here it is the latter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

MEAN, STD = 0.45 * 255, 0.225 * 255  # of uint8 pixels
RATE = 30.0  # frames a second


@dataclass(frozen=True)
class HubModel:
    """How one backbone wants its clips.

    Attributes:
        frames: of a clip.
        frame_stride: from one to the next.
        short_side: pixels of the shorter side.
        crop: pixels of the square centre crop.
        slow_ratio: SlowFast's slow pathway sees every so many-th frame; 0 for one pathway.
    """

    frames: int
    frame_stride: int
    short_side: int
    crop: int
    slow_ratio: int = 0


HUB_MODELS = {
    "i3d_r50": HubModel(8, 8, 256, 224),
    "c2d_r50": HubModel(8, 8, 256, 224),
    "slow_r50": HubModel(8, 8, 256, 256),
    "slowfast_r50": HubModel(32, 2, 256, 256, slow_ratio=4),
    "slowfast_r101": HubModel(32, 2, 256, 256, slow_ratio=4),
    "slowfast_16x8_r101_50_50": HubModel(64, 2, 256, 256, slow_ratio=4),
    "x3d_xs": HubModel(4, 12, 182, 182),
    "x3d_s": HubModel(13, 6, 182, 182),
    "x3d_m": HubModel(16, 5, 256, 256),
    "x3d_l": HubModel(16, 5, 356, 356),
    "csn_r101": HubModel(32, 2, 256, 256),
    "r2plus1d_r50": HubModel(16, 4, 256, 256),
}


def hub_model(name: str) -> HubModel:
    """Raises: ValueError if there is no such backbone."""
    if name not in HUB_MODELS:
        raise ValueError(f"hub:{name}: no such backbone; there are {', '.join(sorted(HUB_MODELS))}")
    return HUB_MODELS[name]


def hub_network(name: str) -> nn.Module:
    """pytorchvideo's network, without weights; its state dict has the published names.

    Raises:
        ValueError: there is no such backbone.
    """
    hub_model(name)
    from pytorchvideo.models import hub  # takes seconds

    return cast(nn.Module, getattr(hub, name)(pretrained=False))


def hub_feature_dim(network: nn.Module) -> int:
    """Channels C of its features."""
    return cast(int, _head(network).proj.in_features)


def to_precision(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Let a network compute in `dtype`, but for its batch norms: their statistics stay float32, as they were.

    A variance of bfloat16 would scale all that follows by some thousandths, always to the same side.
    """
    for module in network.modules():
        if not isinstance(module, nn.modules.batchnorm._BatchNorm):
            for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)):
                tensor.data = tensor.data.to(dtype) if tensor.is_floating_point() else tensor.data
    return network


def hub_features(network: nn.Module, clips: Tensor, slow_ratio: int = 0) -> Tensor:
    """Features of clips.

    Args:
        network: of `hub_network`, in eval mode.
        clips: (N, 3, T, H, W) float, scaled, of the model's own size: the pools of its head are fixed.
        slow_ratio: see `HubModel`.

    Returns:
        (N, C) float32: the head's projection of it is the average of its outputs before their softmax.
    """
    x: Any = clips
    if slow_ratio:
        count = clips.shape[2]
        slow = torch.linspace(0, count - 1, count // slow_ratio, device=clips.device).long()
        x = [clips[:, :, slow], clips]
    *body, head = cast(nn.ModuleList, network.blocks)
    for block in body:
        x = block(x)
    if head.pool is not None:
        pool = cast(nn.Module, head.pool)
        plain = next(pool.parameters(), None) is None  # an average, which is taken in float32
        x = pool(x.float() if plain else x)
    return cast(Tensor, x.mean(dim=(2, 3, 4), dtype=torch.float32))


def _head(network: nn.Module) -> Any:
    return cast(nn.ModuleList, network.blocks)[-1]
