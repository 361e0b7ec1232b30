"""The same past is denoised from the same noise at every tick; what is said is the most probable label."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.engine.predictor import KeyedNoise, NotFinite, Predictor, decide
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.tools.robustness.random_model import random_model
from actfusion_stream.weights.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path) -> ActFusion:
    return load_checkpoint(tiny_checkpoint).model()


@pytest.fixture(scope="module")
def features(model: ActFusion) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((model.config.feature_dim, 200), np.float32)


# Noise


def test_noise_is_the_same_in_every_process_on_every_machine() -> None:
    expected = [[1.117622, -1.387125, -0.426572], [0.405616, -1.415916, 0.894769]]
    np.testing.assert_allclose(KeyedNoise(2, steps=1)(0, 3)[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize(("first", "count"), [(0, 1), (0, 64), (63, 2), (10, 200), (1000, 7)])
def test_noise_belongs_to_the_absolute_index(first: int, count: int) -> None:
    everything = KeyedNoise(5, steps=3)(0, 2000)
    np.testing.assert_array_equal(
        KeyedNoise(5, steps=3)(first, count), everything[..., first : first + count]
    )


def test_noise_differs_between_diffusion_steps_and_seeds() -> None:
    first, second = KeyedNoise(5, steps=2)(0, 100)
    assert not np.any(first == second)
    assert not np.any(first == KeyedNoise(5, steps=1, seed=1)(0, 100)[0])


def test_noise_of_a_sample_does_not_depend_on_how_many_there_are() -> None:
    one, two, eight = (KeyedNoise(5, steps=3, samples=count)(10, 90) for count in (1, 2, 8))
    assert (one.shape, eight.shape) == ((3, 1, 5, 90), (3, 8, 5, 90))
    np.testing.assert_array_equal(eight[:, :1], one)
    np.testing.assert_array_equal(eight[:, :2], two)
    assert np.abs(np.corrcoef(eight[1].reshape(8, -1)) - np.eye(8)).max() < 0.2


def test_noise_of_a_step_does_not_depend_on_how_many_there_are() -> None:
    np.testing.assert_array_equal(KeyedNoise(5, steps=8)(10, 90)[:3], KeyedNoise(5, steps=3)(10, 90))


def test_noise_is_standard_normal() -> None:
    noise = KeyedNoise(5, steps=3, samples=2)(0, 20_000)[2, 1]
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.01


def test_forgotten_noise_comes_out_the_same_again() -> None:
    noise = KeyedNoise(5, steps=2, samples=2)
    before = noise(0, 300)
    noise.forget_before(290)
    np.testing.assert_array_equal(noise(290, 10), before[..., 290:])
    np.testing.assert_array_equal(noise(0, 300), before)


# Prediction


def test_the_model_sees_the_prefix_and_a_masked_future(model: ActFusion, features: np.ndarray) -> None:
    first, observed, future = 100, 40, 20
    config = model.config
    drawn = KeyedNoise(config.num_classes, config.sampling_steps)(first, observed + future)
    padded = torch.full((1, model.config.feature_dim, observed + future), 1e9)  # the future may hold anything
    padded[0, :, :observed] = torch.from_numpy(features[:, :observed])
    visible = torch.arange(observed + future)[None] < observed
    expected = model.sample(padded, visible, torch.from_numpy(drawn))[0].numpy()

    prediction = Predictor(model)(features[:, :observed], first, future)
    np.testing.assert_array_equal(prediction.labels, expected.argmax(axis=0))
    np.testing.assert_allclose(prediction.confidences, expected.max(axis=0), atol=1e-6)


def test_each_sample_is_what_its_noise_alone_would_give(model: ActFusion, features: np.ndarray) -> None:
    several = Predictor(model, samples=3)(features[:, :40], 100, 20)
    config = model.config
    drawn = torch.from_numpy(KeyedNoise(config.num_classes, config.sampling_steps, samples=3)(100, 60))
    padded = torch.zeros(1, config.feature_dim, 60)
    padded[0, :, :40] = torch.from_numpy(features[:, :40])
    visible = torch.arange(60)[None] < 40
    alone = np.stack([model.sample(padded, visible, drawn[:, i : i + 1])[0].numpy() for i in range(3)])
    np.testing.assert_array_equal(several.samples, alone[:, :, 40:].argmax(axis=1))
    np.testing.assert_allclose(several.future, alone.mean(axis=0)[:, 40:], atol=1e-5)
    assert len(np.unique(several.samples, axis=0)) == 3
    one = Predictor(model)(features[:, :40], 100, 20)
    np.testing.assert_array_equal(one.samples, several.samples[:1])


def test_two_predictors_agree(model: ActFusion, features: np.ndarray) -> None:
    one, other = (Predictor(model, median=3)(features[:, :50], 0, 25) for _ in range(2))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.confidences, other.confidences)


def test_what_was_predicted_before_leaves_no_trace(model: ActFusion, features: np.ndarray) -> None:
    used = Predictor(model)
    for first in range(0, 150, 30):  # as the buffer rolls on
        used(features[:, first : first + 50], first, 10)
    fresh = Predictor(model)(features[:, 150:200], 150, 10)
    np.testing.assert_array_equal(used(features[:, 150:200], 150, 10).labels, fresh.labels)
    np.testing.assert_array_equal(used(features[:, 150:200], 150, 10).confidences, fresh.confidences)


def test_global_random_state_is_neither_used_nor_changed(model: ActFusion, features: np.ndarray) -> None:
    predictor = Predictor(model)
    torch.manual_seed(1)
    one = predictor(features[:, :30], 0, 5)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    np.testing.assert_array_equal(one.confidences, predictor(features[:, :30], 0, 5).confidences)


@pytest.mark.parametrize(("observed", "future"), [(1, 0), (1, 1), (2, 0), (3, 30), (200, 0)])
def test_any_length_will_do(model: ActFusion, features: np.ndarray, observed: int, future: int) -> None:
    prediction = Predictor(model, median=3, samples=2)(features[:, :observed], 0, future)
    assert prediction.labels.shape == prediction.confidences.shape == (observed + future,)
    assert prediction.samples.shape == (2, future)
    assert prediction.future.shape == (model.config.num_classes, future)
    assert np.all((prediction.confidences > 0) & (prediction.confidences <= 1))


def test_what_was_not_seen_may_hold_anything(model: ActFusion, features: np.ndarray) -> None:
    seen = np.ones(60, np.bool_)
    seen[20:45] = False
    changed = features[:, :60].copy()
    changed[:, 20:45] = 1e9
    one, other = (Predictor(model)(values, 0, 10, seen) for values in (features[:, :60], changed))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.confidences, other.confidences)
    whole = Predictor(model)(features[:, :60], 0, 10)
    assert np.abs(whole.confidences - one.confidences).max() > 1e-4
    every = Predictor(model)(features[:, :60], 0, 10, np.ones(60, np.bool_))
    np.testing.assert_array_equal(every.confidences, whole.confidences)


@pytest.mark.parametrize("mask_at", ["encoder", "decoder"])
def test_the_model_may_see_nothing_at_all(mask_at: str) -> None:
    torch.manual_seed(0)
    config = replace(random_model(8, 3).config, mask_at=mask_at)
    prediction = Predictor(ActFusion(config).eval())(
        np.zeros((8, 20), np.float32), 0, 5, np.zeros(20, np.bool_)
    )
    assert np.isfinite(prediction.confidences).all()


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_is_named(
    model: ActFusion, features: np.ndarray, value: float, samples: int
) -> None:
    broken = features[:, :50].copy()
    broken[3, 17] = value
    with pytest.raises(NotFinite) as error:
        Predictor(model, samples=samples)(broken, 100, 10)
    assert (error.value.in_features, error.value.index) == (True, 117)


def test_probabilities_that_are_not_finite_are_named(model: ActFusion, features: np.ndarray) -> None:
    broken = copy.deepcopy(model)
    with torch.no_grad():
        broken.decoder.project_out.weight.fill_(float("inf"))
    with pytest.raises(NotFinite) as error:
        Predictor(broken, samples=2)(features[:, :50], 100, 10)
    assert (error.value.in_features, error.value.index) == (False, 100)


# Decision


def test_the_most_probable_label_wins() -> None:
    decided = decide(np.array([[[0.7, 0.4, 0.1], [0.3, 0.6, 0.9]]], np.float32), median=1, observed=2)
    assert decided.labels.tolist() == [0, 1, 1]
    np.testing.assert_allclose(decided.confidences, [0.7, 0.6, 0.9])


def test_a_blip_shorter_than_half_the_median_is_filtered_out() -> None:
    blip = np.array([[[0.9, 0.9, 0.2, 0.9, 0.9], [0.1, 0.1, 0.8, 0.1, 0.1]]], np.float32)
    assert decide(blip, median=1, observed=5).labels.tolist() == [0, 0, 1, 0, 0]
    decided = decide(blip, median=3, observed=5)
    assert decided.labels.tolist() == [0, 0, 0, 0, 0]
    np.testing.assert_allclose(decided.confidences, 0.9)
    assert decide(np.repeat(blip, 2, axis=0), median=3, observed=3).samples.tolist() == [[0, 0], [0, 0]]


def test_classes_are_filtered_apart_and_ends_repeated() -> None:
    ramp = np.array([[[0.1, 0.2, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6]]], np.float32)
    np.testing.assert_allclose(decide(ramp, median=3, observed=4).confidences, [0.9, 0.8, 0.7, 0.6])


def test_the_past_is_an_average_and_the_future_one_of_the_samples() -> None:
    """Classes 0, 1, 2; one step was observed, and three are to come."""
    said = np.array([[0, 1, 1, 2], [1, 1, 1, 2], [1, 0, 2, 2]])  # (S, N)
    probabilities = np.where(said[:, None] == np.arange(3)[:, None], 0.8, 0.1).astype(np.float32)
    probabilities[0, :, 0] = [0.97, 0.02, 0.01]  # so sure that the other two are outvoted
    probabilities[1:, :, 0] = [0.45, 0.5, 0.05]
    decided = decide(probabilities, median=1, observed=1)
    assert decided.samples.tolist() == [[1, 1, 2], [1, 1, 2], [0, 2, 2]]
    assert decided.likeliest == 0
    assert decided.labels.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(decided.confidences, [1.87 / 3, 1.7 / 3, 1.7 / 3, 0.8], rtol=1e-6)
    np.testing.assert_allclose(decided.future[:, 0], [1 / 3, 1.7 / 3, 0.1], rtol=1e-6)
