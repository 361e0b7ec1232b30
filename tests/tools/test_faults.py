"""The command that makes the table of docs/robustness.md: what it refuses, and what it leaves of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from actfusion_stream.tools import faults
from actfusion_stream.tools.robustness.fault import Fault
from actfusion_stream.tools.robustness.files import FILES


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--clips", "none"], "none: no .mp4 in that folder"),
        (["--out", "no/page.md"], "no/page.md: there is no folder no; create it first"),
    ],
)
def test_usage(
    given: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        faults.main(given)
    assert said in capsys.readouterr().err


def test_the_table_is_replaced_and_the_page_above_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = next(fault for fault in FILES if fault.done == "no such file")
    monkeypatch.setattr(faults, "TIME_AND_PICTURE", [])
    monkeypatch.setattr(faults, "FIELD_FILES", [])
    monkeypatch.setattr(faults, "FILES", [gone, Fault("no such file, taken for well", gone.prepare)])
    page = tmp_path / "page.md"
    page.write_text("# Rules\n\n| what was done to it | old |\n| --- | --- |\n| old | row |\n")
    assert faults.main(["--short", "--out", str(page)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "ok  no such file"
    assert said[1:3] == ["wrong  no such file, taken for well", "    exit status 1, not 0"]
    assert said[-1] == "2 faults, 1 not as they should be"
    head, first, _, *rows = page.read_text().partition("# Rules\n\n")[2].splitlines()
    assert (head, first) == (
        "| what was done to it | command | exit | what it did |",
        "| --- | --- | --- | --- |",
    )
    assert len(rows) == 1
