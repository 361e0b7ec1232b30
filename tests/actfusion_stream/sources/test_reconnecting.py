"""Connections that do as a script tells them: whatever ends one, another is made, and time goes on."""

from __future__ import annotations

import errno
import itertools
import math
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import live
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.live import LiveReader
from actfusion_stream.sources.source import Source


class Scripted:
    """A connection that does as it is told: numbers are seconds between pictures, and other things happen."""

    def __init__(self, script: list[float | str], shape: tuple[int, int] = (4, 6)) -> None:
        self.script, self.shape, self.rate, self.closed = script, shape, 10.0, False
        self.sent = 100.0  # its clock

    def pictures(self) -> Iterator[tuple[float | None, np.ndarray]]:
        for part in self.script:
            if part == "hang":
                threading.Event().wait(30)
            elif part == "raise":
                raise ValueError("a bug in a driver")
            elif part == "break":
                raise ConnectionResetError(errno.ECONNRESET, "of rtsp://cook:s3cret@kitchen")
            elif part == "back":
                self.sent -= 50.0
            elif part == "ahead":
                self.sent += 5000.0
            else:
                assert isinstance(part, float)
                time.sleep(part)
                self.sent += part
                yield self.sent, np.full((*self.shape, 3), 7, np.uint8)

    def close(self) -> None:
        self.closed = True


STEADY: list[float | str] = [0.02] * 10


def read(
    scripts: list[Scripted], silence: float = 0.3, outage: float = 0.6
) -> tuple[list[Frame], LiveReader]:
    waiting = iter(scripts)

    def connect() -> Scripted:
        try:
            return next(waiting)
        except StopIteration:
            raise StreamError("refused") from None

    reader = LiveReader("scripted", connect, silence=0.3, outage=outage)
    with Source(reader, max_staleness=10) as source:
        return list(source), reader


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        ("hang", "silent for 0.3 s"),
        ("raise", "ValueError while reading"),
        ("break", "broke off (Connection reset by peer)"),
        ("", "the connection ended"),
    ],
)
def test_whatever_ends_a_connection_another_is_made(end: str, cause: str) -> None:
    first = Scripted([*STEADY, *([end] if end else [])])
    second = Scripted(STEADY)
    frames, reader = read([first, second])
    assert reader.connections == 2
    assert [frame.gap for frame in frames if frame.gap] == [cause]
    assert reader.warning is not None
    assert reader.warning.startswith("scripted: the connection ended after")
    assert reader.warning.endswith("and did not come back within 0.6 s")
    times = [frame.time for frame in frames]
    assert all(one < other for one, other in itertools.pairwise(times))
    assert second.closed


def test_without_reconnecting_the_end_is_the_end() -> None:
    frames, reader = read([Scripted(STEADY), Scripted(STEADY)], outage=0.0)
    assert reader.connections == 1
    assert 5 <= len(frames) <= 10
    assert reader.warning is not None
    assert "come back" not in reader.warning


@pytest.mark.parametrize("jump", ["back", "ahead"])
def test_a_senders_clock_that_jumps_moves_nothing(jump: str) -> None:
    frames, _ = read([Scripted([*STEADY, jump, *STEADY])], outage=0.0)
    assert 10 <= len(frames) <= 20
    assert frames[-1].time < 2.0


def test_stopping_does_not_wait_for_a_silent_source() -> None:
    reader = LiveReader("scripted", lambda: Scripted([*STEADY, "hang"]), silence=30.0)
    source = Source(reader, max_staleness=10)
    timer = threading.Timer(0.6, source.stop)
    timer.start()
    began = time.monotonic()
    frames = list(source)
    assert frames
    assert time.monotonic() - began < 10  # not 30
    timer.join()


def test_another_size_is_fitted_into_the_first() -> None:
    frames, _ = read([Scripted(STEADY, (40, 60)), Scripted(STEADY, (60, 40))])
    assert {frame.image.shape for frame in frames} == {(40, 60, 3)}
    assert frames[-1].image[:, 30].min() == 7
    assert frames[-1].image[:, 0].max() == 0


def test_a_camera_with_a_frame_in_three_seconds_has_no_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is usual is no gap, but for the second frame, of which nobody could know."""
    monkeypatch.setattr(live, "_GAP_SECONDS", 0.02)
    steps: list[float | str] = [0.03] * 12
    frames, _ = read([Scripted([*steps, 0.25, *steps])], outage=0.0)
    gaps = [index for index, frame in enumerate(frames) if frame.gap]
    assert len(frames) >= 20
    assert [frames[index].gap for index in gaps if index > 1] == ["nothing came"]
    assert frames[gaps[-1]].time - frames[gaps[-1] - 1].time == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize("sent", [math.nan, math.inf, -math.inf])
def test_a_sender_without_a_sensible_clock_is_timed_by_ours(sent: float) -> None:
    connection = Scripted(STEADY)
    connection.sent = sent
    frames, _ = read([connection], outage=0.0)
    assert len(frames) >= 5
    assert all(0 <= frame.time < 5 for frame in frames)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, 10**400, "1", True])
@pytest.mark.parametrize("name", ["silence", "outage"])
def test_patience_is_a_number_of_seconds(name: str, value: float) -> None:
    made: list[Scripted] = []

    def connect() -> Scripted:
        made.append(Scripted(STEADY))
        return made[0]

    with pytest.raises(StreamError, match=rf"^scripted: {name} .*: give seconds "):
        LiveReader("scripted", connect, **{name: value})  # type: ignore[arg-type]
    assert made == []
