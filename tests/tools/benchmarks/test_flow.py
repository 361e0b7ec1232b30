"""Methods of optical flow are timed on the pairs of a real file."""

from __future__ import annotations

import re
from pathlib import Path

from actfusion_stream.tools.benchmarks.flow import benchmark_flow


def test_methods_are_timed_and_held_against_each_other(tiny_video: Path) -> None:
    head, one, other, apart = benchmark_flow(tiny_video, ["dis", "dis"], pairs=2)
    assert head == "tiny.mp4, 64 x 48, 2 pairs:"
    assert re.fullmatch(r"  dis: [\d.]+ pairs/s, mean motion [\d.]+ pixels", one)
    assert re.fullmatch(r"  dis: [\d.]+ pairs/s, mean motion [\d.]+ pixels", other)
    assert apart == "  dis and dis: 0.00 pixels apart on average, 0.00 in the median"
