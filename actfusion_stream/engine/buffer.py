"""The rolling buffer: the features of the last minutes, addressed by how many came before them."""

from __future__ import annotations

import numpy as np


class FeatureBuffer:
    """Keeps the newest features in one block of memory.

    Args:
        dim: channels C of a feature.
        capacity: features to keep.

    Attributes:
        first: absolute index of the oldest feature kept.
        end: absolute index one past the newest.
    """

    def __init__(self, dim: int, capacity: int) -> None:
        self.capacity = capacity
        self.first = self.end = 0
        # Twice the room: what is kept lies in one piece, and is moved only once per `capacity` features.
        self._block = np.zeros((dim, 2 * capacity), np.float32)
        self._offset = 0  # where `first` lies in the block

    def __len__(self) -> int:
        return self.end - self.first

    def append(self, features: np.ndarray) -> None:
        """Add features (N, C) float, oldest first; what no longer fits is forgotten."""
        for feature in features:
            if len(self) == self.capacity:
                self.first += 1
                self._offset += 1
            if self._offset + len(self) == self._block.shape[1]:
                self._block[:, : len(self)] = self._block[:, self._offset : self._offset + len(self)]
                self._offset = 0
            self._block[:, self._offset + len(self)] = feature
            self.end += 1

    def observed(self) -> np.ndarray:
        """(C, N) float32 view of what is kept, oldest first."""
        return self._block[:, self._offset : self._offset + len(self)]
