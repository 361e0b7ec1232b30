"""Ways take turns, and a row says how they compare."""

from __future__ import annotations

import pytest
import torch

from actfusion_stream.tools.benchmarks.rows import Row, Setting, in_turns


def test_ways_take_turns_and_the_first_call_of_each_does_not_count() -> None:
    now, called = [0.0], []

    def way(name: str, *seconds: float) -> None:
        called.append(name)
        now[0] += seconds[called.count(name) - 1]

    ways = {"plain": lambda: way("plain", 90, 4, 2, 3), "ours": lambda: way("ours", 9, 1, 1, 7)}
    took = in_turns(ways, Setting(torch.device("cpu"), rounds=3), clock=lambda: now[0])
    assert called == ["plain", "ours"] * 4
    assert took == {"plain": 3, "ours": 1}


@pytest.mark.parametrize(
    ("plain_s", "target", "ratio", "reached"),
    [(6.0, 3.0, 3.0, True), (6.0, 3.1, 3.0, False), (6.0, None, 3.0, None), (None, 2.0, None, True)],
)
def test_a_target_is_a_ratio_where_there_is_a_plain_way_and_seconds_elsewhere(
    plain_s: float | None, target: float | None, ratio: float | None, reached: bool | None
) -> None:
    row = Row("work", "a loop", plain_s, 2.0, target)
    assert (row.ratio, row.reached) == (ratio, reached)
