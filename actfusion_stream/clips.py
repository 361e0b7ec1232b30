"""The time grid: frames at any times in, clips at regular times out.

An extractor was trained at a fixed frame rate, and videos come at any rate, a variable one too. So frames are
resampled by their timestamps onto a grid t_j = start + j / rate, and clip i is the window of grid frames
around j = i * stride. Before the first frame and after the last, the nearest frame is repeated, as in the
published features.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from extractors.extractor import ExtractorSpec

# A frame up to this part of a grid step early or late still counts as on time: containers round timestamps,
# and frames of a 29.97 fps video drift against a 15 fps grid. More would let a clip look into the future. Not
# 1/4 or 1/5: frames of 60, 24, 20 and of 25 fps lie that far off a 15 fps grid, and rounding would choose.
_TOLERANCE = 0.225


class ClipGrid:
    """Cuts clips from a stream of frames.

    Args:
        spec: window, rate and stride.

    Attributes:
        start: time of the first frame, where the grid starts; None before it.
    """

    def __init__(self, spec: ExtractorSpec) -> None:
        self.spec = spec
        self.start: float | None = None
        self._filled = 0  # grid frames filled so far
        self._cut = 0  # clips cut so far
        self._recent: deque[np.ndarray] = deque(maxlen=spec.window)
        self._last: np.ndarray | None = None

    def time_of(self, clip: int) -> float:
        """Seconds at the centre of a clip."""
        return (self.start or 0.0) + clip * self.spec.period

    def push(self, time: float, image: np.ndarray) -> Iterator[np.ndarray]:
        """Take the next frame; it has been taken when the iterator is at its end.

        After a long gap there are thousands of clips; they come one by one, so that none need be held.

        Args:
            time: seconds, not before the last frame's.
            image: (h, w, 3) uint8, prepared by the extractor.

        Yields:
            The clips that this frame completes, (window, h, w, 3) uint8 each, mostly none or one.
        """
        if self.start is None:
            self.start = time
        step = 1 / self.spec.rate
        while (due := self.start + self._filled * step) <= time + _TOLERANCE * step:
            late = time > due + _TOLERANCE * step
            # Between two frames a viewer sees the earlier one.
            yield from self._fill(self._last if late and self._last is not None else image)
        self._last = image

    def finish(self) -> list[np.ndarray]:
        """The clips that were still waiting for frames when the video ended."""
        clips: list[np.ndarray] = []
        if self._last is None:
            return clips
        centers = -(-self._filled // self.spec.stride)  # clips whose centre lies within the video
        while self._cut < centers:
            clips += self._fill(self._last)
        return clips

    def _fill(self, image: np.ndarray) -> list[np.ndarray]:
        if self._filled == 0:
            self._recent.extend([image] * self.spec.before)
        self._recent.append(image)
        self._filled += 1
        if self._filled - 1 == self._cut * self.spec.stride + self.spec.after:
            self._cut += 1
            return [np.stack(self._recent)]
        return []
