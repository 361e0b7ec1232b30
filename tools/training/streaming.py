"""Examples as a stream has them: a prefix of a video whose length nobody knows, and what follows."""

from __future__ import annotations

import numpy as np

_TOTAL = (0.05, 1.6)  # steps of prefix and future, as shares of the video: beyond 1, the future outlasts it
_OBSERVED = (0.2, 1.0)  # the prefix, as a share of what of them lies within the video


def draw_total(length: int, rng: np.random.Generator) -> int:
    """How many steps prefix and future have together, of a video of `length` steps; at least two."""
    return max(2, int(rng.uniform(*_TOTAL) * length))


def draw_observed(total: int, length: int, rng: np.random.Generator) -> int:
    """How many of `total` steps are seen: at least one, and none beyond the video's `length`."""
    return max(1, int(rng.uniform(*_OBSERVED) * min(total, length)))
