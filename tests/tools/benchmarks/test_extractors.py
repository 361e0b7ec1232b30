"""The ways to a feature that are compared give the same numbers, and cost what was counted."""

from __future__ import annotations

import re

import torch

from actfusion_stream.tools.benchmarks.extractors import benchmark_extractors, multiply_adds


def test_exact_windows_are_the_numbers_of_the_plain_loop() -> None:
    said = "\n".join(benchmark_extractors(0.1, 32, features=3, rounds=1, device=torch.device("cpu")))
    assert re.search(r"  exact windows: [\d.]+ features/s, [\d.]+ times the plain loop\n", said)
    found = re.search(r"difference of exact windows from the plain loop: (\S+) of the largest", said)
    assert found is not None
    assert float(found[1]) < 1e-4


def test_a_continual_network_multiplies_less() -> None:
    said = "\n".join(multiply_adds(0.1, 32))
    fewer = re.findall(r"a feature every (\d) frames: [\d.]+ G, ([\d.]+) times fewer", said)
    assert [every for every, _ in fewer] == ["8", "1"]
    assert float(fewer[0][1]) > 2  # counted, not timed
    assert float(fewer[1][1]) > 8
