"""What the overlay draws, laid over a picture as its patches say."""

from __future__ import annotations

import numpy as np

from actfusion_stream.engine.timeline import Tick
from actfusion_stream.views.overlay import Overlay


def laid_over(overlay: Overlay, image: np.ndarray, time: float, tick: Tick | None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of even size with the overlay of a time; the picture itself stays as it is."""
    canvas = np.array(image)
    for patch in overlay.draw(image.shape[1], image.shape[0], time, tick):
        assert {number % 2 for number in (patch.top, patch.left, *patch.keep.shape)} == {0}
        there = canvas[patch.top :, patch.left :][: patch.keep.shape[0], : patch.keep.shape[1]]
        there[:] = np.rint(there * (patch.keep[..., None] / 255)) + patch.color
    return canvas
