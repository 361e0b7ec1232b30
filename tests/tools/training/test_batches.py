"""What is drawn from a video: its offset, and what is hidden and scored of it."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.models.masking import MaskConfig
from actfusion_stream.tools.training.batches import draw_example
from actfusion_stream.tools.training.examples import Example
from actfusion_stream.tools.training.presets import Preset


def test_every_offset_is_drawn() -> None:
    labels = np.repeat([0, 1], 20)
    features = np.arange(40, dtype=np.float32)[None]
    preset = Preset(mask=MaskConfig(kinds=("none",)), sample_rate=4)
    rng = np.random.default_rng(0)
    drawn = [draw_example(Example(features, labels, np.ones(40)), preset, False, rng) for _ in range(60)]
    assert {int(video[0][0, 0]) for video in drawn} == {0, 1, 2, 3}
    assert all((np.diff(video[0][0]) == 4).all() for video in drawn)


@pytest.mark.parametrize(("ratio", "observed", "known"), [(0.1, 10, 50), (0.2, 20, 100), (0.5, 50, 100)])
def test_without_the_length_the_future_is_four_times_what_was_observed(
    ratio: float, observed: int, known: int
) -> None:
    labels = np.arange(100) % 3
    example = Example(np.ones((1, 100), np.float32), labels, np.zeros(100))
    preset = Preset(mask=MaskConfig(kinds=("anticipative",), observed_ratios=(ratio,)), sample_rate=1)
    _, drawn, _, visible, scored = draw_example(example, preset, True, np.random.default_rng(0))
    assert len(drawn) == 5 * observed
    assert visible.tolist() == [True] * observed + [False] * 4 * observed
    assert scored.tolist() == [True] * known + [False] * (5 * observed - known)
    assert drawn[:known].tolist() == labels[:known].tolist()
