"""What training keeps of its features: found again in made ones, and written by the trainer."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.tools import train
from actfusion_stream.tools.data.features import ArrayFeatures, OneHotFeatures
from actfusion_stream.tools.training.familiarity import learn_familiarity, principal_axes, running_median
from actfusion_stream.weights.checkpoint import load_checkpoint

CHANNELS, PLANE = 16, 4


def directions(seed: int) -> np.ndarray:
    """(4, 16) orthonormal, the same ones for a seed."""
    drawn = np.random.default_rng(seed).standard_normal((CHANNELS, PLANE))
    return np.linalg.qr(drawn)[0].T


def made(world: int, seed: int, frames: int = 400) -> ArrayFeatures:
    """Features of a Gaussian that is 5, 4, 3, 2 wide in the directions of its world, 0.1 in others."""
    rng = np.random.default_rng(seed)
    within = directions(world).T @ (np.array([5, 4, 3, 2])[:, None] * rng.standard_normal((PLANE, frames)))
    values = 10 + within + 0.1 * rng.standard_normal((CHANNELS, frames))
    return ArrayFeatures(values.astype(np.float32))


def test_a_gaussian_is_found_again() -> None:
    mean, axes = principal_axes((made(1, seed).array for seed in range(20)), PLANE)
    np.testing.assert_allclose(mean, np.full(CHANNELS, 10), atol=0.25)
    np.testing.assert_allclose(axes @ axes.T, np.eye(PLANE), atol=1e-9)
    alike = np.abs(axes @ directions(1).T)
    np.testing.assert_allclose(alike, np.eye(PLANE), atol=0.1)  # the widest first


def test_blocks_are_one_sample() -> None:
    whole = made(1, 0).array
    (mean, axes), (parted_mean, parted) = (
        principal_axes(blocks, PLANE) for blocks in ([whole], [whole[:, :7], whole[:, 7:301], whole[:, 301:]])
    )
    np.testing.assert_allclose(parted_mean, mean, atol=1e-9)
    np.testing.assert_allclose(np.abs(axes @ parted.T), np.eye(PLANE), atol=1e-6)


def test_others_like_them_are_familiar_and_another_world_is_not() -> None:
    found = learn_familiarity(
        [made(1, seed) for seed in range(10)], [made(1, seed) for seed in range(50, 60)], stride=1, steps=5
    )
    assert found is not None
    assert found.axes.shape == (4, 16)  # a quarter of the channels
    ends = range(5, 400)
    own, other = (
        np.array([found.strangeness(video.array[:, end - 5 : end]) for end in ends])
        for video in (made(1, 99), made(2, 99))
    )
    assert (own > 1).mean() < 0.03
    assert (other > 1).all()


def test_the_threshold_is_what_held_out_videos_hardly_ever_exceed() -> None:
    training, held_out = [made(1, 0)], [made(1, 1), made(2, 2)]
    found = learn_familiarity(training, held_out, stride=2, steps=3)
    assert found is not None
    usual = np.concatenate([running_median(found.distances(v.array[:, ::2]), 3) for v in held_out])
    assert found.threshold == pytest.approx(np.quantile(usual, 0.999))
    alone = learn_familiarity(training, [], stride=2, steps=3)
    assert alone is not None
    assert alone.threshold < 0.2 * found.threshold, "training sets it where nothing is held out"


def test_features_without_any_noise_leave_room_for_rounding() -> None:
    flat = ArrayFeatures(np.outer(np.arange(8), np.arange(30)).astype(np.float32))
    found = learn_familiarity([flat], [], stride=1, steps=1)
    assert found is not None
    assert found.threshold == 0.01
    assert found.strangeness(flat.array) < 1


def test_labels_and_the_fewest_channels_say_nothing() -> None:
    labels = OneHotFeatures(np.arange(8).repeat(9), 8)
    narrow = ArrayFeatures(np.random.default_rng(0).standard_normal((3, 50), np.float32))
    assert learn_familiarity([labels], [labels], 1, 5) is None
    assert learn_familiarity([narrow], [narrow], 1, 5) is None


def test_a_running_median_begins_with_what_there_is() -> None:
    np.testing.assert_array_equal(running_median(np.array([4.0, 2, 9, 1, 1]), 3), [4, 3, 4, 2, 1])


@pytest.mark.parametrize(("features", "kept"), [("features", True), ("labels", False)])
def test_the_trainer_writes_it(dataset: Path, tmp_path: Path, features: str, kept: bool) -> None:
    small = shlex.split(
        "--preset 50salads --epochs 1 --sample-rate 2 --batch-size 3 --model.encoder-layers 2 "
        "--model.encoder-dim 8 --model.conditioning-layers 1 --model.decoder-layers 2 --model.decoder-dim 6 "
        "--model.sampling-steps 2 --model.time-embedding-dim 16"
    )
    source = str(dataset / features) if features == "features" else features
    given = ["--data", str(dataset), "--out", str(tmp_path), "--features", source, *small]
    assert train.main(given) == 0
    for name in ("best", "last"):
        found = load_checkpoint(tmp_path / f"{name}.safetensors").familiarity
        assert (found is not None) == kept
        if found is not None:
            assert found.axes.shape == (1, 5)
            assert 0.3 < found.threshold <= 1, "made features point anywhere"
