"""The table of docs/robustness.md, as far as it needs no second process."""

from __future__ import annotations

import pytest

from actfusion_stream.tools.faults import FILES, TIME_AND_PICTURE, Fault, run


@pytest.mark.parametrize("fault", [*TIME_AND_PICTURE, *FILES], ids=lambda fault: fault.done)
def test_it_does_what_the_table_says(fault: Fault) -> None:
    assert run(fault).wrong == []


def test_a_wrong_outcome_is_seen() -> None:
    as_it_is = next(fault for fault in FILES if fault.done == "an empty file")
    found = run(Fault("an empty file", as_it_is.prepare, 0, "something else", frames=1)).wrong
    assert [what.split(" ")[0] for what in found] == ["exit", "stderr", "no"]
