"""A checkpoint runs by itself, and what is kept in it comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.engine.stream import open_stream
from actfusion_stream.errors import StreamError
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.shown import printable
from actfusion_stream.weights.checkpoint import Checkpoint, build, bundled_checkpoint, load_checkpoint


def test_everything_comes_back(tiny: Checkpoint, tmp_path: Path) -> None:
    written = replace(tiny, training={"steps": 7, "scores": [1.5, 2]}, median=5, doubt=0.25)
    written.save(tmp_path / "again.safetensors")
    read = load_checkpoint(tmp_path / "again.safetensors")
    for name in ("class_names", "model_config", "extractor_spec", "median", "doubt", "training"):
        assert getattr(read, name) == getattr(written, name)
    for name in ("model_state", "extractor_state"):
        one, other = getattr(read, name), getattr(written, name)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert [path.name for path in tmp_path.iterdir()] == ["again.safetensors"]


def test_a_path_may_be_text_and_an_older_file_gives_way(tiny: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "again.safetensors"
    path.write_text("older")
    mode = path.stat().st_mode
    tiny.save(str(path))
    assert load_checkpoint(path).class_names == tiny.class_names
    assert path.stat().st_mode == mode, "as private as any other file of this user"
    assert [path.name for path in tmp_path.iterdir()] == ["again.safetensors"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("none/a.safetensors", "No such file or directory"),
        ("file/a.safetensors", "Not a directory"),
        ("folder", "is not a regular file"),
        ("a" * 300, "File name too long"),
        ("a\0", "embedded null byte"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_nothing(
    tiny: Checkpoint, tmp_path: Path, place: str, why: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StreamError) as refused:
        tiny.save(tmp_path / place)
    assert str(refused.value) == printable(
        f"checkpoint {tmp_path / place}: cannot be written ({why}); give a file in a folder that takes it"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_was_loaded_computes_the_same(tiny: Checkpoint, tmp_path: Path) -> None:
    tiny.save(tmp_path / "again.safetensors")
    again = load_checkpoint(tmp_path / "again.safetensors")
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 104, 20), np.float32))
    assert torch.equal(tiny.model().encode(features)[0], again.model().encode(features)[0])
    spec = tiny.extractor_spec
    assert spec is not None
    clips = np.random.default_rng(0).integers(0, 256, (2, spec.window, *spec.crop, 3), np.uint8)
    np.testing.assert_array_equal(tiny.extractor()(clips), again.extractor()(clips))


def test_models_are_ready_to_sample(tiny: Checkpoint) -> None:
    extractor, model = build(tiny, None, "cpu")
    assert not model.training
    assert extractor.feature_dim == model.config.feature_dim == 104


def test_weights_in_half_precision_are_welcome(tiny: Checkpoint, tmp_path: Path) -> None:
    halved = {key: value.half() for key, value in tiny.model_state.items()}
    replace(tiny, model_state=halved).save(tmp_path / "half.safetensors")
    model = load_checkpoint(tmp_path / "half.safetensors").model()
    assert model.mask_token.dtype == torch.float32


def test_without_a_path_the_bundled_one_is_meant() -> None:
    assert bundled_checkpoint().name == "kitchen.safetensors"
    if not bundled_checkpoint().exists():
        pytest.skip(f"{bundled_checkpoint()} has not been trained yet")
    assert bundled_checkpoint().stat().st_size <= 12_000_000
    checkpoint = load_checkpoint()
    build(checkpoint, None, "cpu")
    assert len(checkpoint.class_names) >= 14


# Checkpoints without an extractor


def test_one_trained_on_features_from_files_says_that_it_cannot_watch(
    tiny_checkpoint: Path, tiny_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "features.safetensors"
    replace(load_checkpoint(tiny_checkpoint), extractor_spec=None, extractor_state={}).save(path)
    loaded = load_checkpoint(path)
    assert loaded.extractor_spec is None
    features = torch.zeros(1, loaded.model_config.feature_dim, 7)
    assert loaded.model().sample(features).shape == (1, len(loaded.class_names), 7)
    with pytest.raises(StreamError) as refused:
        open_stream(tiny_video, checkpoint=path)
    assert str(refused.value) == (
        f"checkpoint {path}: it was trained on features from files and brings no extractor to "
        "watch a video with; --extractor gives one, and actfusion-evaluate runs it on features from "
        "files"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"mask_token": "zero"},
        {"mask_at": "decoder"},
        {"position": "none"},
        {"position": "embedding"},
        {"position": "absolute"},
        {"reconstruction": True},
    ],
)
def test_every_ablation_can_be_kept(tmp_path: Path, change: dict[str, Any]) -> None:
    config = ActFusionConfig(
        feature_dim=6, num_classes=3, encoder_layers=2, encoder_dim=4, conditioning_layers=(1,),
        decoder_layers=2, decoder_dim=4, time_embedding_dim=8, **change,
    )  # fmt: skip
    model = ActFusion(config)
    Checkpoint(("a", "b", "c"), config, model.state_dict(), None, {}).save(tmp_path / "a.safetensors")
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.model_config == config
    ours = loaded.model().state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in model.state_dict().items())
