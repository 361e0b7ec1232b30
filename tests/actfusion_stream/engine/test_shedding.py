"""A stream that cannot keep up leaves out ticks, then features, and says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.engine.shedding import Pace
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import Source
from actfusion_stream.weights.checkpoint import load_checkpoint


def test_ticks_go_first_then_features_and_all_come_back() -> None:
    pace = Pace(max_staleness=1.0)
    assert (pace.skips_tick(0.05), pace.thin) == (False, 1)
    assert (pace.skips_tick(0.3), pace.thin) == (True, 1)
    assert (pace.skips_tick(0.6), pace.thin) == (True, 2)
    assert (pace.skips_tick(0.9), pace.thin) == (True, 4)
    for _ in range(5):
        pace.skips_tick(5.0)
    assert pace.thin == 16
    assert (pace.skips_tick(0.2), pace.thin) == (False, 16)
    for thin in (8, 4, 2, 1, 1):
        assert (pace.skips_tick(0.0), pace.thin) == (False, thin)


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize("thin", [2, 3, 16])
def test_features_that_are_left_out_repeat_the_last_one(tiny_checkpoint: Path, thin: int) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    assert checkpoint.extractor_spec is not None
    extractor = Extractor(checkpoint.extractor_spec, checkpoint.extractor_state, "cpu")
    whole, sparse = FeatureStream(extractor), FeatureStream(extractor)
    sparse.thin = thin
    shown = pictures(120)
    features = np.concatenate([*(whole.push(p) for p in shown), whole.finish()])
    parts = []
    for index, picture in enumerate(shown):
        parts.append(sparse.push(picture))
        if index % 17 == 0:  # batches of any size
            parts.append(sparse.flush())
    thinned = np.concatenate([*parts, sparse.finish()])
    expected = features[np.arange(len(features)) // thin * thin]
    np.testing.assert_allclose(thinned, expected, atol=1e-5 * np.abs(features).max())
    assert sparse.repeated == len(features) - -(-len(features) // thin)


class LateCamera:
    """Its frames arrive a given age ago."""

    def __init__(self, ages: list[float]) -> None:
        self.info = SourceInfo("late", 64, 48, None, 15.0, live=True, has_audio=False)
        self.warning: str | None = None
        self._ages = ages

    def frames(self) -> Iterator[Frame]:
        for index, (age, picture) in enumerate(zip(self._ages, pictures(len(self._ages)), strict=True)):
            time.sleep(0.002)
            gap = "the connection ended" if index == 60 else ""
            shift = 5.0 if index >= 60 else 0.0
            yield Frame(shift + index / 15, picture, index, time.perf_counter() - age, gap)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_is_left_out_is_counted_by_cause(tiny_checkpoint: Path) -> None:
    source = Source(LateCamera([70.0] * 90), max_staleness=100.0)
    source._queue.maxsize = 1000
    with open_stream(source, checkpoint=tiny_checkpoint, device="cpu", max_staleness=100.0) as stream:
        assert list(stream) == []
    assert stream.stats.drops["ticks skipped"] >= 5
    assert stream.stats.drops["features repeated"] > 0
    assert stream.stats.dropped == 0
    assert stream.finish()[-1].end == pytest.approx(5.0 + 90 / 15, abs=0.01)


def test_a_gap_is_told(tiny_checkpoint: Path) -> None:
    source = Source(LateCamera([0.0] * 90), max_staleness=100.0)
    source._queue.maxsize = 1000
    with open_stream(source, checkpoint=tiny_checkpoint, device="cpu", max_staleness=100.0) as stream:
        ticks = list(stream)
    (gap,) = stream.gaps
    assert (gap.start, gap.end) == pytest.approx((59 / 15, 9.0))
    assert gap.cause == "the connection ended"
    assert ticks[0].gaps == ()
    assert ticks[-1].gaps == (gap,)
    assert stream.stats.gaps == 1
