"""One picture for an hour, as two frames of a few kilobytes may ask for it: cheap, and left at once."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sample_videos import make_video, packets

from actfusion_stream import Engine, Session, open_stream, run
from actfusion_stream.engine.predictor import Prediction, Predictor
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sinks.events import EventLog

PERIOD = 4 / 15
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 48, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


@pytest.fixture(scope="module")
def hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames 3500 s apart."""
    return make_video(tmp_path_factory.mktemp("hour") / "hour.mkv", times=[0, 3_500_000])


def test_what_does_not_change_is_computed_once(
    engine: Engine, hour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    call = Extractor.__call__
    monkeypatch.setattr(
        Extractor, "__call__", lambda this, *clips: computed.append(len(clips[2])) or call(this, *clips)
    )
    with open_stream(hour, engine=engine) as stream:
        ticks = list(stream)
        segments = stream.finish()
    assert sum(computed) <= 6
    assert stream.stats.features == round(3500 / PERIOD) + 1
    assert len(ticks) == 1
    assert (segments[0].start, segments[-1].end) == (0.0, pytest.approx(7000.0))
    assert all(one.end == two.start for one, two in pairwise(segments))


def test_what_does_not_change_is_said_as_if_it_had_been_computed(engine: Engine) -> None:
    held, copied = engine.session(), engine.session()
    for session in (held, copied):
        session.push(PICTURES[0], 0.0)
    for index in range(1, 300):
        copied.push(PICTURES[0], index / 15)
    held.push(PICTURES[1], 20.0)
    copied.push(PICTURES[1], 20.0)
    one, other = held.features()[0], copied.features()[0]
    assert one.shape == other.shape
    assert np.abs(one - other).max() < 1e-5 * np.abs(other).max()
    assert [s.label for s in held.finish()] == [s.label for s in copied.finish()]


def test_stopping_leaves_the_wait(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    session = engine.session(memory=60.0)
    predict, calls = Predictor.__call__, []

    def stopping(this: Predictor, *arguments: object) -> Prediction:
        calls.append(len(calls))
        if len(calls) == 3:  # the memory has been full three times
            session.stop()
        return predict(this, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "__call__", stopping)
    session.push(PICTURES[0], 0.0)
    assert session.push(PICTURES[1], 3500.0) is None
    assert calls == [0, 1, 2]
    assert (session.stats.frames, session.stats.seen_until) == (1, 0.0)
    assert session.push(PICTURES[1], 3501.0) is None
    segments = session.finish()
    assert segments[0].start == 0.0
    assert 180 <= segments[-1].end < 250  # as long as the first picture was shown


def test_a_stream_that_is_stopped_in_a_wait_ends_with_whole_results(
    engine: Engine, hour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Session._store

    def slowly(this: Session, *features: object) -> None:
        time.sleep(0.001)  # as a machine would that takes minutes for the hour
        hold(this, *features)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "_store", slowly)
    with open_stream(hour, engine=engine) as stream:
        threading.Timer(1.0, stream.stop).start()
        began = time.monotonic()
        outcome = run(stream, [EventLog(tmp_path / "a.jsonl"), AnnotatedVideo(tmp_path / "a.mp4")])
        assert time.monotonic() - began < 1 + 2 + 1
    assert outcome.summary.interrupted
    assert outcome.summary.frames == len(packets(tmp_path / "a.mp4", "video")) == 1
    assert json.loads((tmp_path / "a.jsonl").read_text().splitlines()[-1])["frames"] == 1
    assert 0 < outcome.segments[-1].end < 3500
