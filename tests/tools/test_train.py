"""Training runs on a small dataset: they learn, go on as unbroken, and are refused in one line."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from actfusion_stream.tools.train import main
from actfusion_stream.tools.training.presets import preset_from_json
from actfusion_stream.weights.checkpoint import load_checkpoint

SMALL_OPTIONS = shlex.split("""
    --preset 50salads --features labels --sample-rate 2 --boundary-sigma 2 --median 1 --batch-size 3
    --model.encoder-layers 3 --model.encoder-dim 8 --model.conditioning-layers 1 2 --model.decoder-layers 2
    --model.decoder-dim 6 --model.sampling-steps 2 --model.time-embedding-dim 16 --mask.patches 1 2
    --held-out 0.2
""")


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path).model_state


def test_a_run_learns_and_its_checkpoint_says_how_it_was_made(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = [
        "--data",
        str(dataset),
        "--out",
        str(run),
        "--epochs",
        "4",
        "--validate-every",
        "2",
        *SMALL_OPTIONS,
    ]
    assert main(options) == 0
    assert {path.name for path in run.iterdir()} == {
        "best.safetensors", "last.safetensors", "resume.pt", "tensorboard"
    }  # fmt: skip
    checkpoint = load_checkpoint(run / "last.safetensors")
    assert checkpoint.class_names == ("cut", "peel", "mix")
    assert checkpoint.extractor_spec is None
    about = checkpoint.training
    assert (about["epoch"], about["features"], about["split"], about["no_length"]) == (
        4,
        "labels",
        "1",
        False,
    )
    assert len(about["held_out_videos"]) == 1
    assert about["held_out_videos"][0] in {f"v{i}" for i in range(6)}  # never of the test list
    preset = preset_from_json(about["preset"])
    assert preset.model == checkpoint.model_config
    assert (preset.model.feature_dim, preset.model.num_classes, preset.sample_rate) == (3, 3, 2)
    assert 0 <= load_checkpoint(run / "best.safetensors").training["scores"]["mean"] <= 100


def test_scalars_can_be_read_back(dataset: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    assert main(["--data", str(dataset), "--out", str(run), "--epochs", "3", *SMALL_OPTIONS]) == 0
    board = EventAccumulator(str(run / "tensorboard"))
    board.Reload()
    assert [event.step for event in board.Scalars("loss/total")] == [1, 2, 3]
    assert [event.step for event in board.Scalars("held_out/moc_obs0.2_pred0.1")] == [3]


def test_a_killed_run_goes_on_to_the_same_weights(dataset: Path, tmp_path: Path) -> None:
    """A real process, killed without warning in the middle, twice; then finished by the same command."""

    def command(out: Path) -> list[str]:
        options = ["--data", str(dataset), "--out", str(out), "--epochs", "40", "--save-every", "3"]
        return [sys.executable, "-m", "tools.train", *options, "--average", "0.9", *SMALL_OPTIONS]

    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    for _ in range(2):
        process = subprocess.Popen(command(broken), cwd=root, env=environment, stderr=subprocess.DEVNULL)
        seen = (broken / "resume.pt").stat().st_mtime_ns if (broken / "resume.pt").exists() else 0
        while process.poll() is None:
            if (broken / "resume.pt").exists() and (broken / "resume.pt").stat().st_mtime_ns > seen:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        process.wait()
    half = torch.load(broken / "resume.pt", weights_only=True)
    assert 3 <= half["epoch"] < 40
    for out in (broken, whole):
        subprocess.run(command(out), cwd=root, env=environment, check=True, stderr=subprocess.DEVNULL)
    for name in ("last", "best"):
        resumed, unbroken = (weights(out / f"{name}.safetensors") for out in (broken, whole))
        assert all(torch.equal(resumed[key], unbroken[key]) for key in unbroken), name


def test_other_settings_do_not_resume(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data", str(dataset), "--out", str(tmp_path / "run"), *SMALL_OPTIONS]
    assert main([*options, "--epochs", "1"]) == 0
    assert main([*options, "--epochs", "1", "--learning-rate", "0.1"]) == 1
    assert "holds a run with other settings" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--split", "9"], "split 9: no"),
        (["--features", "nowhere"], "cannot be read as an array"),
        (["--held-out", "0.99"], "none is left to train on"),
        (["--model.encoder-kernel", "4"], "encoder_kernel is 4; a dilated kernel has a centre"),
        (["--average", "1.5"], "average 1.5: give a decay per step from 0, for none, to 1"),
        (["--device", "abacus"], "device abacus: cannot be used here"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    given = ["--data", str(dataset), "--out", str(tmp_path / "run"), *SMALL_OPTIONS, *options]
    assert main(given) == 1
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("error: ")
    assert reason in error


def test_features_of_any_width_are_taken_from_the_data(dataset: Path, tmp_path: Path) -> None:
    options = [value for value in SMALL_OPTIONS if value not in ("--features", "labels")]
    run = tmp_path / "run"
    assert main(["--data", str(dataset), "--out", str(run), "--epochs", "1", *options]) == 0
    assert load_checkpoint(run / "last.safetensors").model_config.feature_dim == 5


def test_a_damaged_resume_file_is_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--data", str(dataset), "--out", str(tmp_path), "--epochs", "1", *SMALL_OPTIONS]
    assert main(given) == 0
    resume = tmp_path / "resume.pt"
    another = torch.load(resume, weights_only=True)
    another["model"].popitem()
    torch.save(another, resume)
    for _ in range(2):
        capsys.readouterr()
        assert main(given) == 1
        said = " ".join(capsys.readouterr().err.split())
        assert "resume.pt: damaged; remove it to start the run anew" in said
        resume.write_bytes(b"not a file of torch")
