"""When features can be there, and that no score that claims to know no future reads it out of one."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.settings import Horizon
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.data.labelled import read_videos
from actfusion_stream.tools.evaluate import main
from actfusion_stream.tools.evaluation import dataset as evaluation
from actfusion_stream.tools.evaluation.causality import available, feature_clock
from actfusion_stream.tools.evaluation.inference import anticipate
from actfusion_stream.tools.evaluation.replay import Replay, replay, score_replays
from actfusion_stream.tools.training import validation
from actfusion_stream.tools.training.presets import PRESETS, Preset
from actfusion_stream.weights.checkpoint import Checkpoint

CLASSES = ("cut", "peel", "mix")
FRAMES = 120
SPEC = ExtractorSpec(
    name="i3d-rgb", width=1.0, window=21, rate=30.0, stride=1, short_side=256, crop=(224, 224)
)


def small(channels: int) -> ActFusion:
    torch.manual_seed(0)
    return ActFusion(
        ActFusionConfig(
            feature_dim=channels, num_classes=3, encoder_layers=2, encoder_dim=8, conditioning_layers=(1,),
            decoder_layers=2, decoder_dim=6, time_embedding_dim=16, sampling_steps=2,
        )
    ).eval()  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Four videos of 4 s at 30 frames a second."""
    folder = tmp_path / "data"
    for name in ("groundTruth", "splits", "features"):
        (folder / name).mkdir(parents=True)
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(CLASSES)))
    rng = np.random.default_rng(0)
    for i in range(4):
        (folder / f"groundTruth/v{i}.txt").write_text("cut\n" * 40 + "peel\n" * 40 + "mix\n" * 40)
        np.save(folder / f"features/v{i}.npy", rng.standard_normal((8, FRAMES), np.float32))
    (folder / "splits/train.split1.bundle").write_text("v0.txt\nv1.txt\n")
    (folder / "splits/test.split1.bundle").write_text("v2.txt\nv3.txt\n")
    return folder


def describe(folder: Path, spec: ExtractorSpec) -> None:
    about = {"extractor": spec.to_json(), "feature_dim": 8, "videos": {}}
    (folder / "features/extractor.json").write_text(json.dumps(about))


# What features need of the frames to come


def clock_of(folder: Path, features: str = "", **about: object) -> tuple[FeatureClock, str]:
    source = FeatureSource(Dataset(folder), features or str(folder / "features"))
    return feature_clock(read_videos(source, ["v2"]), source, PRESETS["50salads"], **about)


def test_labels_need_nothing(dataset: Path) -> None:
    for source in ("labels", str(dataset / "groundTruth")):
        assert clock_of(dataset, source) == (FeatureClock(30.0), "")


def test_features_say_what_they_need(dataset: Path) -> None:
    describe(dataset, replace(SPEC, rate=15.0, stride=6))
    clock, note = clock_of(dataset)
    assert (clock.rate, clock.stride, clock.after, note) == (15.0, 6, 10, "")
    describe(dataset, replace(SPEC, windows="continual"))
    assert clock_of(dataset)[0].after == 57


def test_so_does_the_checkpoint_that_was_trained_on_them(dataset: Path) -> None:
    clock, note = clock_of(dataset, trained_on=replace(SPEC, stride=8))  # the model reads every eighth
    assert (clock.stride, clock.after, note) == (1, 10, "")


def test_arrays_as_wide_as_two_stream_i3d_are_the_published_features(dataset: Path) -> None:
    for name in ("v2",):
        np.save(dataset / f"features/{name}.npy", np.zeros((2048, FRAMES), np.float16))
    clock, note = clock_of(dataset)
    # A window of 21 frames, and the flow of the last of them leads to one frame more.
    assert (clock.rate, clock.stride, clock.after, note) == (30.0, 1, 11, "")


def test_of_other_arrays_it_is_said_that_nobody_knows(dataset: Path) -> None:
    clock, note = clock_of(dataset)
    assert clock.after == 0
    assert "nobody says how many frames after its own a feature of" in note


def test_a_rate_that_is_given_is_that_of_the_features(dataset: Path) -> None:
    describe(dataset, replace(SPEC, stride=6))
    clock, _ = clock_of(dataset, rate=10.0)
    assert (clock.period, clock.after) == (0.1, 10)


