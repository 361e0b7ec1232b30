"""Examples as a stream has them: a prefix, and a future that nobody can score beyond the video's end."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.models.masking import MaskConfig
from actfusion_stream.tools.data.features import ArrayFeatures
from actfusion_stream.tools.training.batches import Draw, draw_example
from actfusion_stream.tools.training.examples import Example
from actfusion_stream.tools.training.presets import Preset
from actfusion_stream.tools.training.streaming import draw_observed, draw_total

LABELS = np.repeat([0, 1, 2], [30, 50, 20])
EXAMPLE = Example(
    ArrayFeatures(np.arange(1, 101, dtype=np.float32)[None]), LABELS, np.full(100, 0.5, np.float32)
)


def draws(share: float, count: int, no_length: bool = False, sample_rate: int = 1) -> list[Draw]:
    """So many examples of one video; whatever is no stream's is shown whole."""
    preset = Preset(mask=MaskConfig(kinds=("none",)), sample_rate=sample_rate, streaming=share)
    rng = np.random.default_rng(0)
    return [draw_example(EXAMPLE, preset, no_length, rng) for _ in range(count)]


def test_prefix_and_future_are_of_any_length_and_may_outlast_the_video() -> None:
    rng = np.random.default_rng(0)
    totals = [draw_total(100, rng) for _ in range(1000)]
    assert (min(totals), max(totals)) == (5, 159)
    seen = [draw_observed(total, 100, rng) / min(total, 100) for total in totals if total >= 50]
    assert min(seen) == pytest.approx(0.2, abs=0.02)
    assert max(seen) == pytest.approx(1.0, abs=0.02)
    assert draw_total(1, rng) == 2
    assert draw_observed(2, 1, rng) == 1


def test_a_stream_has_seen_a_prefix_and_no_label_beyond_the_end_counts() -> None:
    beyond = 0
    for draw in draws(1.0, 200):
        total, observed = len(draw.labels), int(draw.visible.sum())
        known = min(total, 100)
        assert 1 <= observed <= known
        assert draw.visible.tolist() == [True] * observed + [False] * (total - observed)
        assert draw.scored.tolist() == [True] * known + [False] * (total - known)
        assert draw.labels[:known].tolist() == LABELS[:known].tolist()
        assert draw.features()[0].tolist() == [*range(1, known + 1), *[0.0] * (total - known)]
        assert draw.boundary[:known].tolist() == [1.0] * known
        assert not draw.boundary[known:].any()
        beyond += total > 100
    assert 50 < beyond < 110  # (1.6 - 1) / (1.6 - 0.05) of 200 are 77


def test_a_stream_reads_every_so_many_frames_from_any_offset() -> None:
    found = [draw.features()[0] for draw in draws(1.0, 100, sample_rate=10)]
    steps = [values[values > 0] for values in found]
    assert {values[0] for values in steps} == {*range(1, 11)}
    assert all((np.diff(values) == 10).all() for values in steps)


@pytest.mark.parametrize("no_length", [False, True])
def test_the_share_of_streams_is_what_was_asked_for(no_length: bool) -> None:
    whole = [len(draw.labels) == 100 and bool(draw.visible.all()) for draw in draws(0.25, 400, no_length)]
    assert 270 < sum(whole) < 330  # 300


def test_without_streams_nothing_else_is_drawn() -> None:
    """The paper's recipe draws what it drew before there were any."""
    drawn = draws(0.0, 3)
    assert all(draw.visible.all() and draw.scored.all() and len(draw.labels) == 100 for draw in drawn)
    rng, untouched = np.random.default_rng(5), np.random.default_rng(5)
    draw_example(EXAMPLE, Preset(mask=MaskConfig(kinds=("none",)), sample_rate=4), False, rng)
    untouched.integers(4)  # the offset
    untouched.integers(1)  # the kind of mask, and once more where that is drawn
    untouched.integers(1)
    assert rng.bit_generator.state == untouched.bit_generator.state
