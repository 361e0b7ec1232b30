"""The command runs each benchmark and prints what it compared; its figures are read, never asserted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actfusion_stream.tools.benchmark import main


def test_training(capsys: pytest.CaptureFixture[str]) -> None:
    small = (
        "--sample-rate 512 --batch-size 2 --model.feature-dim 3 --model.num-classes 4 "
        "--model.encoder-layers 2 --model.encoder-dim 4 --model.conditioning-layers 1 "
        "--model.decoder-layers 1 --model.decoder-dim 4 "
        "--model.time-embedding-dim 8 --mask.patches 1 2 --rounds 1 --micro-batch 2 --device cpu"
    )
    assert main(["training", *small.split()]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(
        r"cpu, \d+ threads, 2 videos a step: [\d.]+ steps/s in passes of up to 2, [\d.]+ one video at a "
        r"time: [\d.]+ times as fast\n",
        said,
    )


def test_extractors(capsys: pytest.CaptureFixture[str]) -> None:
    given = "--width 0.1 --size 32 --count 3 --rounds 1 --device cpu"
    assert main(["extractors", *given.split()]) == 0
    assert capsys.readouterr().out.startswith(
        "I3D of width 0.1 at 32 x 32, a feature every 8 frames, 3 features, cpu, "
    )


def test_flow(tiny_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "--video", str(tiny_video), "--count", "2"]) == 0
    assert capsys.readouterr().out.startswith("tiny.mp4, 64 x 48, 2 pairs:\n")


def test_flow_of_no_video(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["flow"])
    assert "flow needs --video" in capsys.readouterr().err
