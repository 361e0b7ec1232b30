"""Training runs on a small dataset: resumed as unbroken, batched as one by one, and refused in one line."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.errors import StreamError
from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.models.losses import LossConfig, training_losses
from actfusion_stream.models.masking import MaskConfig
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.train import (
    Example,
    SegmentPool,
    Settings,
    Trainer,
    collate,
    draw_example,
    hold_out,
    main,
    read_example,
    stretch,
)
from actfusion_stream.tools.training.presets import PRESETS, Preset, preset_from_json
from actfusion_stream.weights.checkpoint import load_checkpoint

CLASSES = ("cut", "peel", "mix")
SMALL = ActFusionConfig(
    feature_dim=3,
    num_classes=3,
    encoder_layers=3,
    encoder_dim=8,
    encoder_dropout=0.0,
    channel_dropout=0.0,
    time_dropout=0.0,
    conditioning_layers=(1, 2),
    decoder_layers=2,
    decoder_dim=6,
    decoder_kernel=3,
    decoder_dropout=0.0,
    time_embedding_dim=16,
    sampling_steps=3,
)
SMALL_OPTIONS = shlex.split("""
    --preset 50salads --features labels --sample-rate 2 --boundary-sigma 2 --median 1 --batch-size 3
    --model.encoder-layers 3 --model.encoder-dim 8 --model.conditioning-layers 1 2 --model.decoder-layers 2
    --model.decoder-dim 6 --model.sampling-steps 2 --model.time-embedding-dim 16 --mask.patches 1 2
    --held-out 0.2
""")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight short videos of three actions in the MS-TCN layout, six to train and two to test."""
    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES)))
    (folder / "groundTruth").mkdir()
    (folder / "splits").mkdir()
    (folder / "features").mkdir()
    for i in range(8):
        lengths = rng.integers(8, 20, size=3)
        labels = np.repeat(np.arange(3), lengths)
        (folder / f"groundTruth/v{i}.txt").write_text("".join(CLASSES[k] + "\n" for k in labels))
        np.save(folder / f"features/v{i}.npy", rng.standard_normal((5, len(labels)), np.float32))
    (folder / "splits/train.split1.bundle").write_text("".join(f"v{i}.txt\n" for i in range(6)))
    (folder / "splits/test.split1.bundle").write_text("v6.txt\nv7.txt\n")
    return folder


def trainer(preset: Preset, examples: list[Example], micro_batch: int = 8) -> Trainer:
    settings = Settings(Path("d"), "1", "labels", False, 0.0, 0)
    return Trainer(preset, settings, examples, micro_batch, torch.device("cpu"))


def examples(dataset: Path, count: int = 6) -> list[Example]:
    data = Dataset(dataset)
    return [read_example(data, FeatureSource(data, "labels"), f"v{i}", 2.0) for i in range(count)]


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
    assert checkpoint.class_names == CLASSES
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


def test_padded_batches_train_as_single_videos_do(dataset: Path) -> None:
    """One optimizer step over six videos of six lengths: in one padded pass, and one by one."""
    preset = Preset(
        model=SMALL, mask=MaskConfig(kinds=("none",)), loss=LossConfig(), sample_rate=1, batch_size=6
    )
    drawn = [
        draw_example(example, preset, False, np.random.default_rng(i))
        for i, example in enumerate(examples(dataset))
    ]
    noise = torch.randn(6, 3, 60, generator=torch.Generator().manual_seed(0))
    step = torch.tensor([10, 100, 300, 500, 700, 990])
    gradients = []
    for groups in ([list(range(6))], [[i] for i in range(6)]):
        run = trainer(preset, examples(dataset))
        for group in groups:
            batch = collate([drawn[i] for i in group])
            losses = training_losses(
                run.model,
                batch.features,
                batch.labels,
                batch.boundary,
                batch.visible,
                step[group],
                noise[group, :, : batch.labels.shape[1]],
                preset.loss,
                run.class_weights,
                batch.lengths,
                batch.scored,
            )
            (losses["total"] * len(group) / 6).backward()
        gradients.append({name: p.grad for name, p in run.model.named_parameters() if p.grad is not None})
    padded, single = gradients
    assert padded.keys() == single.keys()
    for name in single:
        assert torch.allclose(padded[name], single[name], atol=1e-5), name


