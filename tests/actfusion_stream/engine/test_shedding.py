"""A stream that cannot keep up leaves out ticks, then features, then frames, and says so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from actfusion_stream import Engine, Frame, open_stream
from actfusion_stream.engine.predictor import Prediction, Predictor
from actfusion_stream.engine.shedding import Pace
from actfusion_stream.engine.stream import Stream
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream, joined
from actfusion_stream.sources import frame_queue
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import Source
from actfusion_stream.weights.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


def test_ticks_go_first_then_features_and_all_come_back() -> None:
    pace = Pace(max_staleness=8.0)  # so the rate of features changes once a second

    def found(now: float, age: float, fullness: float = 0.0) -> tuple[bool, int]:
        pace.look(now, age, fullness)
        return pace.skips_tick(), pace.thin

    assert found(0.0, age=0.4) == (False, 1)
    assert found(0.1, age=2.4) == (True, 1)
    assert found(0.2, age=4.8) == (True, 2)
    assert found(0.3, age=4.9) == (True, 2)
    assert found(1.3, age=5.0) == (True, 4)
    for second in range(2, 9):
        found(second + 0.5, age=7.0)
    assert found(10.0, age=1.6) == (False, 16)
    for second, thin in enumerate((8, 4, 2, 1, 1), start=11):
        assert found(second, age=0.0) == (False, thin)
    assert found(20.0, age=0.0, fullness=0.3) == (True, 1)
    assert found(21.0, age=0.0, fullness=0.6) == (True, 2)


def test_however_late_a_stream_is_never_silent_for_long() -> None:
    pace = Pace(max_staleness=1.0)
    pace.look(0.0, age=5.0)
    assert [pace.skips_tick() for _ in range(20)] == ([True] * 9 + [False]) * 2


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
    features = joined([*map(whole.push, shown), whole.finish()]).values.numpy()
    parts = []
    for index, picture in enumerate(shown):
        parts.append(sparse.push(picture))
        if index % 17 == 0:  # batches of any size
            parts.append(sparse.flush())
    thinned = joined([*parts, sparse.finish()]).values.numpy()
    expected = features[np.arange(len(features)) // thin * thin]
    np.testing.assert_allclose(thinned, expected, atol=1e-5 * np.abs(features).max())
    assert sparse.repeated == len(features) - -(-len(features) // thin)


class LateCamera:
    """Its frames arrive a given age ago."""

    def __init__(self, ages: list[float]) -> None:
        self.info = SourceInfo("late", 64, 48, None, 15.0, live=True, has_audio=False)
        self.warning: str | None = None
        self.remark: str | None = None
        self._ages = ages

    def frames(self) -> Iterator[Frame]:
        for index, (age, picture) in enumerate(zip(self._ages, pictures(len(self._ages)), strict=True)):
            time.sleep(0.002)
            yield Frame(index / 15, picture, index, time.perf_counter() - age)

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_what_is_left_out_is_counted_by_cause(engine: Engine) -> None:
    source = Source(LateCamera([70.0] * 90), max_staleness=100.0)
    with open_stream(source, engine=engine, max_staleness=100.0, tick=1.0) as stream:
        assert list(stream) == []
    assert stream.stats.drops["ticks skipped"] == 5
    assert stream.stats.drops["features repeated"] > 0
    assert stream.stats.dropped == 0
    assert stream.finish()[-1].end == pytest.approx(90 / 15, abs=0.01)


# With the queue as it is


class Camera:
    """Delivers frames by the clock, whoever is ready."""

    def __init__(self, seconds: float, rate: float) -> None:
        self.info = SourceInfo("camera", 64, 48, None, rate, live=True, has_audio=False)
        self.warning: str | None = None
        self.remark: str | None = None
        self._count, self._rate = round(seconds * rate), rate

    def frames(self) -> Iterator[Frame]:
        began = time.perf_counter()
        for index in range(self._count):
            time.sleep(max(0.0, began + index / self._rate - time.perf_counter()))
            picture = np.full((48, 64, 3), index % 256, np.uint8)
            yield Frame(index / self._rate, picture, index, time.perf_counter())

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def order_of(stream: Stream, pause: float = 0.0) -> list[str]:
    """What was left out, in the order in which it began, by someone who takes `pause` seconds for a frame."""
    begun: list[str] = []
    for _ in stream.steps():
        drops = stream.stats.drops
        frames = {"frames": drops["stale"] + drops["queue full"]}
        counts = {"ticks": drops["ticks skipped"], "features": drops["features repeated"], **frames}
        begun += [what for what, count in counts.items() if count and what not in begun]
        time.sleep(pause)
    return begun


def test_at_half_speed_ticks_go_first_then_features_then_frames(engine: Engine) -> None:
    source = Source(Camera(4.5, rate=100), max_staleness=1.0)
    with open_stream(source, engine=engine, max_staleness=1.0, tick=0.1) as stream:
        assert order_of(stream, pause=0.02) == ["ticks", "features", "frames"]
    assert stream.stats.drops["queue full"] == 0


def test_where_memory_is_short_the_order_is_the_same(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 8192 x 4096 pixels, five frames fill it, long before they are stale."""
    monkeypatch.setattr(frame_queue, "_LIVE_BYTES", 60 * (48 * 64 * 3 + 1024))
    source = Source(Camera(3.0, rate=100), max_staleness=100.0)
    with open_stream(source, engine=engine, max_staleness=100.0, tick=0.1) as stream:
        assert order_of(stream, pause=0.02) == ["ticks", "features", "frames"]
    assert stream.stats.drops["stale"] == 0
    assert stream.stats.drops["queue full"] > 20


def test_a_slow_model_costs_ticks_and_nothing_else(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    predict = Predictor.__call__

    def slowly(this: Predictor, *arguments: object) -> Prediction:
        time.sleep(0.3)
        return predict(this, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "__call__", slowly)
    source = Source(Camera(4.0, rate=50), max_staleness=3.0)
    with open_stream(source, engine=engine, max_staleness=3.0, tick=0.1) as stream:
        assert order_of(stream) == ["ticks"]
    assert stream.stats.ticks >= 4


def test_a_slow_extractor_costs_ticks_and_features_but_no_frames(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Extractor.__call__

    def slowly(this: Extractor, *clips: np.ndarray) -> Tensor:
        time.sleep(0.4 * len(clips[2]))  # 1.5 s for a second
        return call(this, *clips)

    monkeypatch.setattr(Extractor, "__call__", slowly)
    source = Source(Camera(6.0, rate=50), max_staleness=2.5)
    with open_stream(source, engine=engine, max_staleness=2.5, tick=0.25) as stream:
        assert order_of(stream) == ["ticks", "features"]
