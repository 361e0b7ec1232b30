"""What a stream says of several futures, and that the rest of what it says does not suffer from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actfusion_stream import Engine, Segment, Tick, open_stream
from actfusion_stream.engine.predictor import Predictor


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


def watch(engine: Engine, path: Path, futures: int) -> tuple[list[Tick], tuple[Segment, ...], np.ndarray]:
    """Each tick by itself: what is said of the past is then what its samples hold on average."""
    with open_stream(path, engine=engine, horizon="3s", tick=1.0, futures=futures, calm=False) as stream:
        ticks, segments = list(stream), stream.finish()
    return ticks, segments, stream.features()[0]


def test_what_comes_next_is_counted_from_the_samples(engine: Engine, tiny_video: Path) -> None:
    ticks, _, _ = watch(engine, tiny_video, 8)
    assert len(ticks) == 5
    for tick in ticks:
        assert tick.futures is not None
        assert len(tick.futures.samples) == 8
        assert tick.future == tick.futures.samples[tick.futures.likeliest]
        assert tick.futures.probabilities.shape == (3, len(engine.class_names))
        starts: dict[str, list[float]] = {}
        for sample in tick.futures.samples:
            assert (sample[0].start, sample[-1].end) == (tick.observed_until, tick.future[-1].end)
            for segment in sample:
                if segment.label != tick.current.label:
                    starts.setdefault(segment.label, []).append(segment.start)
                    break
        assert {one.label: one.probability for one in tick.next} == {
            label: len(found) / 8 for label, found in starts.items()
        }
        for one in tick.next:
            assert one.start == pytest.approx(np.median(starts[one.label]))
            assert min(starts[one.label]) <= one.earliest <= one.start <= one.latest <= max(starts[one.label])
    assert any(tick.futures and len(set(tick.futures.samples)) > 1 for tick in ticks)


def test_one_future_is_the_first_of_several(engine: Engine, tiny_video: Path) -> None:
    alone, _, _ = watch(engine, tiny_video, 1)
    several, _, _ = watch(engine, tiny_video, 8)
    for one, eight in zip(alone, several, strict=True):
        assert one.futures is not None
        assert eight.futures is not None
        assert one.futures.samples == (one.future,)
        assert one.futures.likeliest == 0
        edges = [[(s.label, s.start, s.end) for s in tick.futures.samples[0]] for tick in (one, eight)]
        assert edges[0] == edges[1]
        assert [(n.label, n.probability, n.start, n.earliest, n.latest) for n in one.next] == [
            (s.label, 1.0, s.start, s.start, s.start) for s in one.upcoming[:1]
        ]


def test_hindsight_is_an_average_of_as_many_samples(engine: Engine, tiny_video: Path) -> None:
    _, segments, features = watch(engine, tiny_video, 8)
    said = Predictor(engine.model, engine.median, samples=8)(features, 0, 0)
    runs = np.flatnonzero(np.r_[True, said.labels[1:] != said.labels[:-1]])
    assert [segment.label for segment in segments] == [engine.class_names[said.labels[run]] for run in runs]
    first = said.confidences[: runs[1]] if len(runs) > 1 else said.confidences
    assert segments[0].confidence == pytest.approx(float(first.mean()), abs=1e-5)
    alone = Predictor(engine.model, engine.median)(features, 0, 0)
    assert np.abs(alone.confidences - said.confidences).max() > 0.01
