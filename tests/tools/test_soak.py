"""A short soak: nothing grows, and every time stamp is right at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actfusion_stream.tools.soak import main


def test_half_an_hour_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "soak.json"
    assert main(["--hours", "0.5", "--memory", "120", "--json", str(figures)]) == 0, capsys.readouterr().out
    found = json.loads(figures.read_text())
    assert (found["frames"], found["features"], found["ticks"]) == (7200, 1800, 179)
    assert found["wrong"] == []
    assert found["growth"] < 30


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--hours", "0"], "give hours from 0.2 to 1000"),
        (["--speed", "fast"], "give max, or seconds of video a second"),
    ],
)
def test_usage(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(given)
    assert said in capsys.readouterr().err