@pytest.mark.parametrize(
    ("clock", "observed", "count"),
    [
        (FeatureClock(30.0), 24, 24),
        (FeatureClock(30.0, 1, 10, 10), 24, 14),
        (FeatureClock(30.0, 1, 57, 57), 24, 1),  # one has to be there
        (FeatureClock(15.0, 6), 24, 24),
        (FeatureClock(15.0, 6, 8, 7), 24, 23),  # frames 0 to 143 were there: the last window ends at 139
        (FeatureClock(15.0, 6, 8, 7, start=3.5), 24, 23),
    ],
)
def test_of_an_observed_part_the_last_features_are_missing(
    clock: FeatureClock, observed: int, count: int
) -> None:
    assert available(clock, observed) == count


# Scores


def test_a_replay_waits_for_the_look_ahead() -> None:
    features = np.random.default_rng(0).standard_normal((8, 60)).astype(np.float32)
    truth = np.arange(60) // 20
    for after, seen in ((0, [31, 60]), (10, [21, 51, 60])):
        clock = FeatureClock(30.0, 1, after, after)
        found = replay(Predictor(small(8)), features, truth, clock, 1.0, Horizon(ratio=0.5))
        assert [len(said) for said in found.said] == seen
        assert found.passed == [31, *[60] * (len(seen) - 1)]


def test_what_follows_a_tick_follows_its_time_and_not_its_last_feature() -> None:
    """Five steps lie in the past of the tick, of which the features of three were there."""
    truth = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    said, future = [truth[:3]], [np.array([1, 1, 2, 2, 2])]
    right = Replay(truth, [1], [5], said, future, 1.0, 5.0)
    names = ("a", "b", "c")
    assert _moc(right, names) == 100.0
    # Wrong of what has passed already, which is not anticipated any more.
    assert _moc(replace(right, anticipated=[np.array([0, 0, 2, 2, 2])]), names) == 100.0
    assert _moc(replace(right, anticipated=[np.array([1, 1, 0, 0, 0])]), names) == 0.0
    assert _moc(replace(right, anticipated=[np.array([2])]), names) == 100.0  # the last label goes on


def _moc(video: Replay, names: tuple[str, ...]) -> float:
    whole = replace(video, ticks=[*video.ticks, 2], passed=[*video.passed, 8])
    whole = replace(whole, said=[*video.said, video.truth], anticipated=[*video.anticipated, np.array([0])])
    return score_replays([whole], names)["online_moc_5s"]


@pytest.mark.parametrize(("no_length", "seen"), [(False, [24, 36]), (True, [14, 26])])
def test_without_the_length_no_feature_of_the_observed_part_knows_a_later_frame(
    dataset: Path, tmp_path: Path, no_length: bool, seen: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 24 and 36 observed frames: the published protocol takes the last ten features, which look beyond."""
    describe(dataset, SPEC)
    preset = replace(PRESETS["50salads"], model=small(8).config, sample_rate=1, median=1)
    about = {"preset": asdict(preset), "features": "features", "no_length": no_length, "ratio": 4.0}
    path = tmp_path / "small.safetensors"
    Checkpoint(CLASSES, preset.model, small(8).state_dict(), SPEC, {}, training=about).save(path)
    given: list[int] = []

    def watched(model: ActFusion, preset: Preset, observed: np.ndarray, length: int, **options: Any) -> Any:
        given.append(observed.shape[1])
        return anticipate(model, preset, observed, length, **options)

    monkeypatch.setattr(evaluation, "anticipate", watched)
    monkeypatch.setattr(validation, "anticipate", watched)
    options = ["--no-length"] if no_length else []
    assert main(["--checkpoint", str(path), "--data", str(dataset), *options]) == 0
    assert given == 2 * seen
    given.clear()
    source = FeatureSource(Dataset(dataset), str(dataset / "features"))
    videos = read_videos(source, ["v0"])
    clock, _ = feature_clock(videos, source, preset)
    validation.validate(small(8), videos, CLASSES, preset, no_length, clock)
    assert given == seen
