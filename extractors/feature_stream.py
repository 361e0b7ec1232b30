"""Grid frames in, features out: the one way from pictures to features, live and in bulk.

Batches, chunks and ticks change how soon a feature comes, never its value beyond rounding.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .extractor import Extractor
from .spec import FLOW, RGB
from .windows import Item, Windows, stack

_CHUNK = 32  # frames of one run of a continual network


class FeatureStream:
    """Features of one video, whose pictures come one by one on the extractor's time grid.

    Args:
        extractor: which may serve several such streams.

    Attributes:
        thin: of so many features one is computed and the others repeat it: for a live stream that cannot keep
            up. A continual network takes no notice, as each of its steps needs the one before.
        repeated: features that were repeated.

    `push` computes only when a batch is full; `flush` computes what is due now, as a live tick needs it.
    """

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._spec = extractor.spec
        self._last: tuple[np.ndarray, np.ndarray | None] | None = None  # a picture, and the same prepared
        self._pending: list[tuple[np.ndarray, np.ndarray | None]] = []  # their flow to the next is to come
        self.thin = 1
        self.repeated = 0
        self._computed: Tensor | None = None  # (C,), the newest one
        self._count = 0  # features of exact windows so far
        self._waiting: list[list[Item]] = []  # windows without features
        self._frames: list[Item] = []  # for a continual network: items that it has not seen
        self._run: _ContinualRun | Windows = (
            _ContinualRun(extractor) if self._spec.windows == "continual" else Windows(self._spec)
        )

    def push(self, image: np.ndarray) -> Tensor:
        """Take the next grid frame.

        Args:
            image: (H, W, 3) uint8 RGB at its own size; the same array again where the grid repeats a frame.

        Returns:
            (N, C) float32 on the extractor's device: features that are ready, none unless this frame filled
            a batch.
        """
        if self._last is None or image is not self._last[0]:
            prepared = self._extractor.prepare(image) if RGB in self._spec.streams else None
            self._last = image, prepared
        if FLOW in self._spec.streams:
            self._pending.append(self._last)
            if len(self._pending) > self._extractor.batch:
                self._take(self._pair_up())
        else:
            self._take([Item(self._last[1], None, inside=True)])
        if len(self._waiting) >= self._extractor.batch or len(self._frames) >= _CHUNK:
            return self._compute()
        return self._nothing()

    def flush(self) -> Tensor:
        """(N, C) float32: every feature that the frames so far allow, and that was not given yet."""
        self._take(self._pair_up())
        return self._compute()

    def finish(self) -> Tensor:
        """(N, C) float32: the features that were still waiting for frames when the video ended."""
        self._take(self._pair_up())
        if self._pending:  # nothing moves after the last picture
            still = np.zeros((*self._spec.crop, 2), np.float32)
            self._take([Item(self._pending[0][1], still, inside=True)])
        if isinstance(self._run, Windows):
            self._waiting += self._run.finish()
            return self._compute()
        return torch.cat([self._compute(), self._run.finish()])

    def _pair_up(self) -> list[Item]:
        """Items of the pictures that wait for their flow; the last one waits on for its successor."""
        flows = self._extractor.flows([image for image, _ in self._pending]) if self._pending else []
        items = [
            Item(prepared, flow, inside=True)
            for (_, prepared), flow in zip(self._pending, flows, strict=False)
        ]
        self._pending = self._pending[-1:]
        return items

    def _take(self, items: list[Item]) -> None:
        if isinstance(self._run, Windows):
            self._waiting += [window for item in items if (window := self._run.push(item)) is not None]
        else:
            self._frames += items

    def _compute(self) -> Tensor:
        found = [self._nothing()]
        if isinstance(self._run, Windows):
            found += self._exact()
        elif self._frames:
            found.append(self._run.push(self._frames))
            self._frames.clear()
        return torch.cat(found)

    def _exact(self) -> list[Tensor]:
        """Features of the waiting windows, of which `thin` lets only some be computed."""
        count, size = len(self._waiting), self._extractor.batch
        if not count:
            return []
        nothing_yet = self._computed is None
        asked = [i for i in range(count) if (self._count + i) % self.thin == 0 or (nothing_yet and i == 0)]
        windows = [self._waiting[i] for i in asked]
        parts = [
            self._extractor(*stack(windows[first : first + size])) for first in range(0, len(windows), size)
        ]
        self._waiting.clear()
        self._count += count
        self.repeated += count - len(asked)
        if len(asked) == count:
            self._computed = parts[-1][-1]
            return parts
        before = [] if self._computed is None else [self._computed[None]]
        rows = torch.cat([*before, *parts])  # (before + asked, C)
        newest = np.searchsorted(asked, np.arange(count), side="right") - 1 + len(before)
        self._computed = rows[-1]
        return [rows[torch.from_numpy(newest)]]

    def _nothing(self) -> Tensor:
        return torch.zeros(0, self._extractor.feature_dim, device=self._extractor.device)


class _ContinualRun:
    """The continual networks of one video, one for each stream."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._networks = extractor.continual()
        self._like: list[Tensor] = []

    def push(self, frames: list[Item]) -> Tensor:
        clips = stack([frames])
        inputs = self._extractor.scaled(clips.rgb, clips.flow)
        self._like = [x[:, :, :0] for x in inputs]
        return self._joined([net.push(x) for net, x in zip(self._networks, inputs, strict=True)])

    def finish(self) -> Tensor:
        if not self._like:
            return torch.zeros(0, self._extractor.feature_dim, device=self._extractor.device)
        return self._joined([net.finish(x) for net, x in zip(self._networks, self._like, strict=True)])

    def _joined(self, parts: list[Tensor]) -> Tensor:
        return torch.cat(parts, dim=1).float()
