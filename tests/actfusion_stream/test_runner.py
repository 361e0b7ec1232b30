"""A run from Python: every frame to the sinks and the view, and whole results whatever ends it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import pytest
from sample_videos import packets

from actfusion_stream import Engine, Frame, Sink, Stream, StreamError, Tick, open_stream, run
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.segments import SegmentFile
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import Source


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


class Memory(Sink):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.ticks: list[Tick] = []
        self.frames: list[tuple[float, Tick | None]] = []

    def tick(self, tick: Tick) -> None:
        self.ticks.append(tick)

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self.frames.append((frame.time, tick))


def sinks(folder: Path) -> list[Sink]:
    return [EventLog(folder / "a.jsonl"), AnnotatedVideo(folder / "a.mp4"), SegmentFile(folder / "a.csv")]


def results(folder: Path) -> tuple[list[dict[str, object]], int, list[dict[str, str]]]:
    """Events, frames of the video, and rows of the table; there is nothing else."""
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "a.jsonl", "a.mp4"]
    events = [json.loads(line) for line in (folder / "a.jsonl").read_text().splitlines()]
    with (folder / "a.csv").open() as file:
        return events, len(packets(folder / "a.mp4", "video")), list(csv.DictReader(file))


def test_everything_is_told_once_and_the_outcome_tells_it_again(engine: Engine, tiny_video: Path) -> None:
    memory = Memory()
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        outcome = run(stream, [memory])
    assert len(memory.frames) == outcome.summary.frames == 90
    assert [tick.seen_until for tick in memory.ticks] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert memory.frames[14][1] is None
    assert memory.frames[15][1] is memory.ticks[0]
    assert outcome.segments == outcome.summary.segments == stream.finish()
    assert (outcome.failures, outcome.warnings, outcome.summary.interrupted) == ((), (), False)


def test_it_runs_without_sinks(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        assert run(stream).summary.ticks == 5


def test_a_stream_that_is_stopped_has_whole_results(engine: Engine, tiny_video: Path, tmp_path: Path) -> None:
    class Stopper(Sink):
        def __init__(self, stream: Stream) -> None:
            self._stream = stream

        def tick(self, tick: Tick) -> None:
            if tick.seen_until >= 3:
                self._stream.stop()

    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        outcome = run(stream, [*sinks(tmp_path), Stopper(stream)])
    assert outcome.summary.interrupted
    events, frames, rows = results(tmp_path)
    assert events[-1]["interrupted"] is True
    assert frames == outcome.summary.frames == 46
    assert float(rows[-1]["end"]) == pytest.approx(46 / 15, abs=0.001)


class Breaking:
    """A source that fails after five seconds."""

    info = SourceInfo("breaking", 64, 48, None, 15.0, live=False, has_audio=False)
    warning = remark = None

    def frames(self) -> Iterator[Frame]:
        for index in range(75):
            yield Frame(index / 15, np.full((48, 64, 3), index, np.uint8), index, 0.0)
        raise RuntimeError("the cable")

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_source_that_fails_leaves_whole_results(engine: Engine, tmp_path: Path) -> None:
    with (
        open_stream(Source(Breaking()), engine=engine) as stream,
        pytest.raises(StreamError, match=r"^breaking: reading failed: the cable$"),
    ):
        run(stream, sinks(tmp_path))
    events, frames, rows = results(tmp_path)
    assert frames == 75
    assert events[-1]["interrupted"] is True
    assert events[-1]["warning"] == "breaking: reading failed: the cable"
    assert float(rows[-1]["end"]) == pytest.approx(5.0, abs=0.001)


def test_a_bug_leaves_a_video_that_plays(engine: Engine, tiny_video: Path, tmp_path: Path) -> None:
    class Bug(Sink):
        def tick(self, tick: Tick) -> None:
            if tick.seen_until >= 3:
                raise KeyError("a bug")

    with open_stream(tiny_video, engine=engine, tick=1.0) as stream, pytest.raises(KeyError):
        run(stream, [AnnotatedVideo(tmp_path / "a.mp4"), Bug()])
    assert len(packets(tmp_path / "a.mp4", "video")) == 45


class LookingAway:
    """A view that notes that it was entered and left."""

    lost = ""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __enter__(self) -> LookingAway:
        self.seen.append("enter")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seen.append("exit")

    def update(self, tick: Tick | None, time: float) -> None:
        if len(self.seen) == 1:
            self.seen.append(f"{time:g}")


def test_the_view_is_entered_told_and_left(engine: Engine, tiny_video: Path) -> None:
    view = LookingAway()
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        run(stream, [], view)
    assert view.seen == ["enter", "0", "exit"]


class Drawing(LookingAway):
    """A view that draws every fifteenth frame, six after a tick."""

    def update(self, tick: Tick | None, time: float) -> bool:
        return tick is not None and round(15 * time) % 15 == 6


def test_how_long_it_took_to_the_screen_is_told_of_what_was_drawn(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        assert run(stream).summary.latency_ms.keys() == {"taken", "feature", "prediction"}
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        latency = run(stream, [], Drawing()).summary.latency_ms
    assert len(stream.stats._latencies["screen"]) == 5
    assert latency["screen"]["p50"] > latency["prediction"]["p50"] > 0


def test_each_stage_of_a_tick_holds_those_before_it(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine, tick=1.0) as stream:
        ticks = list(stream)
    assert len(ticks) == 5
    for tick in ticks:
        assert list(tick.latency_ms) == ["taken", "feature", "prediction"]
        assert 0 < tick.latency_ms["taken"] < tick.latency_ms["feature"] < tick.latency_ms["prediction"]
