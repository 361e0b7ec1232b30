"""Where features lie in time, and when they can be there: the clock against frames that are counted."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.extractors.spec import ExtractorSpec

CLOCK = FeatureClock(rate=15.0, stride=4, before=4, after=3, start=2.0)


def test_times_and_edges_are_literal() -> None:
    np.testing.assert_allclose(CLOCK.times(0, 3), [2.0, 2 + 4 / 15, 2 + 8 / 15])
    np.testing.assert_allclose(CLOCK.edges(0, 2), [2.0, 2 + 2 / 15, 2 + 6 / 15])
    assert [CLOCK.edge(i) for i in range(3)] == CLOCK.edges(0, 2).tolist()
    assert (CLOCK.period, CLOCK.lookahead) == (4 / 15, 0.2)


def test_each_feature_lies_where_it_speaks() -> None:
    edges, times = CLOCK.edges(5, 30), CLOCK.times(5, 30)
    assert np.all((edges[:-1] <= times) & (times < edges[1:]))


def test_what_a_feature_saw_lies_within_the_video() -> None:
    assert CLOCK.seen(0) == pytest.approx((2.0, 2.2))
    assert CLOCK.seen(3) == pytest.approx((2 + 8 / 15, 3.0))


@pytest.mark.parametrize("rate", [15.0, 24.0, 25.0, 30000 / 1001])
@pytest.mark.parametrize("stride", [1, 4, 6])
@pytest.mark.parametrize("after", [0, 3, 7])
def test_features_are_there_once_their_last_frame_was_seen(rate: float, stride: int, after: int) -> None:
    clock = FeatureClock(rate, stride, after=after, start=1.5)
    for frames in range(1, 80):
        seen_until = 1.5 + (frames - 1) / rate
        there = [index for index in range(80) if index * stride + after < frames]
        assert clock.count(seen_until) == len(there)
        for index in there:
            assert clock.seen(index)[1] <= seen_until + 1e-9


def test_nothing_is_there_before_the_start() -> None:
    assert CLOCK.count(1.9) == 0


@pytest.mark.parametrize("windows", ["exact", "continual"])
def test_the_clock_of_an_extractor_is_its_specs(windows: str) -> None:
    spec = ExtractorSpec("tiny", 0.1, 8, 15.0, 4, 32, (32, 40), windows=windows)
    clock = FeatureClock.of(spec, start=3.0)
    assert (clock.period, clock.lookahead, clock.start) == (spec.period, spec.lookahead, 3.0)
    assert (clock.before, clock.after) == (spec.before, spec.after)
