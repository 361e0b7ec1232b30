"""Whether what is not known is told from what is: the figures, and the command that makes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_videos import make_video, ramp

from actfusion_stream.engine.engine import Engine
from actfusion_stream.tools import evaluate
from actfusion_stream.tools.evaluation.unfamiliar import auroc, score_unfamiliar, strangeness_in
from actfusion_stream.weights.checkpoint import load_checkpoint
from actfusion_stream.weights.familiarity import Familiarity


@pytest.mark.parametrize(
    ("known", "unknown", "area"),
    [
        ([0.1, 0.2], [0.3, 0.4, 0.5], 1.0),
        ([0.3, 0.4], [0.1], 0.0),
        ([0.5, 0.5], [0.5], 0.5),
        ([0.1, 0.4, 0.2, 0.3], [0.35, 0.05], 3 / 8),
        ([0.1, 0.2], [0.2, 0.3], 3.5 / 4),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order(
    known: list[float], unknown: list[float], area: float
) -> None:
    assert auroc(np.array(known), np.array(unknown)) == pytest.approx(area)


def test_ticks_of_all_videos_are_pooled() -> None:
    known = [np.array([0.2, 0.4, 1.1]), np.array([0.3])]
    unknown = [np.array([0.9, 1.2]), np.array([1.3, 1.4, 2.0])]
    assert score_unfamiliar(known, unknown) == {
        "auroc": pytest.approx(19 / 20),
        "false_alarms": pytest.approx(25.0),
        "found": pytest.approx(80.0),
    }


@pytest.fixture
def familiar(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny model, to which one direction is familiar: so there is nothing that is."""
    known = Familiarity(np.zeros(104), np.eye(104)[:1], 0.5)
    path = tmp_path / "familiar.safetensors"
    replace(load_checkpoint(tiny_checkpoint), familiarity=known).save(path)
    return path


def test_every_tick_of_a_video_counts(familiar: Path, tiny_video: Path) -> None:
    found = strangeness_in(tiny_video, Engine.load(familiar, device="cpu"), 1.0)
    assert len(found) == 5
    assert ((found > 0) & (found <= 2)).all()


def test_the_command(familiar: Path, tiny_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    told = tmp_path / "told.json"
    options = f"--checkpoint {familiar} --videos 1 --seconds 4 --tick 1 --work {tmp_path} --json {told}"
    assert evaluate.main([*options.split(), "--unfamiliar", str(tiny_video)]) == 0
    said = json.loads(told.read_text())
    assert said.keys() == {"4 s", "clips"}
    assert said["4 s"].keys() == {"auroc", "false_alarms", "found"}
    assert list(said["clips"]) == [str(tiny_video)]
    assert "AUROC" in capsys.readouterr().out
    assert (tmp_path / "10000-4s.mp4").exists()
    short = make_video(tmp_path / "short.mp4", ramp(3))
    assert evaluate.main([*options.split(), "--unfamiliar", str(short)]) == 1
    assert capsys.readouterr().err == f"error: {short}: ends before the first tick; give a longer one\n"


def test_a_checkpoint_that_does_not_say_what_is_familiar(
    tiny_checkpoint: Path, tiny_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--checkpoint",
        str(tiny_checkpoint),
        "--videos",
        "1",
        "--seconds",
        "4",
        "--work",
        str(tmp_path),
    ]
    assert evaluate.main([*options, "--unfamiliar", str(tiny_video)]) == 1
    assert capsys.readouterr().err == (
        f"error: checkpoint {tiny_checkpoint}: does not say what is familiar to it; train it anew\n"
    )
