"""Training and scoring from feature files: read as they are needed, and refused where they must be."""

from __future__ import annotations

import re
import resource
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.errors import StreamError
from actfusion_stream.tools import evaluate, train
from actfusion_stream.tools.data.features import FileFeatures
from actfusion_stream.tools.training.device import failures_said
from actfusion_stream.tools.training.trainer import Trainer
from actfusion_stream.weights.checkpoint import load_checkpoint

SMALL = shlex.split("""
    --preset 50salads --sample-rate 2 --boundary-sigma 2 --median 1 --batch-size 3 --save-every 1
    --model.encoder-layers 3 --model.encoder-dim 8 --model.conditioning-layers 1 2 --model.decoder-layers 2
    --model.decoder-dim 6 --model.sampling-steps 2 --model.time-embedding-dim 16 --mask.patches 1 2
    --validate-every 2
""")


def run(data: Path, out: Path, *options: str) -> int:
    return train.main(["--data", str(data), "--out", str(out), *SMALL, *options])


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(out / "last.safetensors").model_state


def alike(one: Path, other: Path) -> bool:
    here, there = weights(one), weights(other)
    return all(torch.equal(here[name], there[name]) for name in here)


@pytest.fixture
def stored(dataset: Path, tmp_path: Path) -> Path:
    """The features of `dataset`, to be changed."""
    folder = tmp_path / "stored"
    folder.mkdir()
    for path in (dataset / "features").iterdir():
        np.save(folder / path.name, np.load(path))
    return folder


