"""What receivers cost, measured: everybody is told, and who is away is said to be."""

from __future__ import annotations

import re

import pytest

from actfusion_stream.tools.measure_events import main
from actfusion_stream.tools.robustness.broker import MOSQUITTO

pytest.importorskip("paho.mqtt", reason="pip install '.[mqtt]'")


@pytest.mark.slow
@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_a_short_kitchen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "6"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {row[0].strip("| "): row for row in (line.split(" | ") for line in lines[2:7])}
    assert set(rows) == {
        "nobody", "MQTT subscriber", "webhook", "webhook that takes 2 s", "broker that is away",
    }  # fmt: skip
    assert all(int(row[1]) > 0 for row in rows.values())
    told = re.compile(r"\d+ / \d+ / \d+")
    assert [bool(told.fullmatch(row[4])) for row in rows.values()] == [False, True, True, True, False]
    assert "events were not delivered" in rows["broker that is away"][5]
    now, repeating = map(float, re.findall(r"[\d.]+", lines[-1]))
    assert min(now, repeating) > 1
