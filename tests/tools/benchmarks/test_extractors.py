"""The ways to a feature that are compared give the same numbers, and cost what was counted."""

from __future__ import annotations

import re

import torch

from actfusion_stream.tools.benchmarks.extractors import extractor_rows, multiply_adds
from actfusion_stream.tools.benchmarks.rows import Setting


def test_exact_windows_are_the_numbers_of_the_plain_loop() -> None:
    rows = list(extractor_rows(Setting(torch.device("cpu"), rounds=1, small=True)))
    assert {row.plain for row in rows} == {"a loop over windows"}
    assert len(rows) in (2, 4)  # in bfloat16, too, where the processor has it
    for row in rows:
        found = re.match(r"relative error (\S+);", row.note)
        assert found is not None
        assert float(found[1]) < (1e-4 if row.work.endswith("float32") else 1e-2)


def test_a_continual_network_multiplies_less() -> None:
    counted = multiply_adds(0.1, 32)
    window = counted["exact window"]
    assert window / counted["continual, every 8 frames"] > 2  # counted, not timed
    assert window / counted["continual, every 1 frames"] > 8
