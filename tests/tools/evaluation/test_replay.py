"""The online scores, on videos small enough to follow by hand, and the replay against the live predictor."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.predictor import Prediction, Predictor
from actfusion_stream.engine.settings import Horizon
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.tools.evaluation.replay import Replay, flicker, replay, said_after, score_replays


def told(*said: str, truth: str, anticipated: tuple[str, ...] = ()) -> Replay:
    """One feature a second, a tick a second, one for each of `said`; labels are digits."""

    def labels(text: str) -> np.ndarray:
        return np.array([int(digit) for digit in text], np.int64)

    futures = anticipated or ("0",) * len(said)
    ticks = list(range(1, len(said) + 1))
    passed = [len(s) for s in said]
    return Replay(
        labels(truth), ticks, passed, [labels(s) for s in said], [labels(f) for f in futures], 1.0, 1.0
    )


def test_what_was_said_at_once_and_later() -> None:
    video = told("0", "00", "001", "0111", truth="0111")
    assert said_after(video, 0.0).tolist() == [0, 0, 1, 1]
    assert said_after(video, 1.0).tolist() == [0, 0, 1, 1]
    assert said_after(video, 2.0).tolist() == [0, 1, 1, 1]  # the second step was corrected at the last tick
    scores = score_replays([video], ("a", "b"))
    assert scores["online_acc"] == 75.0
    assert scores["online_acc_1s"] == 75.0
    assert scores["online_acc_2s"] == 100.0
    assert scores["online_edit"] == 100.0


def test_a_tick_without_a_new_feature_repeats_what_was_said() -> None:
    # A feature every 2 s, a tick a second: ticks 3 and 5 have nothing new to look at.
    said = [np.array(labels) for labels in ([0], [0, 0], [1, 1, 1], [1, 1, 1, 1])]
    video = Replay(np.ones(4, np.int64), [1, 2, 4, 6], [1, 2, 3, 4], said, said, 2.0, 1.0)
    assert said_after(video, 0.0).tolist() == [0, 0, 1, 1]
    assert said_after(video, 1.0).tolist() == [0, 0, 1, 1]  # the second step: at tick 2, asked again at 3
    assert said_after(video, 2.0).tolist() == [0, 1, 1, 1]
    assert said_after(video, 5.0).tolist() == [1, 1, 1, 1]
    # Ticks further apart than the delay: the next one is the first to be asked.
    rare = Replay(np.ones(2, np.int64), [1, 2], [1, 2], [np.array([0]), np.array([1, 1])], said[:2], 3.0, 3.0)
    assert said_after(rare, 1.0).tolist() == [1, 1]


def test_flicker_counts_what_was_taken_back() -> None:
    assert flicker(told("0", "00", "000", "0000", truth="0000")) == 0
    # Steps 0 and 1 change once each, step 1 again: 3 s in 4 s of video.
    assert flicker(told("0", "10", "111", "1011", truth="1111")) == pytest.approx(60 * 3 / 4)


def test_anticipation_is_a_mean_over_classes_pooled_over_ticks() -> None:
    video = told("0", "00", "001", "0011", truth="0011", anticipated=("011", "11", "1", "0"))
    assert score_replays([video], ("a", "b"))["online_moc_5s"] == 100.0
    # "a" follows once and is missed; of five times "b", all are right.
    video = told("0", "00", "001", "0011", truth="0011", anticipated=("111", "11", "1", "0"))
    assert score_replays([video], ("a", "b"))["online_moc_5s"] == 50.0


class Says:
    """A predictor of one feature a second whose futures are written down; labels are digits."""

    def __init__(self, *futures: str) -> None:
        self.futures = np.array([[int(digit) for digit in text] for text in futures], np.int64)

    def __call__(self, observed: np.ndarray, first: int, future: int) -> Prediction:
        samples = self.futures[:, :future]  # (S, N_A)
        labels = np.concatenate([np.zeros(observed.shape[1], np.int64), samples[0]])
        shares = np.stack([(samples == label).mean(axis=0) for label in range(3)]).astype(np.float32)
        return Prediction(labels, np.ones(len(labels), np.float32), samples, 0, shares)


def test_several_futures_are_scored_at_every_tick() -> None:
    """Three steps are a, then three b; at every tick three of four futures say: another a, then b; one c."""
    says = cast(Predictor, Says("0111", "0111", "0111", "2222"))
    truth = np.array([0, 0, 0, 1, 1, 1])
    features = np.zeros((1, 6), np.float32)
    clock = FeatureClock(1.0)
    video = replay(says, features, truth, clock, 1.0, Horizon(seconds=4.0), ("a", "b", "c"))
    found = video.forecasts
    assert found is not None
    # Ticks at 1 to 5 s have seen 2 to 6 steps, up to 1.5 to 5.5 s; b comes at 2.5 s, and nothing after it.
    assert found.next_truth.tolist() == [1, 1, 3, 3, 3]
    assert found.next.tolist() == [[0, 0.75, 0.25, 0]] * 5
    # It was said to come a second after what was seen: it did so after 1 s, and then at once.
    assert found.starts.tolist() == [[1.0, 1.0, 1.0]] * 2
    assert found.starts_truth.tolist() == [1.0, 0.0]
    # The first tick's seconds lie at 2, 3, 4 and 5 s; the video ends at 5.5 s.
    assert found.seconds_truth[:4].tolist() == [0, 1, 1, 1]
    assert found.seconds[:2].tolist() == [[0.75, 0, 0.25], [0, 0.75, 0.25]]
    assert len(found.seconds) == 4 + 3 + 2 + 1
    assert score_replays([video], ("a", "b", "c"))["next_ece"] == pytest.approx(0.75 - 2 / 5)
    assert replay(says, features, truth, clock, 1.0, Horizon(seconds=4.0)).forecasts is None


def test_a_replay_knows_nothing_of_the_future() -> None:
    torch.manual_seed(0)
    config = ActFusionConfig(
        feature_dim=4,
        num_classes=3,
        encoder_layers=2,
        encoder_dim=8,
        conditioning_layers=(1,),
        decoder_layers=2,
        decoder_dim=6,
        time_embedding_dim=16,
        sampling_steps=2,
    )
    model = ActFusion(config).eval()
    features = np.random.default_rng(0).standard_normal((4, 24)).astype(np.float32)
    truth = np.arange(24) // 8

    def run(until: int) -> Replay:
        changed = features.copy()
        changed[:, until:] = 9.0
        return replay(Predictor(model), changed, truth, FeatureClock(2.0), 1.0, Horizon(ratio=0.5))

    whole = run(24)
    assert [len(said) for said in whole.said] == [3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 24]
    assert whole.ticks == list(range(1, 13))
    assert [len(future) for future in whole.anticipated][:3] == [2, 2, 4]
    slow = replay(Predictor(model), features[:, :4], truth[:4], FeatureClock(0.5), 1.0, Horizon(ratio=0.5))
    assert slow.ticks == [1, 2, 4, 6]
    for tick, said in enumerate(run(13).said[:6]):
        assert said.tolist() == whole.said[tick].tolist()
