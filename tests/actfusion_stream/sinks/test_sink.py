"""A sink that fails is given up, closed and named, and the others finish."""

from __future__ import annotations

import numpy as np
import pytest
from sinks_of_tests import beginning, end

from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.sink import Sink, Sinks
from actfusion_stream.sources.frames import Frame, SourceInfo

INFO = beginning(SourceInfo("camera 0", 64, 48, None, 10.0, live=True, has_audio=False))
TICK = Tick(0.5, 0.4, (Segment("cut", 0.0, 0.4, 0.9),), ())
FRAME = Frame(0.5, np.zeros((48, 64, 3), np.uint8), 5, 0.0)
CALLS = ("start", "gap", "tick", "frame", "finish", "close")


class Recorder(Sink):
    """Writes down what it is told, and fails at one of it."""

    def __init__(self, fails_at: str = "", error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self._fails_at, self._error = fails_at, error or StreamError(f"broken at {fails_at}")

    def _told(self, name: str) -> None:
        self.calls.append(name)
        if name == self._fails_at:
            raise self._error

    def start(self, info: object) -> None:
        self._told("start")

    def gap(self, gap: Gap) -> None:
        self._told("gap")

    def tick(self, tick: Tick) -> None:
        self._told("tick")

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self._told("frame")

    def finish(self, segments: object, summary: object) -> None:
        self._told("finish")

    def close(self) -> None:
        self._told("close")


def tell(sinks: Sinks) -> None:
    try:
        sinks.start(INFO)
        sinks.gap(Gap(0.0, 0.3, "silent"))
        sinks.tick(TICK)
        sinks.frame(FRAME, TICK)
        sinks.finish(TICK.past, end())
    finally:
        sinks.close()


def test_each_is_told_everything_in_order() -> None:
    recorders = [Recorder(), Recorder()]
    sinks = Sinks(recorders)
    tell(sinks)
    assert [recorder.calls for recorder in recorders] == [list(CALLS)] * 2
    assert sinks.failures == []


@pytest.mark.parametrize("fails_at", ["gap", "tick", "frame", "finish"])
@pytest.mark.parametrize("error", [StreamError("no disk"), OSError("no disk"), BrokenPipeError("no disk")])
def test_one_that_fails_is_closed_and_the_others_go_on(fails_at: str, error: Exception) -> None:
    broken, whole = Recorder(fails_at, error), Recorder()
    sinks = Sinks([broken, whole])
    tell(sinks)
    assert whole.calls == list(CALLS)
    assert broken.calls == [*CALLS[: CALLS.index(fails_at) + 1], "close"]
    assert sinks.failures == ["no disk"]


def test_one_that_fails_when_it_is_closed_is_named_too() -> None:
    sinks = Sinks([Recorder("close"), Recorder()])
    tell(sinks)
    assert sinks.failures == ["broken at close"]


def test_when_the_last_one_fails_there_is_nothing_to_go_on_for() -> None:
    first, second = Recorder("tick"), Recorder("frame")
    with pytest.raises(StreamError, match=r"^broken at tick; broken at frame$"):
        tell(Sinks([first, second]))
    assert first.calls[-1] == second.calls[-1] == "close"


def test_one_that_cannot_start_ends_the_run() -> None:
    first, second = Recorder(), Recorder("start")
    with pytest.raises(StreamError, match=r"^broken at start$"):
        tell(Sinks([first, second]))
    assert first.calls == ["start", "close"]


@pytest.mark.parametrize("fails_at", ["tick", "close"])
def test_a_bug_in_a_sink_is_no_failure_of_its_target(fails_at: str) -> None:
    broken, whole = Recorder(fails_at, KeyError("a bug")), Recorder()
    with pytest.raises(KeyError):
        tell(Sinks([broken, whole]))
    assert whole.calls[-1] == "close"


def test_nothing_to_tell_is_no_failure() -> None:
    tell(Sinks([]))


def test_a_sink_of_ones_own_need_hear_of_nothing() -> None:
    tell(Sinks([Sink()]))
