"""Bulk extraction: whole files or none, broken videos named, and the way from features to a live stream."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from actfusion_stream.cli import main as stream_main
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.tools.evaluate import main as evaluate_main
from actfusion_stream.tools.extract import main
from actfusion_stream.tools.train import main as train_main
from actfusion_stream.weights.checkpoint import load_checkpoint
from actfusion_stream.weights.extractor_choice import ExtractorChoice, check_same


@pytest.fixture
def videos(tiny_video: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a", "b", "c"):
        shutil.copy(tiny_video, folder / f"{name}.mp4")
    return folder


def extract(*arguments: object) -> int:
    return main([*map(str, arguments), "--device", "cpu"])


def test_features_are_those_of_the_stream(
    videos: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    assert extract(videos, "--extractor", tiny_checkpoint, "--out", out) == 0
    features = np.load(out / "a.npy")
    with open_stream(videos / "a.mp4", checkpoint=tiny_checkpoint, device="cpu") as stream:
        list(stream)
        stream.finish()
        live, times = stream.features()
    assert features.shape == live.shape
    assert np.abs(features - live).max() < 1e-5 * np.abs(live).max()
    about = json.loads((out / "extractor.json").read_text())
    assert about["extractor"] == json.loads(json.dumps(stream.engine.extractor.spec.to_json()))
    assert about["videos"]["a"] == {
        "file": "a.mp4",
        "rate": 15 / 4,
        "start": times[0],
        "count": len(times),
    }
    assert (
        load_file(out / "extractor.safetensors").keys()
        == load_checkpoint(tiny_checkpoint).extractor_state.keys()
    )
    assert sorted(p.name for p in out.iterdir()) == [
        "a.npy", "b.npy", "c.npy", "extractor.json", "extractor.safetensors",
    ]  # fmt: skip
    assert "a: 23 features, " in capsys.readouterr().err


def test_it_goes_on_where_it_was_stopped(
    videos: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    assert extract(videos / "a.mp4", "--extractor", tiny_checkpoint, "--out", out) == 0
    written = (out / "a.npy").stat().st_mtime_ns
    (out / "b.npy").write_bytes(b"half of it")  # not in the list, so not done
    assert extract(videos, "--extractor", tiny_checkpoint, "--out", out) == 0
    assert "1 of 3 videos are done already" in capsys.readouterr().err
    assert (out / "a.npy").stat().st_mtime_ns == written
    np.testing.assert_array_equal(np.load(out / "b.npy"), np.load(out / "a.npy"))


def test_a_broken_video_is_named_and_the_others_are_done(
    videos: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    (videos / "b.mp4").write_bytes(b"not a video")
    assert extract(videos, "--extractor", tiny_checkpoint, "--out", out) == 1
    assert "1 of 3 videos could not be read: b" in " ".join(capsys.readouterr().err.split())
    assert sorted(p.stem for p in out.glob("*.npy")) == ["a", "c"]


def test_a_folder_holds_features_of_one_extractor(
    videos: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "features"
    assert extract(videos / "a.mp4", "--extractor", tiny_checkpoint, "--out", out) == 0
    assert extract(videos, "--extractor", tiny_checkpoint, "--every", 2, "--rate", 10, "--out", out) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "holds other features, of tiny; they differ in rate 15.0 and 10.0, every 4 and 2" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nowhere.mp4"], "nowhere.mp4"),
        (["."], "no file there with one of the endings"),
        (["a.mp4", "--extractor", "i3d_r50"], "extractor i3d_r50: no such one; there are i3d, "),
        (["a.mp4", "--extractor", "i3d-rgb", "--weights", "none.pt", "--rate", "15"], "none.pt"),
        (["a.mp4", "--extractor", "i3d-rgb", "--rate", "15"], "actfusion-weights get i3d-rgb"),
        (["a.mp4", "--extractor", "hub:x3d_s", "--windows", "continual"], "windows of the extractor is"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    given: list[str],
    said: str,
    tmp_path: Path,
    tiny_video: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ACTFUSION_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    if "a.mp4" in given:
        shutil.copy(tiny_video, "a.mp4")
    assert extract(*given, "--out", tmp_path / "out") == 1
    err = capsys.readouterr().err
    assert said in " ".join(err.split())
    assert "Traceback" not in err


def test_published_i3d_from_files_with_the_videos_own_rate(tiny_video: Path, tmp_path: Path) -> None:
    """Random weights of the published names and sizes, once; one feature, for it is the real network."""
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig())
    torch.save(network.state_dict(), tmp_path / "rgb_imagenet.pt")
    weights = ["--weights", tmp_path / "rgb_imagenet.pt"]
    assert (
        extract(tiny_video, "--extractor", "i3d-rgb", *weights, "--every", 100, "--out", tmp_path / "f") == 0
    )
    about = json.loads((tmp_path / "f/extractor.json").read_text())
    assert (about["extractor"]["rate"], about["extractor"]["window"]) == (15.0, 21)
    assert np.load(tmp_path / "f" / f"{tiny_video.stem}.npy").shape == (1024, 1)
    broken = {k.replace("Mixed_5c.b0", "Mixed_5c.B0"): v for k, v in network.state_dict().items()}
    torch.save(broken, tmp_path / "odd.pt")
    choice = ExtractorChoice("i3d-rgb", (tmp_path / "odd.pt",), rate=15.0)
    with pytest.raises(StreamError, match=r"Mixed_5c\.B0"):
        open_stream(tiny_video, extractor=choice, device="cpu")


# From features to a stream


@pytest.fixture
def trained(videos: Path, tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint trained for an epoch on extracted features."""
    data = tmp_path / "data"
    assert extract(videos, "--extractor", tiny_checkpoint, "--every", 2, "--out", data / "features") == 0
    (data / "groundTruth").mkdir()
    (data / "splits").mkdir()
    frames = np.load(data / "features/a.npy").shape[1]
    for name in "abc":
        (data / f"groundTruth/{name}.txt").write_text(
            "cut\n" * (frames // 2) + "mix\n" * (frames - frames // 2)
        )
    (data / "mapping.txt").write_text("0 cut\n1 mix\n")
    (data / "splits/train.split1.bundle").write_text("a.txt\nb.txt\n")
    (data / "splits/test.split1.bundle").write_text("c.txt\n")
    small = (
        "--sample-rate 2 --epochs 1 --held-out 0 --model.encoder-layers 2 --model.encoder-dim 8 "
        "--model.conditioning-layers 1 --model.decoder-layers 2 --model.decoder-dim 8 "
        "--model.time-embedding-dim 16 --model.sampling-steps 2 --device cpu"
    )
    given = ["--data", str(data), "--preset", "breakfast", "--out", str(tmp_path / "run"), *small.split()]
    assert train_main(given) == 0
    return tmp_path / "run/last.safetensors"


def test_a_model_goes_on_with_the_extractor_of_its_features(
    trained: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_stream(videos / "c.mp4", checkpoint=trained, device="cpu") as stream:
        assert len(list(stream)) >= 4
        live, _ = stream.features()
    assert {segment.label for segment in stream.finish()} <= {"cut", "mix"}
    stored = np.load(tmp_path / "data/features/c.npy")[:, ::2]  # the model reads every second one
    assert np.abs(stored[:, : live.shape[1]] - live).max() < 1e-5 * np.abs(live).max()

    data = ["--checkpoint", str(trained), "--data", str(tmp_path / "data"), "--device", "cpu"]
    assert evaluate_main([*data]) == 0
    about_file = tmp_path / "data/features/extractor.json"
    about = json.loads(about_file.read_text())
    about["extractor"]["padding"] = "zero"
    about_file.write_text(json.dumps(about))
    capsys.readouterr()
    assert evaluate_main([*data]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "they differ in padding repeat and zero; --force-extractor runs it nevertheless" in said
    assert str(trained) in said
    assert str(tmp_path / "data/features") in said
    assert evaluate_main([*data, "--force-extractor"]) == 0
    assert "warning: " in capsys.readouterr().err


def test_the_stream_refuses_another_extractor(
    trained: Path, videos: Path, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = load_checkpoint(tiny_checkpoint)
    state = {
        name: weight * 1.01 if weight.is_floating_point() else weight
        for name, weight in tiny.extractor_state.items()
    }
    assert tiny.extractor_spec is not None
    other = tmp_path / "other.safetensors"
    replace(tiny, extractor_state=state, extractor_spec=replace(tiny.extractor_spec, fingerprint="")).save(
        other
    )
    given = [
        "--video",
        str(videos / "c.mp4"),
        "--checkpoint",
        str(trained),
        "--display",
        "none",
        "--device",
        "cpu",
    ]
    assert stream_main([*given, "--extractor", str(tiny_checkpoint)]) == 0
    assert capsys.readouterr().err == ""
    assert stream_main([*given, "--extractor", str(other)]) == 1
    said = capsys.readouterr().err
    assert "was trained on features of tiny, " in said
    assert "they differ in fingerprint " in said
    assert stream_main([*given, "--extractor", str(other), "--force-extractor"]) == 0
    assert "warning: " in capsys.readouterr().err


def test_a_checkpoint_without_an_extractor_takes_one_that_is_given(
    trained: Path, videos: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.safetensors"
    loaded = load_checkpoint(trained)
    replace(loaded, extractor_state={}).save(bare)
    with pytest.raises(
        StreamError, match=r"features of tiny and brings no extractor .*; --extractor gives one"
    ):
        open_stream(videos / "c.mp4", checkpoint=bare, device="cpu")
    with open_stream(
        videos / "c.mp4", checkpoint=bare, device="cpu", extractor=str(tiny_checkpoint)
    ) as stream:
        assert list(stream)
    assert stream.engine.extractor.spec == loaded.extractor_spec


def test_a_fingerprint_that_nobody_knows_differs_from_none(tiny_checkpoint: Path) -> None:
    spec = load_checkpoint(tiny_checkpoint).extractor_spec
    assert spec is not None
    assert check_same(replace(spec, fingerprint=""), spec, ("a", "b"), force=False) is None
    with pytest.raises(StreamError, match=r"differ in stride 4 and 8; --force-extractor"):
        check_same(spec, replace(spec, stride=8), ("a", "b"), force=False)
