"""Frames of a caller's own say what a stream of the same frames says, alone or among others."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sample_videos import make_video

from actfusion_stream import Engine, Frame, Session, StreamError, Tick, open_stream
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import Source, open_source


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


def said(ticks: list[Tick]) -> list[tuple[object, ...]]:
    """Everything but how long it took."""
    return [(t.seen_until, t.observed_until, t.past, t.future, t.settled, t.gaps) for t in ticks]


def frames_of(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def taken(session: Session, frames: list[Frame]) -> list[Tick]:
    return [tick for frame in frames if (tick := session.take(frame)) is not None]


def fed(session: Session, frames: list[Frame]) -> list[Tick]:
    return [tick for frame in frames if (tick := session.push(frame.image, frame.time)) is not None]


@pytest.mark.parametrize("horizon", ["3s", 0.5])
@pytest.mark.parametrize("tick", [0.3, 1.0])
def test_a_session_says_what_a_stream_of_the_file_says(
    engine: Engine, tiny_video: Path, horizon: str | float, tick: float
) -> None:
    with open_stream(tiny_video, engine=engine, horizon=horizon, tick=tick) as stream:
        ticks = list(stream)
        segments = stream.finish()
    session = engine.session(horizon=horizon, tick=tick)
    assert said(taken(session, frames_of(tiny_video))) == said(ticks)
    assert session.finish() == segments
    assert session.finish() == segments


def test_frames_of_any_rate_say_the_same(engine: Engine, tmp_path: Path) -> None:
    video = make_video(tmp_path / "vfr.mp4", times=[0, 40, 500, 540, 1700, 2500, 2540, 3600])
    with open_stream(video, engine=engine, tick=0.5) as stream:
        ticks, segments = list(stream), stream.finish()
    session = engine.session(tick=0.5)
    assert said(taken(session, frames_of(video))) == said(ticks)
    assert session.finish() == segments


def test_interleaved_sessions_say_what_each_says_alone(engine: Engine, tiny_video: Path) -> None:
    frames = frames_of(tiny_video)
    mirrored = [Frame(f.time, np.ascontiguousarray(f.image[:, ::-1]), f.index, f.arrived) for f in frames]
    alone = [said(fed(engine.session(tick=0.3), each)) for each in (frames, mirrored)]
    sessions = [engine.session(tick=0.3) for _ in range(2)]
    together: list[list[Tick]] = [[], []]
    for pair in zip(frames, mirrored, strict=True):
        for session, frame, ticks in zip(sessions, pair, together, strict=True):
            ticks += fed(session, [frame])
    assert [said(ticks) for ticks in together] == alone
    assert alone[0] != alone[1]


def test_two_streams_in_two_threads_say_what_each_says_alone(engine: Engine, tmp_path: Path) -> None:
    videos = [make_video(tmp_path / f"{n}.mp4", times=range(n, 6000, 40)) for n in (0, 1000)]
    alone = []
    for video in videos:
        with open_stream(video, engine=engine, tick=0.2) as stream:
            alone.append(said(list(stream)))
    found: dict[int, list[tuple[object, ...]]] = {}

    def watch(index: int) -> None:
        with open_stream(videos[index], engine=engine, tick=0.2) as stream:
            found[index] = said(list(stream))

    threads = [threading.Thread(target=watch, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[0], found[1]] == alone


def test_a_caller_may_use_the_memory_of_a_picture_again(engine: Engine, tiny_video: Path) -> None:
    frames = frames_of(tiny_video)
    expected = said(fed(engine.session(), frames))
    session, buffer, ticks = engine.session(), np.empty_like(frames[0].image), []
    for frame in frames:
        buffer[:] = frame.image
        ticks += fed(session, [Frame(frame.time, buffer, 0, 0.0)])
        buffer[:] = 0
    assert said(ticks) == expected


def test_blue_green_red_is_turned_around(engine: Engine, tiny_video: Path) -> None:
    frames = frames_of(tiny_video)
    expected = said(fed(engine.session(), frames))
    session = engine.session()
    pushed = [session.push(frame.image[..., ::-1], frame.time, bgr=True) for frame in frames]
    assert said([tick for tick in pushed if tick is not None]) == expected


def test_the_size_may_change(engine: Engine) -> None:
    session = engine.session(tick=0.5)
    ticks = []
    for index, size in enumerate([(48, 64), (33, 21), (200, 120)] * 20):
        tick = session.push(np.full((*size, 3), index, np.uint8), index / 15)
        ticks += [] if tick is None else [tick]
    assert len(ticks) == 7
    assert session.finish()[-1].end == pytest.approx(4.0)


def test_time_may_begin_anywhere(engine: Engine, tiny_video: Path) -> None:
    frames = frames_of(tiny_video)
    zero = fed(engine.session(), frames)
    later = fed(engine.session(), [Frame(f.time + 4096.0, f.image, f.index, f.arrived) for f in frames])
    assert [t.current.label for t in later] == [t.current.label for t in zero]
    assert [t.seen_until - 4096.0 for t in later] == pytest.approx([t.seen_until for t in zero])
    assert later[0].past[0].start == 4096.0


PICTURE = np.zeros((48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("kitchen.png", "session: image is str; give a numpy array (H, W, 3) of uint8"),
        (PICTURE.astype(np.float32), "session: image is float32 (48, 64, 3); give a numpy array"),
        (PICTURE[..., 0], "session: image is uint8 (48, 64); give a numpy array"),
        (np.zeros((48, 64, 4), np.uint8), "session: image is uint8 (48, 64, 4); give a numpy array"),
        (np.zeros((1, 48, 64, 3), np.uint8), "session: image is uint8 (1, 48, 64, 3); give a numpy array"),
        (PICTURE[:0], "session: image is (0, 64, 3); it holds no pixel"),
    ],
)
def test_what_is_no_picture_is_named(engine: Engine, image: object, message: str) -> None:
    with pytest.raises(StreamError) as error:
        engine.session().push(image, 0.0)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (1.0, "session: time 1 s follows 1 s; times must rise from frame to frame"),
        (0.5, "session: time 0.5 s follows 1 s; times must rise from frame to frame"),
        (float("nan"), "session: time nan: give seconds, up to 1e+10"),
        (float("-inf"), "session: time -inf: give seconds, up to 1e+10"),
        (1e300, "session: time 1e+300: give seconds, up to 1e+10"),
        ("soon", "session: time 'soon': give seconds, up to 1e+10"),
        (None, "session: time None: give seconds, up to 1e+10"),
        (True, "session: time True: give seconds, up to 1e+10"),
        (
            5000.0,
            "session: its time jumps from 1.0 s to 5000.0 s; a gap may last 3600 s: cut the video there",
        ),
    ],
)
def test_a_time_that_does_not_rise_is_named(engine: Engine, time: object, message: str) -> None:
    session = engine.session()
    session.push(PICTURE, 1.0)
    with pytest.raises(StreamError) as error:
        session.push(PICTURE, time)  # type: ignore[arg-type]
    assert str(error.value) == message
    assert session.push(PICTURE, 1.1) is None  # and nothing is spoilt
    assert session.stats.frames == 2


def test_nothing_follows_the_end(engine: Engine) -> None:
    session = engine.session()
    assert session.finish() == ()
    with pytest.raises(StreamError, match="session: it has been finished; begin another session"):
        session.push(PICTURE, 0.0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"tick": 0.0}, "tick 0: give seconds of video from 0.04 to 60"),
        ({"memory": 0.1}, "memory 0.1: give seconds from 1 to 86400"),
        ({"futures": 0}, "futures 0: give how many to draw, a whole number from 1 to 64, e.g. 8"),
        ({"futures": 65}, "futures 65: give how many to draw, a whole number from 1 to 64, e.g. 8"),
        ({"futures": 2.5}, "futures 2.5: give how many to draw, a whole number from 1 to 64, e.g. 8"),
        ({"horizon": "soon"}, "horizon soon: give a ratio of the observed length"),
        *(
            ({name: value}, f"{name} {shown}: give ")
            for name in ("tick", "memory", "horizon", "futures")
            for value, shown in [
                (math.nan, "nan"),
                (math.inf, "inf"),
                (-math.inf, "-inf"),
                (-1, "-1"),
                (10**400, "100000000000000000...0000000000000000000"),
                (np.float32("nan"), "nan"),
                (True, "True"),
                ([1], "[1]"),
            ]
        ),
    ],
)
def test_settings_are_checked(engine: Engine, setting: dict[str, object], message: str) -> None:
    with pytest.raises(StreamError) as error:
        engine.session(**setting)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)


# Streams that are left, gone on with, finished and closed


def test_a_loop_may_be_left_and_gone_on_with(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine) as stream:
        whole = said(list(stream))
    with open_stream(tiny_video, engine=engine) as stream:
        ticks = []
        for tick in stream:
            ticks.append(tick)
            break
        ticks += list(stream)
    assert said(ticks) == whole


def test_closing_in_the_middle_of_a_loop_is_told(engine: Engine, tiny_video: Path) -> None:
    stream = open_stream(tiny_video, engine=engine, tick=1.0)
    ticks = iter(stream)
    next(ticks)
    stream.close()
    with pytest.raises(StreamError, match=r"^tiny\.mp4: the stream has been closed; open another one"):
        next(ticks)
    stream.close()
    assert stream.finish()[-1].end == pytest.approx(1 + 1 / 15)  # what had been seen


def test_finishing_in_the_middle_of_a_loop_is_told(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine) as stream:
        ticks = iter(stream)
        next(ticks)
        segments = stream.finish()
        with pytest.raises(StreamError, match=r"^tiny\.mp4: the stream has been finished; open another one"):
            next(ticks)
        assert stream.finish() == segments
        with pytest.raises(StreamError, match="has been finished"):
            next(iter(stream))


def test_stopping_ends_the_loop(engine: Engine, tiny_video: Path) -> None:
    with open_stream(tiny_video, engine=engine) as stream:
        for count, _ in enumerate(stream.steps(), start=1):
            if count == 20:
                stream.stop()
    assert count == 20
    assert stream.stopped


def test_an_engine_brings_its_own_checkpoint(engine: Engine, tiny_video: Path) -> None:
    with pytest.raises(StreamError, match=r"^engine: it has its checkpoint, device and extractor"):
        open_stream(tiny_video, engine=engine, device="cpu")


class Endless:
    """A source that does not know its length, rate or size."""

    info = SourceInfo("endless", 0, 0, None, None, live=False, has_audio=False)
    warning = remark = None

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def frames(self) -> Iterator[Frame]:
        index = 0
        while not self._stopped.is_set():
            yield Frame(index / 10, np.full((48, 64, 3), index % 256, np.uint8), index, 0.0)
            index += 1

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()


def test_a_source_without_an_end_can_be_watched_and_left(engine: Engine) -> None:
    with open_stream(Source(Endless()), engine=engine, tick=1.0) as stream:
        ticks = [tick for tick, _ in zip(stream, range(5), strict=False)]
    assert all(b.seen_until - a.seen_until == pytest.approx(1.0) for a, b in pairwise(ticks))
    assert stream.finish()[0].start == 0.0
    assert [t.name for t in threading.enumerate() if t.name.startswith("read ")] == []
