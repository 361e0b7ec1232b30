"""What optical flow costs, on pairs of frames of the drawn kitchen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from actfusion_stream.extractors.flow import open_flow
from actfusion_stream.kitchen.drawing import Kitchen

from .rows import Row, Setting, in_turns

_APART = 1 / 30  # seconds, from the earlier frame of a pair to the later


def drawn_pairs(count: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Earlier and later frames (N, H, W, 3) uint8 RGB, the pairs two seconds apart."""
    kitchen = Kitchen(seed=1, size=(width, height))
    before, after = (
        np.stack([kitchen.frame(5 + 2 * i + later) for i in range(count)]) for later in (0, _APART)
    )
    return before, after


def flow_rows(setting: Setting) -> Iterator[Row]:
    """Methods that need no weights."""
    for width, height in [(64, 48)] if setting.small else [(340, 256), (1280, 720)]:
        before, after = drawn_pairs(2, width, height)
        dis = open_flow("dis")
        took = in_turns({"dis": lambda: dis(before, after)}, setting)  # noqa: B023 - called at once
        yield Row(f"DIS flow at {width} x {height}, 2 pairs", "", None, took["dis"])
