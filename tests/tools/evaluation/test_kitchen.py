"""The figures of the kitchen evaluation: read off segments as they were said, beside the baselines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.tools.evaluation import kitchen as evaluate_kitchen
from actfusion_stream.tools.evaluation.kitchen import ALPHAS, BETAS, Watched, rasterize, score, show, watch
from actfusion_stream.weights.checkpoint import load_checkpoint

INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}


def test_segments_are_read_at_any_time():
    segments = (
        Segment("background", 0.0, 2.0, 0.9),
        Segment("cut_tomato", 2.0, 3.5, 0.9),
        Segment("mix_salad", 3.5, 4.0, 0.9),
    )
    labels = rasterize(segments, np.array([-1.0, 0.0, 1.999, 2.0, 3.49, 3.5, 4.0, 90.0]))
    assert [CLASS_NAMES[i] for i in labels] == (["background"] * 3 + ["cut_tomato"] * 2 + ["mix_salad"] * 3)


def salad(seed: int) -> np.ndarray:
    script = write_script(seed, 90.0)
    return np.array([INDEX[label_at(script, i / 15)] for i in range(1350)])


def told(truth: np.ndarray) -> Watched:
    """What a model that is always right would have said."""
    return Watched(
        truth=truth, offline=truth, online=truth[::6], later=truth[::6], online_truth=truth[::6],
        anticipated=dict.fromkeys(ALPHAS, truth),
    )  # fmt: skip


def test_the_truth_scores_100_and_the_baselines_do_not():
    result = score([told(salad(seed)) for seed in range(10_000, 10_006)])
    assert len(result) == 7 + 3 * (len(ALPHAS) * len(BETAS) + 1)
    for name in ("acc", "edit", "f1_10", "f1_25", "f1_50", "online_acc", "online_acc_2s"):
        assert result[name] == 100.0
    for alpha in ALPHAS:
        for beta in BETAS:
            assert result[f"actfusion_moc_obs{alpha}_pred{beta}"] == 100.0
    assert result["actfusion_moc_mean"] == 100.0
    assert 0 < result["current_moc_mean"] < result["markov_moc_mean"] < 60


def test_each_figure_is_of_what_it_says():
    truth = salad(10_000)
    right = told(truth)
    half = np.where(np.arange(len(truth)) % 2 == 0, truth, -1)
    assert score([replace(right, offline=half)])["acc"] == 50.0
    assert score([replace(right, online=np.full_like(right.online, -1))])["online_acc"] == 0.0
    assert score([replace(right, later=np.full_like(right.later, -1))])["online_acc_2s"] == 0.0
    wrong = replace(right, anticipated={**right.anticipated, 0.3: np.full_like(truth, -1)})
    result = score([wrong])
    for beta in BETAS:
        assert result[f"actfusion_moc_obs0.3_pred{beta}"] == 0.0
        assert result[f"actfusion_moc_obs0.2_pred{beta}"] == 100.0
    # The observed part of an anticipation is not scored.
    observed = truth.copy()
    observed[: int(0.2 * len(truth))] = -1
    assert (
        score([replace(right, anticipated={**right.anticipated, 0.2: observed})])["actfusion_moc_mean"]
        == 100.0
    )


def test_the_tables_name_every_figure():
    console = Console(width=120)
    with console.capture() as shown:
        show(console, score([told(salad(10_000))]), 1)
    lines = shown.get().splitlines()
    for words in (
        ["1", "held-out", "videos"],
        ["accuracy", "edit", "F1@10", "F1@25", "F1@50", "online", "online,", "2", "s", "later"],
        ["0.2>0.1", "0.2>0.5", "0.3>0.1", "0.5>0.5", "mean"],
    ):
        assert any(all(word in line for word in words) for line in lines), words
    for name in ("ActFusion", "Markov chain", "current goes on"):
        assert sum(name in line for line in lines) == 1


def test_a_kitchen_is_watched_through_the_real_stream(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(evaluate_kitchen, "SECONDS", 12.0)
    tiny = load_checkpoint(tiny_checkpoint)
    config = replace(tiny.model_config, num_classes=len(CLASS_NAMES))
    torch.manual_seed(0)
    path = tmp_path / "kitchen.safetensors"
    replace(
        tiny, class_names=CLASS_NAMES, model_config=config, model_state=ActFusion(config).state_dict()
    ).save(path)

    watched = watch((10_000, path, tmp_path, 1.0))
    assert (tmp_path / "10000.mp4").exists()
    script = write_script(10_000, 12.0)
    assert [CLASS_NAMES[i] for i in watched.truth] == [label_at(script, i / 15) for i in range(180)]
    assert watched.offline.shape == (180,)
    features = 180 // 4
    assert watched.online.shape == watched.later.shape == watched.online_truth.shape == (features,)
    assert [CLASS_NAMES[i] for i in watched.online_truth] == [
        label_at(script, i * 4 / 15) for i in range(features)
    ]
    assert {alpha: labels.shape for alpha, labels in watched.anticipated.items()} == dict.fromkeys(
        ALPHAS, (180,)
    )
    again = watch((10_000, path, tmp_path, 1.0))  # the video is there already
    np.testing.assert_array_equal(again.offline, watched.offline)
    np.testing.assert_array_equal(again.later, watched.later)
