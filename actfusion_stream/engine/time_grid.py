"""The time grid: frames at any times in, frames at regular times out.

An extractor was trained at a fixed frame rate, and videos come at any rate, a variable one too. So frames are
resampled by their timestamps onto a grid t_j = start + j / rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# A frame up to this part of a grid step early or late still counts as on time: containers round timestamps,
# and frames of a 29.97 fps video drift against a 15 fps grid. More would let a clip look into the future. Not
# 1/4 or 1/5: frames of 60, 24, 20 and of 25 fps lie that far off a 15 fps grid, and rounding would choose.
_TOLERANCE = 0.225


class TimeGrid:
    """Puts a stream of frames on a grid.

    Args:
        rate: grid frames a second.

    Attributes:
        start: time of the first frame, where the grid starts; None before it.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.start: float | None = None
        self._filled = 0  # grid frames given so far
        self._last: np.ndarray | None = None

    def time_of(self, index: float) -> float:
        """Seconds at grid frame `index`."""
        return (self.start or 0.0) + index / self.rate

    def push(self, time: float, image: np.ndarray) -> Iterator[np.ndarray]:
        """Take the next frame; it has been taken when the iterator is at its end.

        After a long gap there are thousands of grid frames; they come one by one, so that none need be held.

        Args:
            time: seconds, not before the last frame's.
            image: any array; it is passed on, the same object where it is shown for several grid frames.

        Yields:
            What a viewer sees at each grid time that is now known, mostly none or one.
        """
        if self.start is None:
            self.start = time
        step = 1 / self.rate
        while (due := self.start + self._filled * step) <= time + _TOLERANCE * step:
            late = time > due + _TOLERANCE * step
            # Between two frames a viewer sees the earlier one.
            shown = self._last if late and self._last is not None else image
            self._filled += 1
            yield shown
        self._last = image
