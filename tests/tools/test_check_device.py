"""A device is held against the CPU: one that agrees, one that cannot compute, and one that is not there."""

from __future__ import annotations

import re

import pytest
import torch

from actfusion_stream.extractors import tvl1
from actfusion_stream.tools.check_device import main


def test_the_cpu_computes_what_the_cpu_computes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cpu", "--small"]) == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "| the CPU against cpu | largest difference | allowed | |"
    assert [re.split(r" in |,|'s", row)[0] for row in rows] == [
        "| I3D",
        "| I3D",
        "| TV-L1 flow",
        "| a tick",
        "| a training step",
    ]
    assert all(row.endswith("|  |") for row in rows)


def test_what_is_wrong_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([1.0, 1.5])
    right = tvl1.tvl1_flow
    monkeypatch.setattr(
        "actfusion_stream.extractors.flow.tvl1_flow", lambda *pair: right(*pair) * next(calls)
    )
    assert main(["cpu", "--small"]) == 1
    wrong = [row for row in capsys.readouterr().out.splitlines() if row.endswith("wrong |")]
    assert len(wrong) == 1
    assert wrong[0].startswith("| TV-L1 flow, pixels on average | ")


def test_a_device_that_cannot_compute_says_what_it_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meta", "--small"]) == 1  # a device of torch without values
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == 5
    assert all(row.endswith("wrong |") for row in rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cuda"])
    assert "device 'cuda': " in capsys.readouterr().err


@pytest.mark.gpu
def test_a_gpu_computes_what_the_cpu_computes() -> None:
    assert main(["cuda"]) == 0
