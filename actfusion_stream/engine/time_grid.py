"""The time grid: frames at any times in, frames at regular times out.

An extractor was trained at a fixed frame rate, and videos come at any rate, a variable one too. So frames are
resampled by their timestamps onto a grid t_j = start + j / rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

# A frame up to this part of a grid step early or late still counts as on time: containers round timestamps,
# and frames of a 29.97 fps video drift against a 15 fps grid. More would let a clip look into the future. Not
# 1/4 or 1/5: frames of 60, 24, 20 and of 25 fps lie that far off a 15 fps grid, and rounding would choose.
_TOLERANCE = 0.225


class TimeGrid:
    """Puts a stream of frames on a grid.

    Args:
        rate: grid frames a second.
        read: what is made of a picture when the grid first shows it; by default nothing.

    Attributes:
        start: time of the first frame, where the grid starts; None before it.
    """

    def __init__(self, rate: float, read: Callable[[Any], Any] = lambda picture: picture) -> None:
        self.rate = rate
        self.start: float | None = None
        self._filled = 0  # grid frames given so far
        self._read = read
        self._last: Any = None  # picture
        self._shown: tuple[Any, Any] = (None, None)  # the picture that was read last, and what was made of it

    @property
    def reached(self) -> float:
        """Seconds at the next grid frame."""
        return (self.start or 0.0) + self._filled * (1 / self.rate)

    def time_of(self, index: float) -> float:
        """Seconds at grid frame `index`."""
        return (self.start or 0.0) + index / self.rate

    def push(self, time: float, picture: Any) -> Iterator[Any]:
        """Take the next frame; it has been taken when the iterator is at its end.

        After a long wait there are thousands of grid frames; they come one by one, so that none need be held.

        Args:
            time: seconds, not before the last frame's.
            picture: whatever `read` takes.

        Yields:
            What a viewer sees at each grid time that is now known, mostly none or one; the same object where
            it is shown for several.
        """
        if self.start is None:
            self.start = time
        yield from self.hold(time)
        step = 1 / self.rate
        while self.reached <= time + _TOLERANCE * step:
            self._filled += 1
            yield self._look(picture)
        self._last = picture

    def hold(self, time: float) -> Iterator[Any]:
        """What is shown up to a frame at `time` seconds: between two frames a viewer sees the earlier one."""
        step = 1 / self.rate
        while self._last is not None and time > self.reached + _TOLERANCE * step:
            self._filled += 1
            yield self._look(self._last)

    def skip(self, time: float) -> int:
        """Leave out the grid frames up to a frame at `time` seconds, and count them."""
        before, step = self._filled, 1 / self.rate
        # But for the last one, which rounding may put to either side: `hold` must agree.
        self._filled = max(before, math.floor((time - (self.start or 0.0)) * self.rate - _TOLERANCE))
        while time > self.reached + _TOLERANCE * step:
            self._filled += 1
        return self._filled - before

    def _look(self, picture: Any) -> Any:
        if self._shown[0] is not picture:
            self._shown = picture, self._read(picture)
        return self._shown[1]
