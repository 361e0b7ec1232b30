"""What the benchmark of training trains on: as long, and as restless, as 50 Salads."""

from __future__ import annotations

import numpy as np

from actfusion_stream.tools.benchmarks.training import drawn_examples
from actfusion_stream.tools.training.presets import PRESETS


def test_drawn_videos_are_as_long_as_50_salads() -> None:
    preset = PRESETS["50salads"]
    for example in drawn_examples(3, preset):
        dim, frames = example.features.channels, example.features.frames
        assert dim == preset.model.feature_dim == 2048
        assert 7_500 <= frames < 18_000
        assert example.labels.shape == (frames,)
        assert 0 <= example.labels.min() <= example.labels.max() < 19
        changes = np.count_nonzero(np.diff(example.labels))
        assert frames / 300 * 0.7 < changes < frames / 300
