"""What a soak looks at: a time stamp that is off by little is named."""

from __future__ import annotations

import numpy as np

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.tools.robustness.soak import resident, wrong_times

WHOLE = (Segment("cut", 0.0, 4.0, 1.0), Segment("mix", 4.0, 10.0, 1.0))  # 10 s, a feature a second
TIMES = np.arange(10.0)


def test_right_time_stamps_are_right() -> None:
    assert [*wrong_times(WHOLE, TIMES, seconds=10.0, rate=4.0, features=10)] == []


def test_what_is_wrong_is_named() -> None:
    torn = (Segment("cut", 0.0, 3.9, 1.0), Segment("mix", 4.0, 9.5, 1.0))
    assert [*wrong_times(torn, TIMES[:9], seconds=10.0, rate=4.0, features=9)] == [
        "segments go from 0.0 to 9.5, not from 0 to 10.0",
        "1 holes between segments",
        "9 features, not 10",
        "the last feature is at 8.0, not at 9.0",
    ]


def test_memory_that_is_held_is_seen() -> None:
    before = resident()
    held = np.ones(400 * 2**17)  # 400 MB: more than other tests may give back meanwhile
    assert resident() - before > 200
    assert held[0] == 1