@pytest.mark.parametrize(
    "options",
    [
        "--held-out 0.1",
        "--held-out 0.1 --swap 1 --noise 0.1 --stretch 0.3 --average 0.9",
        r"--held-out 0.3 --held-out-by v(.) --streaming 0.5 --no-length",
    ],
)
def test_a_run_that_was_broken_off_in_an_epoch_goes_on_to_the_same_weights(
    dataset: Path, tmp_path: Path, options: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    given = ["--epochs", "5", *options.split()]
    update = Trainer._update
    steps = iter(range(100))

    def until_the_third_epoch(trainer: Trainer) -> None:
        update(trainer)
        if next(steps) == 4:  # two steps an epoch
            raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_update", until_the_third_epoch)
    assert run(dataset, broken, *given) == 130
    monkeypatch.setattr(Trainer, "_update", update)
    assert torch.load(broken / "resume.pt", weights_only=True)["epoch"] == 2
    assert run(dataset, broken, *given) == run(dataset, whole, *given) == 0
    assert alike(broken, whole)


def test_how_features_are_stored_changes_nothing(dataset: Path, tmp_path: Path, stored: Path) -> None:
    """In half precision, (frames, channels), in Fortran's order: they train to the same weights."""
    for path in stored.iterdir():
        np.save(path, np.load(path).astype(np.float16))
    assert run(dataset, tmp_path / "a", "--features", str(stored), "--epochs", "2") == 0
    for i, path in enumerate(sorted(stored.iterdir())):
        features = np.load(path)
        np.save(path, features.T if i % 2 else np.asfortranarray(features.astype(np.float64)))
    assert run(dataset, tmp_path / "b", "--features", str(stored), "--epochs", "2") == 0
    assert alike(tmp_path / "a", tmp_path / "b")


def test_features_that_end_a_little_early_are_trained_on_validated_and_scored(
    dataset: Path, tmp_path: Path, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in stored.iterdir():
        np.save(path, np.load(path)[:, :-3])
    out = tmp_path / "run"
    given = ["--features", str(stored), "--epochs", "2", "--held-out", "0.5", "--no-length"]
    assert run(dataset, out, *given) == 0, capsys.readouterr().err
    assert load_checkpoint(out / "best.safetensors").training["scores"]["mean"] > 0
    scored = ["--checkpoint", str(out / "best.safetensors"), "--data", str(dataset), "--no-length"]
    assert evaluate.main([*scored, "--features", str(stored), "--online"]) == 0


PLACE = "npy has nan at channel 2, frame 7; extract them anew, or take the video off the list"


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("held_out", ["0", "0.9"])  # the spoilt video trains, or chooses the best epoch
def test_features_that_are_no_numbers_are_refused(
    dataset: Path, tmp_path: Path, stored: Path, held_out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(dataset, out, "--epochs", "1", "--held-out", "0") == 0
    for path in stored.iterdir():
        features = np.load(path)
        features[2, 7] = np.nan
        np.save(path, features)
    capsys.readouterr()
    given = ["--features", str(stored), "--epochs", "2", "--held-out", held_out]
    assert run(dataset, tmp_path / "other", *given) == 1
    assert PLACE in last_line(capsys)
    scored = ["--checkpoint", str(out / "last.safetensors"), "--data", str(dataset)]
    assert evaluate.main([*scored, "--features", str(stored)]) == 1
    assert PLACE in last_line(capsys)


def test_videos_of_several_widths_are_refused(
    dataset: Path, tmp_path: Path, stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sorted(stored.iterdir())[0]
    np.save(first, np.load(first)[:4])
    assert run(dataset, tmp_path / "run", "--features", str(stored)) == 1
    assert "channels; expected one width" in capsys.readouterr().err


# What a device, or a disk, has to say


def test_a_device_that_is_none_is_said_in_a_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert run(dataset, out, "--epochs", "1") == 0
    capsys.readouterr()
    said = "error: device banana: cannot be used here; give one of: "
    assert run(dataset, out, "--device", "banana") == 1
    assert capsys.readouterr().err.startswith(said)
    scored = ["--checkpoint", str(out / "last.safetensors"), "--data", str(dataset)]
    assert evaluate.main([*scored, "--device", "banana"]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith(said)
    assert printed.count("\n") == 1


def allocate_a_petabyte(*_: Any, **__: Any) -> None:
    torch.empty(2**50)


def test_too_little_memory_is_said_in_a_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    assert run(dataset, out, "--epochs", "1") == 0
    capsys.readouterr()
    monkeypatch.setattr(train, "train", allocate_a_petabyte)
    monkeypatch.setattr(evaluate, "evaluate_checkpoint", allocate_a_petabyte)
    assert run(dataset, out, "--device", "cpu") == 1
    said = "error: device cpu: out of memory; give a smaller --micro-batch or --batch-size\n"
    assert capsys.readouterr().err == said
    scored = ["--checkpoint", str(out / "last.safetensors"), "--data", str(dataset), "--device", "cpu"]
    assert evaluate.main(scored) == 1
    assert capsys.readouterr().err == "error: device cpu: out of memory; give another --device\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "device cuda: out of memory; take less"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried …"), "device cuda: out of memory; take less"),
        (
            RuntimeError("CUDA error: no kernel image is available\nfor execution on the device"),
            "device cuda: CUDA error: no kernel image is available for execution on the device; "
            "--device cpu goes without it",
        ),
    ],
)
def test_what_a_gpu_has_to_say(error: Exception, said: str) -> None:
    with pytest.raises(StreamError) as refused, failures_said(torch.device("cuda"), "take less"):
        raise error
    assert str(refused.value) == said


def test_a_bug_of_ours_stays_one() -> None:
    for device in ("cuda", "cpu"):
        with pytest.raises(RuntimeError, match="mat1 and mat2"), failures_said(torch.device(device), ""):
            torch.ones(2, 3) @ torch.ones(2, 3)


def test_a_full_disk_is_said_in_a_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # bytes of a file
    try:
        assert run(dataset, tmp_path / "run", "--epochs", "1") == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ")
    assert "File too large" in said[-1]


def test_a_slow_disk_is_told_and_does_not_stand_in_the_way(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(dataset, tmp_path / "fast", "--epochs", "2") == 0
    read = FileFeatures._read

    def slowly(*given: Any) -> Any:
        time.sleep(0.2)
        return read(*given)

    monkeypatch.setattr(FileFeatures, "_read", slowly)
    capsys.readouterr()
    assert run(dataset, tmp_path / "slow", "--epochs", "2") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"epoch 2/2, .* min left, \d\d % of the time waiting for features", said)
    assert alike(tmp_path / "fast", tmp_path / "slow")


# What is for streams


def test_a_run_for_streams_says_so_and_is_judged_as_one(dataset: Path, tmp_path: Path) -> None:
    given = shlex.split("--epochs 2 --streaming 0.5 --held-out 0.5 --held-out-by v(.) --no-length")
    assert run(dataset, tmp_path / "run", *given) == 0
    best = load_checkpoint(tmp_path / "run/best.safetensors")
    about = best.training
    assert (about["preset"]["streaming"], about["held_out_by"]) == (0.5, "v(.)")
    assert 0 < best.doubt < 1  # after two epochs it is often wrong about what comes
    assert load_checkpoint(tmp_path / "run/last.safetensors").doubt == 0
    scores = about["scores"]
    segmentation = [scores[name] for name in ("acc", "edit", "f1_10", "f1_25", "f1_50")]
    anticipation = [scores[name] for name in scores if name.startswith("moc_obs")]
    streamed = [scores[name] for name in ("online_acc", "online_edit", "online_moc_10s")]
    assert len(anticipation) == 8
    tasks = (segmentation, anticipation, streamed)
    assert scores["mean"] == pytest.approx(np.mean([np.mean(task) for task in tasks]))


@pytest.mark.parametrize(("option", "other"), [("--streaming", "0.6"), ("--held-out-by", "v(.)")])
def test_a_run_for_streams_does_not_go_on_otherwise(
    dataset: Path, tmp_path: Path, option: str, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--streaming", "0.5", "--epochs", "1", "--held-out", "0"]
    assert run(dataset, tmp_path / "run", *given) == 0
    assert run(dataset, tmp_path / "run", *given, option, other) == 1
    assert "holds a run with other settings" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--streaming", "1.5", "'1.5': give a share from 0 to 1"),
        ("--streaming", "-1", "'-1': give a share from 0 to 1"),
        ("--held-out-by", "person", "'person': give 'video', 'subject' or a regular expression with a group"),
        (
            "--held-out-by",
            "v(",
            r"'v(': give 'video', 'subject' or a regular expression with a group, e.g. 'rgb-",
        ),
    ],
)
def test_what_no_stream_can_be_trained_with_is_refused_in_a_line(
    tmp_path: Path, option: str, value: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        run(tmp_path, tmp_path / "run", f"{option}={value}")
    assert refused.value.code == 2
    printed = capsys.readouterr().err
    assert f"argument {option}: {said}" in printed
    assert printed.count("\n") == 1


def test_subjects_that_no_name_tells_are_refused(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(dataset, tmp_path / "run", "--held-out-by", "subject") == 1
    said = last_line(capsys)
    assert said.startswith("error: held out by subject: the name of v0 does not tell who is seen; give a reg")
    assert run(dataset, tmp_path / "run", "--held-out-by", "(v)") == 1
    assert "of 1 training groups: none is left to train on" in last_line(capsys)
