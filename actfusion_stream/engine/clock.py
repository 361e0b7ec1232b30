"""Where features lie in time: one answer for the stream, for bulk extraction and for every evaluation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.extractors.spec import ExtractorSpec

_ROUNDING = 1e-6  # seconds by which sums of floats may miss a frame's time


@dataclass(frozen=True)
class FeatureClock:
    """The times of evenly spaced features, counted from 0, in seconds of their source.

    Attributes:
        rate: grid frames a second.
        stride: grid frames from one feature to the next.
        before, after: grid frames before and after a feature's own that it depends on.
        start: seconds at which grid frame 0 lies, and with it feature 0.
    """

    rate: float
    stride: int = 1
    before: int = 0
    after: int = 0
    start: float = 0.0

    @classmethod
    def of(cls, spec: ExtractorSpec, start: float = 0.0) -> FeatureClock:
        """The clock of an extractor's features of a video that begins at `start` seconds."""
        return cls(spec.rate, spec.stride, spec.before, spec.after, start)

    @property
    def period(self) -> float:
        """Seconds from one feature to the next."""
        return self.stride / self.rate

    @property
    def lookahead(self) -> float:
        """Seconds from a feature's time to the last frame that it depends on."""
        return self.after / self.rate

    def times(self, first: int, end: int) -> NDArray[np.float64]:
        """(end - first,) seconds at which the features from `first` up to `end` lie."""
        return self.start + self.period * np.arange(first, end, dtype=np.float64)

    def edge(self, index: int) -> float:
        """Seconds from which feature `index` speaks: halfway from the one before, within the video."""
        return self.start + max(0.0, (index - 0.5) * self.stride) / self.rate

    def edges(self, first: int, end: int) -> NDArray[np.float64]:
        """(end - first + 1,) seconds: feature i of them speaks in [edges[i], edges[i + 1])."""
        return (
            self.start
            + np.maximum(0.0, (np.arange(first, end + 1, dtype=np.float64) - 0.5) * self.stride) / self.rate
        )

    def seen(self, index: int) -> tuple[float, float]:
        """Seconds of the first and of the last frame that feature `index` depends on."""
        middle = index * self.stride
        return (
            self.start + max(0, middle - self.before) / self.rate,
            self.start + (middle + self.after) / self.rate,
        )

    def count(self, seen_until: float) -> int:
        """How many features can exist once the frame at `seen_until` seconds was seen, and no later one."""
        steps = (seen_until - self.start + _ROUNDING) * self.rate - self.after
        return max(0, int(steps // self.stride) + 1)
