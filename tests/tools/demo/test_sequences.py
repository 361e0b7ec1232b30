"""What the bundled model is trained on: salads, rendered or spliced."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script
from actfusion_stream.tools.demo.sequences import (
    BACKGROUND,
    MOST_STEPS,
    SCRIPT_SEEDS,
    SequenceSource,
    Video,
    draw_batch,
)
from actfusion_stream.tools.demo.videos import EXTRACTOR_SEEDS, MODEL_SEEDS, SECONDS, VALIDATION_SEEDS

PERIOD = 0.4  # seconds per feature step, as in the bundled checkpoint
TELL = (
    1000  # features of segment j of video i are i + TELL * class, so that a splice shows where it came from
)


def video(index: int, seconds: float, channels: int = 2) -> Video:
    script = write_script(index, seconds)
    labels = np.array([CLASS_NAMES.index(label_at(script, i * PERIOD)) for i in range(int(seconds / PERIOD))])
    features = np.broadcast_to(index + TELL * labels, (channels, len(labels))).astype(np.float32)
    return Video(features, labels)


@pytest.fixture(scope="module")
def videos() -> list[Video]:
    """Salads in which every action occurs."""
    found = [video(index, 70.0 + 2 * index) for index in range(20)]
    assert {label for v in found for label in v.labels.tolist()} == set(range(len(CLASS_NAMES)))
    return found


def test_what_is_trained_on_is_not_what_is_scored():
    rendered = {*EXTRACTOR_SEEDS, *MODEL_SEEDS}
    assert not rendered & {*VALIDATION_SEEDS}
    assert max(*rendered, *VALIDATION_SEEDS, *SCRIPT_SEEDS) < 10_000


@pytest.mark.parametrize("length", [160, 225, 287])
def test_a_spliced_salad_is_a_script_told_in_borrowed_features(videos: list[Video], length: int):
    source = SequenceSource(videos, PERIOD, spliced=1.0)
    for seed in range(10):
        drawn = source.draw(length, np.random.default_rng(seed))
        assert drawn.features.shape == (2, length)
        assert drawn.labels.shape == (length,)
        np.testing.assert_array_equal(drawn.features[0] // TELL, drawn.labels)
        cuts = np.r_[0, np.flatnonzero(np.diff(drawn.labels)) + 1, length]
        lenders = {float(drawn.features[0, a] % TELL) for a in cuts[:-1]}
        assert len(lenders) > 2, "one salad borrows from several videos"
        for a, b in pairwise(cuts):
            assert len(set((drawn.features[0, a:b] % TELL).tolist())) == 1, "one action borrows from one"
        done = [CLASS_NAMES[drawn.labels[a]] for a in cuts[:-1]]
        assert done[-3:] == ["mix_salad", "serve_salad", "background"]


def test_a_rendered_salad_is_stretched_to_the_length(videos: list[Video]):
    drawn = SequenceSource(videos[:1], PERIOD, spliced=0.0).draw(300, np.random.default_rng(0))
    index = np.arange(300) * len(videos[0].labels) // 300
    np.testing.assert_array_equal(drawn.labels, videos[0].labels[index])
    np.testing.assert_array_equal(drawn.features, videos[0].features[:, index])


def test_batches_are_of_one_length_and_see_something(videos: list[Video]):
    source = SequenceSource(videos, PERIOD)
    lengths, prefixes, seeing = set(), 0, []
    for seed in range(60):
        features, labels, boundary, visible = draw_batch(source, 12, np.random.default_rng(seed))
        size, _, steps = features.shape
        lengths.add(steps)
        assert features.shape[1] == 2
        assert labels.shape == boundary.shape == visible.shape == (size, steps)
        assert size == 2 or (2 < size <= 12 and size * steps <= MOST_STEPS)
        assert (features.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert (boundary.dtype, visible.dtype) == (torch.float32, torch.bool)
        assert 0 <= labels.min() <= labels.max() < len(CLASS_NAMES)
        assert 0 <= boundary.min() <= boundary.max() <= 1
        seeing += visible.any(dim=1).tolist()
        prefixes += all(bool((row[1:] <= row[:-1]).all()) and not row.all() for row in visible)
    assert min(lengths) < 50 < 600 < max(lengths), "from a few seconds to minutes"
    assert np.mean(seeing) > 0.99, "of a short one the random mask may hide everything"
    assert prefixes > 20, "most of them are what a stream has: a prefix"


def test_beyond_the_end_of_a_video_nothing_is_done(videos: list[Video]):
    source = SequenceSource(videos, PERIOD)
    beyond = 0
    for seed in range(80):
        features, labels, boundary, visible = draw_batch(source, 2, np.random.default_rng(seed))
        empty = (features == 0).all(dim=1) & (labels == BACKGROUND) & ~visible & (boundary == 0)
        if features.shape[2] > SECONDS[1] / PERIOD:
            beyond += 1
            assert empty[:, int(SECONDS[1] / PERIOD) + 1 :].all()
    assert beyond > 2


def test_the_same_seed_draws_the_same_batch(videos: list[Video]):
    source = SequenceSource(videos, PERIOD)
    for a, b in zip(*(draw_batch(source, 2, np.random.default_rng(5)) for _ in range(2)), strict=True):
        assert torch.equal(a, b)
