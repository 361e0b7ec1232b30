"""What was said of the past changes for a reason only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.engine.predictor import Predictor, decide, hold
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.weights.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path) -> ActFusion:
    return load_checkpoint(tiny_checkpoint).model()


@pytest.fixture(scope="module")
def features(model: ActFusion) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((model.config.feature_dim, 120), np.float32)


def two_classes(second: list[float]) -> np.ndarray:
    """(1, 2, N) probabilities, of which `second` are those of class 1."""
    return np.array([[[1 - p for p in second], second]], np.float32)


def test_a_label_gives_way_only_to_one_that_is_clearly_more_probable() -> None:
    said = np.zeros(4, np.int64)
    found = decide(two_classes([0.4, 0.6, 0.7, 0.9]), 1, 4, (0, said))
    assert found.labels.tolist() == [0, 0, 1, 1]  # by 0.2, not enough; by 0.4 and 0.8, enough
    np.testing.assert_allclose(found.confidences, [0.6, 0.4, 0.7, 0.9], atol=1e-6)
    assert decide(two_classes([0.4, 0.6, 0.7, 0.9]), 1, 4).labels.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("start", "said", "expected"),
    [
        (2, [0, 0], [1, 1, 0, 0]),
        (-2, [1, 1, 0, 0], [0, 0, 1, 1]),  # two steps have left the memory
        (-3, [0, 0, 0], [1, 1, 1, 1]),
        (0, [], [1, 1, 1, 1]),
        (0, [0, 0, 0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_what_was_said_is_of_its_own_steps(start: int, said: list[int], expected: list[int]) -> None:
    (probabilities,) = two_classes([0.6] * 4)
    labels = np.ones(4, np.int64)
    assert hold(probabilities, labels, start, np.array(said, np.int64)).tolist() == expected
    assert labels.tolist() == [1] * 4


def test_of_the_past_encoder_and_decoder_are_read_together(model: ActFusion, features: np.ndarray) -> None:
    calm, plain = (Predictor(model, samples=2, calm=calm)(features[:, :40], 0, 20) for calm in (True, False))
    np.testing.assert_array_equal(calm.samples, plain.samples)
    np.testing.assert_array_equal(calm.future, plain.future)
    padded = torch.zeros(1, model.config.feature_dim, 60)
    padded[0, :, :40] = torch.from_numpy(features[:, :40])
    with torch.no_grad():
        encoder = model.encode(padded, torch.arange(60)[None] < 40)[0].softmax(dim=1)[0].numpy()
    steps = np.flatnonzero(calm.labels[:40] == plain.labels[:40])
    assert len(steps)
    mixed = (plain.confidences[steps] + encoder[plain.labels[steps], steps]) / 2
    np.testing.assert_allclose(calm.confidences[steps], mixed, atol=1e-5)


def test_it_relabels_less(model: ActFusion, features: np.ndarray) -> None:
    relabelled = {}
    for calm in (True, False):
        predictor, last, changes = Predictor(model, samples=2, calm=calm), np.zeros(0, np.int64), 0
        for seen in range(1, 60):
            labels = predictor(features[:, :seen], 0, 5).labels[:seen]
            changes += int((labels[: len(last)] != last).sum())
            last = labels
        relabelled[calm] = changes
    assert relabelled[True] < relabelled[False] / 2
