"""What a stream has put up for viewers: its thread writes and waits for nobody, the server's loop reads.

Only the newest is there. A viewer who is slow finds something newer when they look again, and has missed what
was in between; nothing is kept for anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from actfusion_stream.page.pictures import Jpeg, PictureMaker

if TYPE_CHECKING:
    from actfusion_stream.engine.stream import StreamInfo
    from actfusion_stream.engine.timeline import Tick
    from actfusion_stream.page.result import Result
    from actfusion_stream.sources.frames import Frame

STATUS_SECONDS = 1 / 8  # between two looks at the counters: faster than this nobody reads
_RECENT = 50  # frames that a rate is counted over
_SILENT = 2.0  # seconds without a frame after which there is no rate


class Bell:
    """Wakes coroutines of one loop from any thread. Rings before they have woken are one."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ringing = False
        self._rung = asyncio.Event()

    def hang(self, loop: asyncio.AbstractEventLoop) -> None:
        """In this loop it is heard."""
        self._loop = loop

    def ring(self) -> None:
        """Wake whoever waits; what they are to see must have been written before."""
        if self._loop is not None and not self._ringing:
            self._ringing = True
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._ringing = False
        self._rung.set()
        self._rung = asyncio.Event()

    async def heard(self, seconds: float) -> None:
        """Wait until it rings, or for so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)


class Board:
    """The newest of everything.

    Args:
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.

    Attributes:
        stream: counts the streams that were put up; of several videos each is one.
        info: of the stream; None before the first.
        tick: the newest; None before the first.
        time: seconds of the newest frame.
        ended: no frame follows.
        result: what came of a file.
        jpeg: the newest picture that was made.
        closed: the server stops.
        skipped: pictures that viewers were too slow for, all together.
        viewers: how many read the feed.
        news, pictured: ring when anything, or a picture, is new.
    """

    def __init__(self, min_confidence: float = 0.0) -> None:
        self.min_confidence = min_confidence
        self.stream = 0
        self.info: StreamInfo | None = None
        self.tick: Tick | None = None
        self.time = 0.0
        self.ended = False
        self.result: Result | None = None
        self.jpeg: Jpeg | None = None
        self.closed = False
        self.skipped = self.viewers = 0
        self.news, self.pictured = Bell(), Bell()
        self.maker = PictureMaker(self._hang_up)
        self._arrivals: deque[float] = deque(maxlen=_RECENT)
        self._status: tuple[float, dict[str, Any]] = (float("-inf"), {})
        self._speed = 0.0

    def begin(self, info: StreamInfo) -> None:
        """Take down what was there, and begin with another stream."""
        self.tick, self.time, self.ended, self.result = None, info.source.begins, False, None
        self.jpeg = None
        self._arrivals.clear()
        self.maker.show(None)
        self.info = info
        self.stream += 1
        self.news.ring()

    def frame(self, frame: Frame) -> None:
        """A frame has come."""
        self.time = frame.time
        self._arrivals.append(frame.arrived)
        self.maker.show(frame)
        self.news.ring()

    def close(self) -> None:
        """Let everybody go."""
        self.closed = True
        self.maker.close()
        self.news.ring()
        self.pictured.ring()

    def status(self) -> tuple[float, dict[str, Any]]:
        """Counters and times, for all viewers the same; made anew some times a second.

        Returns:
            When they were read, on the monotonic clock, and a record of them.
        """
        now = time.monotonic()
        if now - self._status[0] >= STATUS_SECONDS:
            self._status = now, self._read_counters()
        return self._status

    def _read_counters(self) -> dict[str, Any]:
        state = "running" if self.stream else "starting"
        if self.ended:
            state = "ended" if self.result is None else "finished"
        read: dict[str, Any] = {
            "type": "status",
            "state": state,
            "time": round(self.time, 3),
            "viewers": self.viewers,
            "pictures_skipped": self.skipped,
        }
        if self.info is not None:
            stats = self.info.stats
            if not self.ended:  # its clock goes on
                self._speed = stats.speed
            read |= {
                "rate": round(self._rate(), 1),
                "speed": round(self._speed, 2),
                "frames": stats.frames,
                "ticks": stats.ticks,
                "delay_ms": {f"p{p}": round(stats.latency(p)) for p in (50, 95)},
                "drops": {cause: count for cause, count in dict(stats.drops).items() if count},
                "gaps": stats.gaps,
                "unfamiliar": round(stats.unfamiliar / max(stats.ticks, 1), 3),
            }
        return read

    def _rate(self) -> float:
        """Frames a second, of late."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or self.ended or time.perf_counter() - arrivals[-1] > _SILENT:
            return 0.0
        return (len(arrivals) - 1) / max(arrivals[-1] - arrivals[0], 1e-3)

    def _hang_up(self, jpeg: Jpeg) -> None:
        self.jpeg = jpeg
        self.pictured.ring()