def test_every_offset_is_drawn() -> None:
    labels = np.repeat([0, 1], 20)
    features = np.arange(40, dtype=np.float32)[None]
    preset = Preset(mask=MaskConfig(kinds=("none",)), sample_rate=4)
    rng = np.random.default_rng(0)
    drawn = [draw_example(Example(features, labels, np.ones(40)), preset, False, rng) for _ in range(60)]
    assert {int(video[0][0, 0]) for video in drawn} == {0, 1, 2, 3}
    assert all((np.diff(video[0][0]) == 4).all() for video in drawn)


@pytest.mark.parametrize(("ratio", "observed", "known"), [(0.1, 10, 50), (0.2, 20, 100), (0.5, 50, 100)])
def test_without_the_length_the_future_is_four_times_what_was_observed(
    ratio: float, observed: int, known: int
) -> None:
    labels = np.arange(100) % 3
    example = Example(np.ones((1, 100), np.float32), labels, np.zeros(100))
    preset = Preset(mask=MaskConfig(kinds=("anticipative",), observed_ratios=(ratio,)), sample_rate=1)
    _, drawn, _, visible, scored = draw_example(example, preset, True, np.random.default_rng(0))
    assert len(drawn) == 5 * observed
    assert visible.tolist() == [True] * observed + [False] * 4 * observed
    assert scored.tolist() == [True] * known + [False] * (5 * observed - known)
    assert drawn[:known].tolist() == labels[:known].tolist()


def test_the_held_out_videos_come_from_the_training_list() -> None:
    training, held_out = hold_out([f"v{i}" for i in range(40)], 0.1, seed=3)
    assert len(held_out) == 4
    assert sorted(training + held_out) == sorted(f"v{i}" for i in range(40))
    assert hold_out([f"v{i}" for i in range(40)], 0.1, seed=4)[1] != held_out
    assert hold_out(["a", "b"], 0.0, seed=0) == (["a", "b"], [])
    with pytest.raises(StreamError, match=r"held out 0\.9 of 1 training videos: none is left to train on"):
        hold_out(["a"], 0.9, seed=0)


def test_the_average_is_what_is_saved(dataset: Path) -> None:
    preset = replace(PRESETS["50salads"], model=SMALL, sample_rate=2, batch_size=3)
    plain, averaged = (trainer(replace(preset, average=average), examples(dataset)) for average in (0.0, 0.9))
    for run in (plain, averaged):
        run.run_epoch()
    for slow, fast in zip(plain.average.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(slow, fast)
    slow, fast = averaged.average.encoder.project_in.weight, averaged.model.encoder.project_in.weight
    assert not torch.equal(slow, fast)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--split", "9"], "split 9: no"),
        (["--features", "nowhere"], "cannot be read as an array"),
        (["--held-out", "0.99"], "none is left to train on"),
        (["--model.encoder-kernel", "4"], "encoder_kernel is 4; a dilated kernel has a centre"),
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
    (tmp_path / "resume.pt").write_bytes(b"not a file of torch")
    assert main(["--data", str(dataset), "--out", str(tmp_path), "--epochs", "1", *SMALL_OPTIONS]) == 1
    assert "resume.pt: damaged; remove it to start the run anew" in " ".join(capsys.readouterr().err.split())


def test_actions_are_stretched_in_order() -> None:
    labels = np.repeat([2, 0, 1], [30, 5, 40])
    assert stretch(labels, 0.0, np.random.default_rng(0)).tolist() == list(range(75))
    frames = stretch(labels, 0.5, np.random.default_rng(0))
    assert (np.diff(frames) >= 0).all()
    cuts = np.flatnonzero(np.diff(labels[frames])) + 1
    assert labels[frames][[0, *cuts]].tolist() == [2, 0, 1]  # none is lost, however short
    assert len(frames) != 75


def test_swapped_actions_keep_their_place_and_their_class() -> None:
    def video(labels: list[int], offset: float) -> Example:
        features = np.array([[10.0 * label + offset for label in labels]], np.float32)
        return Example(features, np.array(labels), np.zeros(len(labels), np.float32))

    here, there = video([0, 0, 0, 1, 1, 2], 0.0), video([1, 0, 0, 1, 1, 1, 1], 1.0)
    pool = SegmentPool([here, there])
    assert pool.swap(here, 0.0, np.random.default_rng(0)) is here
    seen = set()
    for seed in range(40):
        swapped = pool.swap(here, 1.0, np.random.default_rng(seed))
        assert (swapped.features[0] // 10 == here.labels).all()
        assert (swapped.features[0, :3] == swapped.features[0, 0]).all()
        seen.add(float(swapped.features[0, 3]))
    assert seen == {10.0, 11.0}
    assert here.features.tolist() == [[0.0, 0.0, 0.0, 10.0, 10.0, 20.0]]
