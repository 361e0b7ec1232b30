"""Labels at the times of features."""

from __future__ import annotations

import numpy as np

from actfusion_stream.annotations.segments import Segment
from actfusion_stream.tools.data.mstcn import labels_at


def test_times_lie_in_half_open_segments() -> None:
    segments = [Segment("a", 0.2, 0.4), Segment("b", 0.4, 0.6)]
    times = np.arange(8) / 10
    assert labels_at(segments, times, "-") == ["-", "-", "a", "a", "b", "b", "-", "-"]
