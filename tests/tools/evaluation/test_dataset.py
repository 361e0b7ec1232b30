"""`actfusion-evaluate` on a dataset: the published metrics, a model beside its baselines, and refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.tools.evaluate import main
from actfusion_stream.tools.training.presets import PRESETS
from actfusion_stream.weights.checkpoint import Checkpoint, bundled_checkpoint, load_checkpoint

SHARED = Path(os.environ.get("ACTFUSION_SHARED", Path(__file__).resolve().parents[3] / "../shared"))
CLASSES = ("cut", "peel", "mix")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos of 2 s at 30 frames per second, three to train and two to test."""
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES)))
    for name in ("groundTruth", "splits", "features"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    for i in range(5):
        labels = np.repeat([0, 1, 2], [20 + i, 15, 25 - i])
        (folder / f"groundTruth/v{i}.txt").write_text("".join(CLASSES[k] + "\n" for k in labels))
        np.save(folder / f"features/v{i}.npy", rng.standard_normal((3, 60), np.float32))
    (folder / "splits/train.split1.bundle").write_text("v0.txt\nv1.txt\nv2.txt\n")
    (folder / "splits/test.split1.bundle").write_text("v3.txt\nv4.txt\n")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    config = ActFusionConfig(
        feature_dim=3, num_classes=3, encoder_layers=2, encoder_dim=8, conditioning_layers=(1,),
        decoder_layers=2, decoder_dim=6, time_embedding_dim=16, sampling_steps=2,
    )  # fmt: skip
    preset = replace(PRESETS["50salads"], model=config, sample_rate=4, median=1)
    about = {"preset": asdict(preset), "features": "labels", "no_length": False, "ratio": 4.0}
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    Checkpoint(CLASSES, config, ActFusion(config).state_dict(), None, {}, training=about).save(path)
    return path


def test_the_published_evaluation_of_mstcn(tmp_path: Path) -> None:
    fixture = SHARED / "fixtures/metrics_mstcn_50salads_split1.json"
    if not fixture.exists():
        pytest.skip(
            f"{fixture} is missing; set ACTFUSION_SHARED to the folder that holds fixtures/ and data/"
        )
    subprocess.run(
        [sys.executable, str(SHARED / "data/unpack"), str(tmp_path)], check=True, capture_output=True
    )
    data = tmp_path / "50salads"
    given = ["--predictions", str(data / "mstcn_predictions"), "--data", str(data)]
    expected = json.loads(fixture.read_text())
    for split in ([], ["--split", "1"]):
        assert main([*given, *split, "--json", str(tmp_path / "ours.json")]) == 0
        ours = json.loads((tmp_path / "ours.json").read_text())
        assert expected.keys() <= ours.keys()
        assert {key: ours[key] for key in expected} == pytest.approx(expected, abs=1e-6)


def test_a_model_stands_beside_its_baselines(
    dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", str(checkpoint), "--data", str(dataset), "--per-video", "--online"]
    assert main([*given, "--json", str(tmp_path / "a.json")]) == 0
    printed = capsys.readouterr().out
    figures = json.loads((tmp_path / "a.json").read_text())
    for name in ("ActFusion", "Markov chain", "current goes on", "v3", "v4", "flicker"):
        assert name in printed
    assert figures["n_videos"] == 2
    assert f"{figures['acc']:.1f}" in printed
    # Every training video is cut, peel, mix; at 20 and 30 % of 60 frames only cut has been seen.
    current = figures["baselines"]["current goes on"]
    assert current["moc_obs0.2_pred0.1"] == 100.0  # frames 12 to 17 are cut in both
    assert current["moc_obs0.3_pred0.5"] == pytest.approx(100 / 3)  # all of cut, nothing of peel and mix
    assert figures["baselines"]["Markov chain"]["moc_obs0.3_pred0.5"] > 2 * current["moc_obs0.3_pred0.5"]
    cells = [value for key, value in figures.items() if key.startswith("moc_obs")]
    assert len(cells) == 8
    assert figures["moc_mean"] == pytest.approx(np.mean(cells))
    tas = [figures[key] for key in ("acc", "edit", "f1_10", "f1_25", "f1_50")]
    assert figures["tas_avg"] == pytest.approx(np.mean(tas))
    assert {"online_acc", "online_acc_1s", "online_edit", "online_f1_50", "online_moc_5s", "flicker"} <= set(
        figures
    )


def test_several_futures_are_scored_with_the_length_and_without(
    dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", str(checkpoint), "--data", str(dataset), "--futures", "4"]
    for name, *how in (("length", "--online"), ("free", "--no-length")):
        assert main([*given, *how, "--json", str(tmp_path / name)]) == 0
        printed = capsys.readouterr().out
        assert "futures: mean" in printed
        assert "futures: top-1" in printed
        figures = json.loads((tmp_path / name).read_text())
        for kind in ("mean", "top1"):
            cells = [figures[f"stochastic_{kind}_moc_obs{a}_pred{b}"] for a in (0.2, 0.3) for b in (0.1, 0.5)]
            assert all(0 <= value <= 100 for value in cells)
        assert figures["stochastic_top1_moc_mean"] >= figures["stochastic_mean_moc_mean"]
        calibration = {"next_ece", "next_brier", "seconds_ece", "seconds_brier"}
        assert (calibration <= figures.keys()) == ("--online" in how)
        assert ("several futures, calibration" in printed) == ("--online" in how)
    assert main([*given[:-2], "--json", str(tmp_path / "none")]) == 0
    assert "stochastic_mean_moc_mean" not in json.loads((tmp_path / "none").read_text())


def test_the_same_seed_gives_the_same_figures(dataset: Path, checkpoint: Path, tmp_path: Path) -> None:
    given = ["--checkpoint", str(checkpoint), "--data", str(dataset), "--online"]
    for name in ("a", "b"):
        assert main([*given, "--json", str(tmp_path / name)]) == 0
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_features_are_read_as_they_are_with_the_argmax_beside_them(
    dataset: Path, checkpoint: Path, tmp_path: Path
) -> None:
    given = ["--checkpoint", str(checkpoint), "--data", str(dataset), "--features", str(dataset / "features")]
    assert main([*given, "--json", str(tmp_path / "a.json")]) == 0
    baselines = json.loads((tmp_path / "a.json").read_text())["baselines"]
    right = frames = 0
    for video in ("v3", "v4"):
        names = (dataset / f"groundTruth/{video}.txt").read_text().split()
        guess = np.load(dataset / f"features/{video}.npy").argmax(axis=0)
        right += int(sum(CLASSES[k] == name for k, name in zip(guess, names, strict=True)))
        frames += len(names)
    assert baselines["argmax of the input"]["acc"] == pytest.approx(100 * right / frames)
    assert "Markov chain, on ActFusion's labels" in baselines


def test_one_trained_with_the_length_says_so_when_scored_without(
    dataset: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--checkpoint", str(checkpoint), "--data", str(dataset), "--no-length"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "note: this checkpoint was trained with the true length, and is scored the other way" in said


def test_features_are_by_default_those_of_training(
    dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.json"
    assert main(["--checkpoint", str(checkpoint), "--data", str(dataset), "--json", str(labels)]) == 0
    assert "argmax of the input" not in json.loads(labels.read_text())["baselines"]

    loaded = load_checkpoint(checkpoint)
    moved = tmp_path / "moved.safetensors"
    replace(loaded, training={**loaded.training, "features": "elsewhere/logits"}).save(moved)
    assert f"{dataset / 'logits' / 'v3.npy'} cannot be read" in refusal(
        capsys, "--checkpoint", str(moved), "--data", str(dataset)
    )


def test_sampling_can_be_set_for_one_evaluation(
    dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--checkpoint", str(checkpoint), "--data", str(dataset)]
    for name, *setting in (("own",), ("same", "2", "1"), ("other", "8", "0")):
        options = ["--sampling-steps", setting[0], "--eta", setting[1]] if setting else []
        assert main([*given, *options, "--json", str(tmp_path / name)]) == 0
    assert (tmp_path / "own").read_text() == (tmp_path / "same").read_text()
    assert (tmp_path / "own").read_text() != (tmp_path / "other").read_text()
    capsys.readouterr()
    for eta in ("2", "-0.1", "nan"):
        with pytest.raises(SystemExit):
            main([*given, "--eta", eta])
        assert f"--eta: {eta!r}: give a share from 0 to 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*given, "--sampling-steps", "0"])
    assert "--sampling-steps: '0': give steps from 1 to 1000" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--tick", "--rate"])
@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan"])
def test_a_clock_that_does_not_run_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--data", "anywhere", option, value])
    assert f"{option}: {value!r}: give " in (said := capsys.readouterr().err)
    assert " above 0, up to " in said


def refusal(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(list(options)) == 1
    error = capsys.readouterr().err.strip()  # older ones of rich end a progress that nobody sees with a line
    assert "\n" not in error
    return error.removeprefix("error: ")


def test_what_does_not_fit_is_said_in_one_line(
    dataset: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = ("--checkpoint", str(checkpoint)), ("--data", str(dataset))
    bundled = ("--checkpoint", str(bundled_checkpoint()))
    assert "not trained by actfusion-train, nor converted by" in refusal(capsys, *bundled, *data)
    assert "split 7: no" in refusal(capsys, *model, *data, "--split", "7")
    assert "no such file" in refusal(capsys, *data, "--checkpoint", str(tmp_path / "none.safetensors"))
    assert "mapping" in refusal(capsys, *model, "--data", str(tmp_path))

    wide = tmp_path / "wide"
    wide.mkdir()
    np.save(wide / "v3.npy", np.zeros((5, 60), np.float32))
    assert "v3: 5 channels; the checkpoint reads 3" in refusal(capsys, *model, *data, "--features", str(wide))
    np.save(wide / "v3.npy", np.zeros((3, 12), np.float32))
    assert "v3: 12 for 60 labels" in refusal(capsys, *model, *data, "--features", str(wide))

    other = tmp_path / "other"
    other.mkdir()
    (other / "mapping.txt").write_text("0 mix\n1 cut\n2 peel\n")
    assert "are not the 3 of the checkpoint, or in another order" in refusal(
        capsys, *model, "--data", str(other)
    )


def test_predictions_that_cannot_be_scored(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--data", str(dataset), "--predictions", str(tmp_path))
    assert "holds no VIDEO.txt" in refusal(capsys, *given)
    (tmp_path / "v3.txt").write_text("cut\n" * 60)
    assert "lacks v4.txt of split 1" in refusal(capsys, *given, "--split", "1")
    (tmp_path / "v3.txt").write_text("cut\n" * 59)
    assert "v3 has 59 labels for 60 frames" in refusal(capsys, *given)
    (tmp_path / "v3.txt").write_text("cut\n" * 59 + "dance\n")
    assert "label 'dance' is not in the mapping" in refusal(capsys, *given)
