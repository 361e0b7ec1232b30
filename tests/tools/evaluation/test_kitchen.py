"""The kitchen evaluation: a row a kind of kitchen, and by the protocols beside the baselines."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.tools.evaluation import kitchen as evaluate_kitchen
from actfusion_stream.tools.evaluation.filming import FILMS, Row
from actfusion_stream.tools.evaluation.kitchen import Task, rows_of, show_rows, watch
from actfusion_stream.tools.evaluation.kitchen_protocols import (
    ALPHAS,
    BETAS,
    Whole,
    score_protocols,
    show_protocols,
)
from actfusion_stream.weights.checkpoint import load_checkpoint

INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}


def salad(seed: int) -> np.ndarray:
    script = write_script(seed, 90.0)
    return np.array([INDEX[label_at(script, i / 15)] for i in range(1350)])


def told(truth: np.ndarray) -> Whole:
    """What a model that is always right would have said."""
    return Whole(
        truth=truth, offline=truth, online=truth[::6], later=truth[::6], online_truth=truth[::6],
        anticipated=dict.fromkeys(ALPHAS, truth),
    )  # fmt: skip


def test_the_truth_scores_100_and_the_baselines_do_not():
    result = score_protocols([told(salad(seed)) for seed in range(10_000, 10_006)])
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
    assert score_protocols([replace(right, offline=half)])["acc"] == 50.0
    assert score_protocols([replace(right, online=np.full_like(right.online, -1))])["online_acc"] == 0.0
    assert score_protocols([replace(right, later=np.full_like(right.later, -1))])["online_acc_2s"] == 0.0
    wrong = replace(right, anticipated={**right.anticipated, 0.3: np.full_like(truth, -1)})
    result = score_protocols([wrong])
    for beta in BETAS:
        assert result[f"actfusion_moc_obs0.3_pred{beta}"] == 0.0
        assert result[f"actfusion_moc_obs0.2_pred{beta}"] == 100.0
    # The observed part of an anticipation is not scored.
    observed = truth.copy()
    observed[: int(0.2 * len(truth))] = -1
    assert (
        score_protocols([replace(right, anticipated={**right.anticipated, 0.2: observed})])[
            "actfusion_moc_mean"
        ]
        == 100.0
    )


def test_several_futures_are_scored_on_average_and_by_the_best() -> None:
    truth = salad(10_000)
    wrong = np.full_like(truth, -1)
    several = replace(told(truth), futures=dict.fromkeys(ALPHAS, np.stack([wrong, truth, wrong, wrong])))
    result = score_protocols([several, several])
    assert result["stochastic_mean_moc_mean"] == 25.0
    assert result["stochastic_top1_moc_mean"] == 100.0
    assert result["stochastic_mean_moc_obs0.3_pred0.1"] == 25.0
    console = Console(width=120)
    with console.capture() as shown:
        show_protocols(console, result, 2)
    lines = shown.get().splitlines()
    (line,) = (line for line in lines if "futures: mean" in line)
    assert line.split()[-13:] == ["25.0"] * 13
    assert any("futures: top-1" in line for line in lines)


def test_the_tables_name_every_figure():
    console = Console(width=120)
    with console.capture() as shown:
        show_protocols(console, score_protocols([told(salad(10_000))]), 1)
    lines = shown.get().splitlines()
    for words in (
        ["1", "held-out", "videos"],
        ["accuracy", "edit", "F1@10", "F1@25", "F1@50", "online", "online,", "2", "s", "later"],
        ["0.2>0.1", "0.2>0.5", "0.3>0.1", "0.5>0.5", "mean"],
    ):
        assert any(all(word in line for word in words) for line in lines), words
    for name in ("ActFusion", "Markov chain", "current goes on"):
        assert sum(name in line for line in lines) == 1


@pytest.fixture(scope="module")
def kitchen_checkpoint(tmp_path_factory: pytest.TempPathFactory, tiny_checkpoint: Path) -> Path:
    """The tiny model, with random weights and the classes of the kitchen."""
    tiny = load_checkpoint(tiny_checkpoint)
    config = replace(tiny.model_config, num_classes=len(CLASS_NAMES))
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("kitchen") / "kitchen.safetensors"
    state = ActFusion(config).state_dict()
    replace(tiny, class_names=CLASS_NAMES, model_config=config, model_state=state).save(path)
    return path


def test_a_kitchen_is_watched_through_the_real_stream(
    kitchen_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_kitchen, "SECONDS", 12.0)
    task = Task(Row(12.0), 10_000, kitchen_checkpoint, tmp_path, 1.0, futures=3)
    watched = watch(task)
    assert [path.name for path in tmp_path.iterdir()] == ["10000-12s.mp4"]
    script = write_script(10_000, 12.0)
    whole = watched.whole
    assert whole is not None
    assert [CLASS_NAMES[i] for i in whole.truth] == [label_at(script, i / 15) for i in range(180)]
    assert whole.offline.shape == (180,)
    features = 180 // 4
    assert whole.online.shape == whole.later.shape == whole.online_truth.shape == (features,)
    assert [CLASS_NAMES[i] for i in whole.online_truth] == [
        label_at(script, i * 4 / 15) for i in range(features)
    ]
    assert {a: labels.shape for a, labels in whole.anticipated.items()} == dict.fromkeys(ALPHAS, (180,))
    assert {a: labels.shape for a, labels in whole.futures.items()} == dict.fromkeys(ALPHAS, (3, 180))
    live = watched.live
    assert len(live.now) == 11  # a tick a second
    assert live.seconds == 12.0
    assert live.hindsight.mean() == pytest.approx(np.mean(whole.offline == whole.truth))
    assert len(live.on_screen) == 180
    assert not live.on_screen[:15].any()  # before the first tick there is nothing to see
    assert len(live.delays) == len(script) - 1
    again = watch(task)  # the video is there already
    assert again.whole is not None
    np.testing.assert_array_equal(again.whole.offline, whole.offline)
    np.testing.assert_array_equal(again.whole.later, whole.later)


def test_another_kind_of_kitchen_is_a_row_without_protocols(kitchen_checkpoint: Path, tmp_path: Path) -> None:
    five = next(film for film in FILMS if film.name == "5 fps")
    watched = watch(Task(Row(8.0, five, 0.7), 10_000, kitchen_checkpoint, tmp_path, None))
    assert watched.whole is None
    assert len(watched.live.on_screen) == 40
    assert len(watched.live.delays) == len(write_script(10_000, 8.0, 0.7)) - 1
    assert (tmp_path / "10000-8s-uneven0.7-5fps.mp4").exists()


def test_the_rows_that_are_asked_for() -> None:
    assert [row.name for row in rows_of([40, 90, 40])] == ["40 s", "90 s"]
    names = [row.name for row in rows_of([90], filmed=True, uneven=0.7)]
    assert names[:3] == ["90 s", "90 s, uneven 0.7", "90 s, 5 fps"]
    assert names[3:] == [
        f"90 s, {film}"
        for film in (
            "10 fps",
            "24 fps",
            "30 fps",
            "60 fps",
            "CRF 38",
            "zoomed",
            "darkened",
            "mirrored",
            "bars",
        )
    ]


def test_each_row_is_a_line_of_the_table() -> None:
    viewer = {
        "now": 91.2, "hindsight": 95.1, "next": 80.4, "soon": 70.5, "flicker": 4.6, "on_screen": 88.3,
        "delay_median": 0.4, "delay_p95": 1.9, "missed": 2.7,
    }  # fmt: skip
    console = Console(width=120)
    with console.capture() as shown:
        show_rows(console, {"40 s": viewer, "90 s": {**viewer, "now": 99.9, "next_ece": 0.0421}}, 24)
    lines = shown.get().splitlines()
    assert "24 held-out kitchens each" in lines[0]
    (line,) = (line for line in lines if "40 s" in line and "91.2" in line)
    assert re.findall(r"\d+\.\d", line) == [
        "91.2", "95.1", "80.4", "70.5", "4.6", "88.3", "0.4", "1.9", "2.7",
    ]  # fmt: skip
    assert any("90 s" in line and "99.9" in line for line in lines)
    assert any("90 s" in line and "0.042" in line for line in lines)
