"""A source is read by a thread of its own: a file loses nothing, a live one stays fresh, and both end."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sample_videos import grey_level, make_video, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.camera import CameraConnection
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.live import LiveReader
from actfusion_stream.sources.source import Source, open_source


def reader_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read ")]


class CountingReader:
    """Delivers numbered frames as fast as they are taken, and can break."""

    def __init__(self, count: int, live: bool, error: Exception | None = None) -> None:
        self.info = SourceInfo("counter", 4, 2, None, None, live, has_audio=False)
        self.warning: str | None = None
        self.remark: str | None = None
        self.count, self.error, self.delivered, self.closed = count, error, 0, False

    def frames(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.delivered = index + 1
            yield Frame(index / 10, np.zeros((2, 4, 3), np.uint8), index, time.perf_counter())
        if self.error:
            raise self.error

    def stop(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_a_file_waits_for_a_slow_consumer_and_loses_nothing(tmp_path: Path) -> None:
    with open_source(make_video(tmp_path / "a.mp4", times=ramp(40))) as source:
        first = next(source)
        time.sleep(0.2)  # long enough to decode all, if it did not wait
        rest = list(source)
    assert [frame.index for frame in [first, *rest]] == list(range(40))
    assert source.dropped == 0


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_leaving_early_ends_the_thread_while_the_queue_is_full(tmp_path: Path, taken: int) -> None:
    with open_source(make_video(tmp_path / "a.mp4", times=ramp(100))) as source:
        for _ in range(taken):
            next(source)
        time.sleep(0.05)
    assert reader_threads() == []
    assert list(source) == []


def test_an_exception_of_the_consumer_ends_the_thread(tmp_path: Path) -> None:
    def consume(video: Path) -> None:
        with open_source(video) as source:
            next(source)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume(make_video(tmp_path / "a.mp4", times=ramp(100)))
    assert reader_threads() == []


def test_an_exception_of_the_reader_reaches_the_consumer() -> None:
    reader = CountingReader(3, live=False, error=MemoryError("no room for a picture"))
    source = Source(reader)
    assert [next(source).index for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StreamError, match=r"^counter: reading failed: no room for a picture$"):
        next(source)
    assert reader.closed
    assert reader_threads() == []


def test_a_live_source_drops_its_oldest_frames_and_counts_them() -> None:
    reader = CountingReader(100, live=True)
    with Source(reader, max_staleness=0.01) as source:
        first = next(source).index
        deadline = time.perf_counter() + 5
        while reader.delivered < 100 and time.perf_counter() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        seen = [first, *(frame.index for frame in source)]
    assert seen == sorted(seen)
    assert seen[-1] == 99
    assert source.dropped == 100 - len(seen)
    assert source.dropped >= 60


def test_leaving_a_live_source_ends_the_thread() -> None:
    reader = CountingReader(10**9, live=True)
    with Source(reader) as source:
        next(source)
    assert reader.closed
    assert reader_threads() == []


def test_a_camera_stamps_its_frames_with_a_clock(tmp_path: Path) -> None:
    """OpenCV opens a file like a camera, which lets the same code run where there is no camera."""
    video = make_video(tmp_path / "as_camera.mp4", times=ramp(12))
    source = Source(LiveReader("camera 0", lambda: CameraConnection(video), outage=0))
    assert (source.info.width, source.info.height, source.info.live) == (64, 48, True)
    assert source.info.duration is None
    with source:
        frames = list(source)
    assert frames[0].time == 0.0
    assert all(np.diff([frame.time for frame in frames]) > 0)
    assert np.allclose(frames[-1].image, grey_level(11), atol=6)
    assert source.warning is not None
    assert "camera 0: stopped delivering pictures after" in source.warning


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (97, "camera 97: no such camera (cameras are counted from 0)"),
        (-1, "camera -1: no such camera (cameras are counted from 0, to 99)"),
        (np.int64(-7), "camera -7: no such camera (cameras are counted from 0, to 99)"),
        (100, "camera 100: no such camera (cameras are counted from 0, to 99)"),
        (2**31, "camera 2147483648: no such camera (cameras are counted from 0, to 99)"),
        (
            10**60,
            "camera 100000000000000000...0000000000000000000: no such camera (cameras are counted from 0",
        ),
        (True, "source True: give a path, an address, or the number of a camera"),
        (None, "source None: give a path, an address, or the number of a camera"),
        (1.0, "source 1.0: give a path, an address, or the number of a camera"),
        (b"a.mp4", "source b'a.mp4': give a path, an address, or the number of a camera"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(given: object, message: str, capfd) -> None:
    with pytest.raises(StreamError) as error:
        open_source(given)  # type: ignore[arg-type]
    assert str(error.value).startswith(message)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e9, 10**400, "1", True])
def test_patience_is_a_number_of_seconds(tmp_path: Path, value: float) -> None:
    video = make_video(tmp_path / "a.mp4")
    for name, argument in (("max-staleness", "max_staleness"), ("reconnect", "outage")):
        with pytest.raises(StreamError, match=f"^{name} .*: give seconds "):
            open_source(video, **{argument: value})  # type: ignore[arg-type]
    with pytest.raises(StreamError, match=r"^max-staleness .*: give seconds above 0, up to 3600$"):
        Source(CountingReader(1, live=True), value)
    with pytest.raises(StreamError, match=r"^max-staleness 0: give seconds above 0, up to 3600$"):
        open_source(video, max_staleness=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("begun", [False, True])
def test_a_source_stays_in_the_process_that_opened_it(tmp_path: Path, begun: bool) -> None:
    """No thread follows into a child: what waits for one there would wait for ever."""
    source = open_source(make_video(tmp_path / "a.mp4", times=ramp(100)))
    if begun:
        next(source)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            next(source)
        except StreamError as error:
            source.close()
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said == (
        "a.mp4: was opened before this process was forked from another, and is read there; "
        "open it in this one"
    )
    assert len(list(source)) == 100 - begun
