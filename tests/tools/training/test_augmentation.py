"""Stretched and swapped actions keep their order, their place and their class."""

from __future__ import annotations

import numpy as np

from actfusion_stream.tools.data.features import ArrayFeatures
from actfusion_stream.tools.training.augmentation import SegmentPool, stretch
from actfusion_stream.tools.training.examples import Example


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
        return Example(ArrayFeatures(features), np.array(labels), np.zeros(len(labels), np.float32))

    here, there = video([0, 0, 0, 1, 1, 2], 0.0), video([1, 0, 0, 1, 1, 1, 1], 1.0)
    pool = SegmentPool([here, there])
    assert pool.swap(here, 0.0, np.random.default_rng(0)) is here
    seen = set()
    for seed in range(40):
        swapped = pool.swap(here, 1.0, np.random.default_rng(seed))
        features = swapped.features(np.arange(6))
        assert (features[0] // 10 == here.labels).all()
        assert (features[0, :3] == features[0, 0]).all()
        assert swapped.features(np.array([5, 1, 3])).tolist() == features[:, [5, 1, 3]].tolist()
        seen.add(float(features[0, 3]))
    assert seen == {10.0, 11.0}
    assert here.features(np.arange(6)).tolist() == [[0.0, 0.0, 0.0, 10.0, 10.0, 20.0]]
