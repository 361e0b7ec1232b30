"""The benchmark runs and says what it compared; its figures are read, never asserted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actfusion_stream.tools.benchmark import main


def test_training_is_compared_with_single_videos(capsys: pytest.CaptureFixture[str]) -> None:
    small = (
        "--sample-rate 512 --batch-size 2 --model.feature-dim 3 --model.num-classes 4 "
        "--model.encoder-layers 2 --model.encoder-dim 4 --model.conditioning-layers 1 "
        "--model.decoder-layers 1 --model.decoder-dim 4 "
        "--model.time-embedding-dim 8 --mask.patches 1 2 --rounds 1 --micro-batch 2 --device cpu"
    )
    assert main(["training", *small.split()]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(
        r"cpu, \d+ threads, 2 videos a step: [\d.]+ steps/s in padded passes of 2, [\d.]+ one video at a "
        r"time: [\d.]+ times as fast\n",
        said,
    )


def test_extractors_are_compared_with_a_plain_loop(capsys: pytest.CaptureFixture[str]) -> None:
    given = "--width 0.1 --size 32 --count 3 --rounds 1 --device cpu"
    assert main(["extractors", *given.split()]) == 0
    said = capsys.readouterr().out
    assert re.search(r"  exact windows: [\d.]+ features/s, [\d.]+ times the plain loop\n", said)
    found = re.search(r"difference of exact windows from the plain loop: (\S+) of the largest", said)
    assert found is not None
    assert float(found[1]) < 1e-4
    fewer = re.findall(r"a feature every (\d) frames: [\d.]+ G, ([\d.]+) times fewer", said)
    assert [every for every, _ in fewer] == ["8", "1"]
    assert float(fewer[0][1]) > 2  # counted, not timed
    assert float(fewer[1][1]) > 8


def test_flow_methods_are_compared(tiny_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flow", "--video", str(tiny_video), "--count", "2"]) == 0
    assert re.search(r"  dis: [\d.]+ pairs/s, mean motion [\d.]+ pixels\n", capsys.readouterr().out)
