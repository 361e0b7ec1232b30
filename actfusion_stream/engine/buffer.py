"""The rolling buffer: the features of the last minutes, addressed by how many came before them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class FeatureBuffer:
    """Keeps the newest features in one block of memory, on the device where the model reads them.

    Args:
        dim: channels C of a feature.
        capacity: features to keep.
        device: where they lie.

    Attributes:
        first: absolute index of the oldest feature kept.
        end: absolute index one past the newest.
        seen: (N,) bool of what is kept, oldest first: False for a feature that only holds its place, where a
            live source showed nothing.
    """

    def __init__(self, dim: int, capacity: int, device: str | torch.device = "cpu") -> None:
        self.capacity = capacity
        self.first = self.end = 0
        # Twice the room: what is kept lies in one piece, and is moved only once per `capacity` features.
        self._block = torch.zeros(dim, 2 * capacity, device=device)
        self._offset = 0  # where `first` lies in the block
        self.seen: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, features: Tensor, seen: NDArray[np.bool_] | None = None) -> None:
        """Add features (N, C) float32, oldest first; what no longer fits is forgotten.

        Args:
            features: (N, C) float32, of any values where nothing was seen.
            seen: (N,) bool; None where all were.
        """
        count = len(features)
        kept = features[-self.capacity :]
        forgotten = max(0, len(self) + len(kept) - self.capacity)
        self._offset += forgotten
        held = len(self) - forgotten
        if self._offset + held + len(kept) > self._block.shape[1]:
            self._block[:, :held] = self._block[:, self._offset : self._offset + held].clone()
            self._offset = 0
        self._block[:, self._offset + held : self._offset + held + len(kept)] = kept.T
        news = np.ones(count, np.bool_) if seen is None else seen
        self.seen = np.concatenate([self.seen, news])[-self.capacity :]
        self.end += count
        self.first = self.end - held - len(kept)

    def observed(self) -> Tensor:
        """(C, N) float32 view of what is kept, oldest first."""
        return self._block[:, self._offset : self._offset + len(self)]
