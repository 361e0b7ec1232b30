"""The benchmark runs and says what it compared; its figures are read, never asserted."""

from __future__ import annotations

import re

import pytest

from tools.benchmark import main


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
