"""What is drawn from a video: its offset, and what is hidden and scored of it."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.models.masking import MaskConfig
from actfusion_stream.tools.data.features import ArrayFeatures
from actfusion_stream.tools.training.batches import draw_example, group_videos
from actfusion_stream.tools.training.examples import Example
from actfusion_stream.tools.training.presets import Preset


def test_every_offset_is_drawn() -> None:
    labels = np.repeat([0, 1], 20)
    features = ArrayFeatures(np.arange(40, dtype=np.float32)[None])
    preset = Preset(mask=MaskConfig(kinds=("none",)), sample_rate=4)
    rng = np.random.default_rng(0)
    drawn = [draw_example(Example(features, labels, np.ones(40)), preset, False, rng) for _ in range(60)]
    assert {int(draw.features()[0, 0]) for draw in drawn} == {0, 1, 2, 3}
    assert all((np.diff(draw.features()[0]) == 4).all() for draw in drawn)


@pytest.mark.parametrize(("ratio", "observed", "known"), [(0.1, 10, 50), (0.2, 20, 100), (0.5, 50, 100)])
def test_without_the_length_the_future_is_four_times_what_was_observed(
    ratio: float, observed: int, known: int
) -> None:
    labels = np.arange(100) % 3
    example = Example(ArrayFeatures(np.ones((1, 100), np.float32)), labels, np.zeros(100))
    preset = Preset(mask=MaskConfig(kinds=("anticipative",), observed_ratios=(ratio,)), sample_rate=1)
    draw = draw_example(example, preset, True, np.random.default_rng(0))
    assert len(draw.labels) == 5 * observed
    assert draw.visible.tolist() == [True] * observed + [False] * 4 * observed
    assert draw.scored.tolist() == [True] * known + [False] * (5 * observed - known)
    assert draw.labels[:known].tolist() == labels[:known].tolist()
    assert draw.features().tolist() == [[1.0] * known + [0.0] * (5 * observed - known)]


@pytest.mark.parametrize("most", [1, 3, 8])
def test_on_a_gpu_a_pass_takes_as_many_as_it_may(most: int) -> None:
    lengths = [100, 2000, 500, 1000, 300]
    groups = group_videos(lengths, most, None)
    assert sorted(i for group in groups for i in group) == [0, 1, 2, 3, 4]
    assert {1: 5, 3: 2, 8: 1}[most] == len(groups)
    assert groups[-1][-1] == 1  # the longest one


def test_on_a_cpu_videos_share_a_pass_that_costs_less_than_two() -> None:
    """Short ones of about one length; long ones gain nothing, and unlike ones would be mostly padding."""

    def groups(*lengths: int, threads: int = 1) -> list[list[int]]:
        found = group_videos(list(lengths), 8, threads)
        return [[lengths[i] for i in group] for group in found]

    assert groups(200, 150, 220, 180) == [[150, 180, 200, 220]]
    assert groups(100, 400, 120, 390) == [[100, 120], [390, 400]]
    assert groups(1500, 1490, 1480) == [[1480], [1490], [1500]]
    assert groups(500, 490, 480, 470) == [[470], [480, 490, 500]]
    assert groups(1500, 1490, 1480, threads=2) == [[1480], [1490, 1500]]


def test_noise_is_that_of_its_draw_whenever_it_is_read() -> None:
    features = ArrayFeatures(np.zeros((3, 400), np.float32))
    example = Example(features, np.zeros(400, np.int64), np.zeros(400, np.float32))
    preset = Preset(mask=MaskConfig(kinds=("none",)), sample_rate=1, noise=0.5)
    rng = np.random.default_rng(0)
    first, second = (draw_example(example, preset, False, rng) for _ in range(2))
    later, sooner = second.features(), first.features()
    assert np.array_equal(first.features(), sooner)
    assert not np.array_equal(later, sooner)
    assert sooner.std() == pytest.approx(0.5, rel=0.1)
    assert not features.array.any()
