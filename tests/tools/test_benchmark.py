"""The command runs each benchmark and prints what it compared; its figures are read, never asserted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actfusion_stream.tools.benchmark import AREAS, main


@pytest.mark.parametrize("area", AREAS)
def test_every_area_gives_rows(area: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([area, "--small", "--rounds", "1", "--device", "cpu"]) == 0
    head, table = capsys.readouterr().out.split("| --- |\n")
    assert "processor: " in head
    rows = table.splitlines()
    assert rows
    assert all(row.count("|") == 8 for row in rows)


def test_a_check_compares_with_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"work": "a walk", "plain": "on foot", "plain_s": 2.0, "ours_s": 1.0, "target": None, "note": ""}
    (tmp_path / "benchmarks.json").write_text(json.dumps({"machine": {}, "areas": {"flow": [row]}}))
    check = ["--check", "--small", "--rounds", "1", "--device", "cpu", "--folder", str(tmp_path)]
    assert main(["flow", *check]) == 1
    assert "flow: a walk: was 2.00 times as fast, and was not measured now" in capsys.readouterr().out


def test_what_cannot_be_measured_or_compared_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["walking"])
    assert "area 'walking': give extractors, flow" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--check", "--folder", str(tmp_path)])
    assert "benchmarks.json: no such file; python -m tools.benchmark writes it" in capsys.readouterr().err
