"""A continual I3D: every time step is convolved once over the whole stream, however many features it serves.

The network of an exact window starts anew for each feature, and pads each window with zeros. Here its layers
run over the stream, each keeping the few time steps that its next outputs read, so neighbouring features
share all the work. That makes another feature: no zeros at the edges of windows, and a longer reach, 57
frames to either side instead of 10. A model must be trained on the features it is run on.

A feature at frame t is (m(t - 8) + 2 m(t) + m(t + 8)) / 4, where m are the spatially averaged maps of
`Mixed_5c`, placed where the three time steps of a 21-frame window around t lie. Temporal strides become
dilations: an output at frame q reads inputs at fixed offsets from q, so features at any distance agree
wherever they coincide, and only the positions that some feature needs are computed. Chunks of any size give
the same features, since a layer's state is all that is carried from one to the next.

After "Continual Inference" (Hedegaard & Iosifidis, ECCV 2022), with the delay that centred filters need.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .i3d import ConvUnit, Inception, InceptionI3D, MaxPool, pad_same


@dataclass(frozen=True)
class Grid:
    """Frames at which a layer has outputs: first, first + step, …"""

    first: int
    step: int

    def count(self, frames: int) -> int:
        """How many lie within so many frames."""
        return max(0, -(-(frames - self.first) // self.step))


class Taps:
    """Turns a stream of inputs into the windows that the next outputs read.

    Args:
        inputs, outputs: at which frames they lie.
        offsets: frames from an output to the inputs it reads, evenly spaced.
    """

    def __init__(self, inputs: Grid, outputs: Grid, offsets: Sequence[int]) -> None:
        spacing = offsets[1] - offsets[0]
        first = outputs.first + offsets[0] - inputs.first
        if first % inputs.step or spacing % inputs.step or outputs.step % inputs.step:
            raise ValueError(f"outputs at {outputs} cannot read {offsets} from inputs at {inputs}")
        self.dilation, self.stride = spacing // inputs.step, outputs.step // inputs.step
        self._width = (len(offsets) - 1) * self.dilation + 1
        self._outputs = outputs
        self._missing = -(first // inputs.step)  # zeros before the first input; if below 0, inputs to skip
        self._made = 0
        self._kept: Tensor | None = None

    def __call__(self, x: Tensor, ended: int | None = None) -> Tensor:
        """Take inputs (N, C, T, H, W), possibly none; give the window for all outputs they complete.

        With `ended`, the length of the stream in frames, the last outputs see zeros beyond it. Where there is
        no output, the window has no time step.
        """
        if self._kept is None:
            n, c, _, height, width = x.shape
            zeros = x.new_zeros(n, max(0, self._missing), height, width, c)
            self._kept = zeros.movedim(4, 1)  # channels last in memory
        if self._missing < 0 and x.shape[2]:
            skipped = min(-self._missing, x.shape[2])
            x, self._missing = x[:, :, skipped:], self._missing + skipped
        # Nothing has no order in memory, and what is joined to it would lose its own.
        parts = [part for part in (self._kept, x) if part.shape[2]] or [x]
        kept = torch.cat(parts, dim=2) if len(parts) == 2 else parts[0]
        count = max(0, (kept.shape[2] - self._width) // self.stride + 1)
        if ended is not None:
            count = self._outputs.count(ended) - self._made
            lacking = (count - 1) * self.stride + self._width - kept.shape[2]
            kept = F.pad(kept, (0, 0, 0, 0, 0, max(0, lacking)))
        self._made += count
        used = (count - 1) * self.stride + self._width if count else 0
        self._kept = kept[:, :, count * self.stride :].clone()  # a view would hold on to what is done
        return kept[:, :, :used]


class ContinualI3D:
    """An I3D that runs over a stream.

    Args:
        network: in eval mode, batch norm folded or not; not changed.
        every: frames from one feature to the next.
    """

    def __init__(self, network: InceptionI3D, every: int) -> None:
        steps = [math.gcd(every, stride) for stride in (1, 2, 4, 8)]
        frames, early, middle, late = (
            Grid(0, steps[0]),
            Grid(0, steps[1]),
            Grid(2 % steps[2], steps[2]),  # those of stage 4 lie between those of stage 5
            Grid(0, steps[3]),
        )
        self._late, self._every = late, every
        self._layers: list[Callable[[Tensor, int | None], Tensor]] = []
        grid, spacing = frames, 1
        for name, layer in network.trunk():
            if isinstance(layer, ConvUnit):
                after = early if layer.conv3d.stride[0] > 1 else grid
                self._layers.append(_Conv(layer, grid, after, spacing))
                if after is early:
                    spacing = 2
                grid = after
            elif isinstance(layer, Inception):
                self._layers.append(_Inception(layer, grid, spacing))
            elif isinstance(layer, MaxPool):
                if name == "MaxPool3d_4a_3x3":
                    self._layers.append(_Pool(layer, grid, middle, (-2, 0, 2)))
                    grid, spacing = middle, 4
                elif name == "MaxPool3d_5a_2x2":
                    self._layers.append(_Pool(layer, grid, late, (-2, 2)))
                    grid, spacing = late, 8
                else:
                    self._layers.append(_SpacePool(layer))
        self._maps: list[Tensor] = []  # m, (C,) each, from `_first` on
        self._first = self._next = 0  # the index of the oldest m kept; the next feature
        self._frames = 0

    @torch.inference_mode()
    def push(self, frames: Tensor) -> Tensor:
        """Take frames (1, in_channels, T, H, W) float; give the features (N, C) that they complete."""
        self._frames += frames.shape[2]
        return self._run(frames, None)

    @torch.inference_mode()
    def finish(self, like: Tensor) -> Tensor:
        """The features (N, C) that were still waiting when the stream ended.

        Args:
            like: (1, in_channels, 0, H, W), no frames of the right kind.
        """
        return self._run(like, self._frames)

    def _run(self, x: Tensor, ended: int | None) -> Tensor:
        for layer in self._layers:
            x = layer(x, ended)
        if x.shape[2]:
            self._maps.extend(x.mean(dim=(3, 4), dtype=torch.float32)[0].unbind(dim=1))
        reach, step = 8 // self._late.step, self._late.step
        total = self._first + len(self._maps)  # of m that are known
        found = []
        while True:
            t = self._next * self._every
            centre = t // step
            if ended is None:
                if centre + reach >= total:
                    break
            elif t >= ended:
                break
            # At the ends of the stream, the mean over those that are there.
            taps = [(centre + offset, weight) for offset, weight in ((-reach, 1), (0, 2), (reach, 1))]
            taps = [(index, weight) for index, weight in taps if 0 <= index < total]
            whole = sum(weight for _, weight in taps)
            found.append(torch.stack([w / whole * self._maps[i - self._first] for i, w in taps]).sum(dim=0))
            self._next += 1
        keep = max(0, min(len(self._maps), self._next * self._every // step - reach - self._first))
        del self._maps[:keep]
        self._first += keep
        return torch.stack(found) if found else x.new_zeros(0, x.shape[1], dtype=torch.float32)


class _Conv:
    """A convolution, batch norm and ReLU over a stream."""

    def __init__(self, unit: ConvUnit, inputs: Grid, outputs: Grid, spacing: int) -> None:
        self._unit = unit
        half = unit.conv3d.kernel_size[0] // 2
        offsets = range(-half * spacing, half * spacing + 1, spacing)
        self._taps = Taps(inputs, outputs, offsets) if half else None

    def __call__(self, x: Tensor, ended: int | None) -> Tensor:
        if self._taps is None:
            return self._unit(x) if x.shape[2] else self._nothing(x)
        window = self._taps(x, ended)
        if not window.shape[2]:
            return self._nothing(x)
        conv = self._unit.conv3d
        stride = conv.stride[1:]
        if stride[0] > 1:
            window, padding = pad_same(window, (1, *conv.kernel_size[1:]), (1, *stride)), 0
        else:
            padding = conv.kernel_size[1] // 2
        y = F.conv3d(
            window,
            conv.weight,
            conv.bias,
            stride=(self._taps.stride, *stride),
            padding=(0, padding, padding),
            dilation=(self._taps.dilation, 1, 1),
        )
        return F.relu_(self._unit.bn(y))

    def _nothing(self, x: Tensor) -> Tensor:
        stride = self._unit.conv3d.stride[1]
        height, width = (-(-size // stride) for size in x.shape[3:])
        return x.new_zeros(x.shape[0], self._unit.conv3d.out_channels, 0, height, width)


class _Pool:
    """A max pool over a stream; zeros beyond its ends never win, as its inputs come out of a ReLU."""

    def __init__(self, pool: MaxPool, inputs: Grid, outputs: Grid, offsets: Sequence[int]) -> None:
        self._pool, self._taps = pool, Taps(inputs, outputs, offsets)

    def __call__(self, x: Tensor, ended: int | None) -> Tensor:
        window = self._taps(self._pool.over_space(x), ended)
        if not window.shape[2]:
            return window
        return self._pool.over_time(window, self._taps.stride, self._taps.dilation)


class _SpacePool:
    """A max pool over space alone."""

    def __init__(self, pool: MaxPool) -> None:
        self._pool = pool

    def __call__(self, x: Tensor, ended: int | None) -> Tensor:
        return self._pool.over_space(x)


class _Inception:
    """An Inception module over a stream: its plain branch waits for those that look ahead."""

    def __init__(self, module: Inception, grid: Grid, spacing: int) -> None:
        def conv(unit: ConvUnit) -> _Conv:
            return _Conv(unit, grid, grid, spacing)

        around = (-spacing, 0, spacing)
        self._reach = spacing // grid.step
        self._b0, self._waiting = conv(module.b0), Taps(grid, grid, around)
        self._b1a, self._b1b = conv(module.b1a), conv(module.b1b)
        self._b2a, self._b2b = conv(module.b2a), conv(module.b2b)
        self._b3a, self._b3b = _Pool(module.b3a, grid, grid, around), conv(module.b3b)

    def __call__(self, x: Tensor, ended: int | None) -> Tensor:
        waiting = self._waiting(self._b0(x, ended), ended)
        branch0 = waiting[:, :, self._reach : max(self._reach, waiting.shape[2] - self._reach)]
        branch1 = self._b1b(self._b1a(x, ended), ended)
        branch2 = self._b2b(self._b2a(x, ended), ended)
        branch3 = self._b3b(self._b3a(x, ended), ended)
        return torch.cat([branch0, branch1, branch2, branch3], dim=1)
