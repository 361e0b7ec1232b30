"""The buffer is the tail of an endless list, in memory that never grows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from actfusion_stream.engine.buffer import FeatureBuffer


def features(first: int, count: int) -> torch.Tensor:
    """Features (count, 2) that hold their absolute index."""
    index = torch.arange(first, first + count, dtype=torch.float32)
    return torch.stack([index, -index], dim=1)


def test_starts_empty() -> None:
    buffer = FeatureBuffer(dim=2, capacity=4)
    assert (len(buffer), buffer.first, buffer.end) == (0, 0, 0)
    assert buffer.observed().shape == (2, 0)


def test_channels_come_first_and_time_goes_on() -> None:
    buffer = FeatureBuffer(dim=2, capacity=4)
    buffer.append(features(0, 3))
    assert buffer.observed().tolist() == [[0, 1, 2], [0, -1, -2]]
    assert (len(buffer), buffer.first, buffer.end) == (3, 0, 3)


def test_what_no_longer_fits_is_forgotten() -> None:
    buffer = FeatureBuffer(dim=2, capacity=4)
    buffer.append(features(0, 6))
    assert buffer.observed()[0].tolist() == [2, 3, 4, 5]
    assert (len(buffer), buffer.first, buffer.end) == (4, 2, 6)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("capacity", [1, 4, 7])
def test_equals_the_tail_of_a_list(capacity: int, batch: int) -> None:
    buffer = FeatureBuffer(dim=2, capacity=capacity)
    for first in range(0, 100, batch):
        buffer.append(features(first, batch))
        end = first + batch
        kept = features(max(0, end - capacity), min(end, capacity))
        np.testing.assert_array_equal(buffer.observed(), kept.T)
        assert (buffer.first, buffer.end) == (max(0, end - capacity), end)


def test_no_features_change_nothing() -> None:
    buffer = FeatureBuffer(dim=2, capacity=4)
    buffer.append(features(0, 3))
    buffer.append(features(3, 0))
    assert buffer.end == 3


def test_observed_is_a_view_not_a_copy() -> None:
    buffer = FeatureBuffer(dim=2, capacity=1000)
    buffer.append(features(0, 1500))
    assert buffer.observed().data_ptr() == buffer.observed().data_ptr()
    assert buffer.observed().dtype == torch.float32


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_it_knows_what_was_not_seen(batch: int) -> None:
    buffer = FeatureBuffer(dim=2, capacity=7)
    seen = np.random.default_rng(0).random(100) < 0.5
    for first in range(0, 100, batch):
        part = seen[first : first + batch]
        buffer.append(features(first, len(part)), part)
        np.testing.assert_array_equal(buffer.seen, seen[max(0, buffer.end - 7) : buffer.end])
    buffer.append(features(100, 2))
    assert buffer.seen[-2:].all()
