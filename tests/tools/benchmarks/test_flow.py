"""Flow is timed on frames that move."""

from __future__ import annotations

import numpy as np

from actfusion_stream.tools.benchmarks.flow import drawn_pairs


def test_the_pairs_move_a_little() -> None:
    before, after = drawn_pairs(2, 320, 240)
    assert before.shape == after.shape == (2, 240, 320, 3)
    changed = np.abs(after.astype(int) - before).max(axis=-1) > 16
    assert (changed.mean(axis=(1, 2)) > 0.0005).all()
    assert changed.mean() < 0.2
