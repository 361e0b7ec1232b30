"""Cameras and streams: what comes whether anybody is ready or not, falls silent, breaks off, and comes back.

Each connection is read by a thread of its own, and watched from outside: a library that never returns from a
read cannot keep the program. When nothing came for a while the connection is given up and made anew, with
pauses that grow up to a limit, and the first frame after it says why some are missing.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import NamedTuple, Protocol

import numpy as np

from actfusion_stream.errors import StreamError, number_within
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.picture import Colors, Decoded, Picture, size_of
from actfusion_stream.sources.pictures import fitted

CONNECT_SECONDS = 15.0  # within which the first picture has to come
SILENT_SECONDS = 5.0  # without a frame: the connection is taken for dead
OUTAGE_SECONDS = 60.0  # without a connection: the source is taken for over
_LONGEST = 86_400.0  # seconds that either may be told to take
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
_GAP_SECONDS = 2.0  # between frames; less is jitter,
_GAP_STEPS = 3  # and so is less than as many frames would take: there are cameras with one in five seconds
_CLOCK_JUMP = 3.0  # seconds by which a sender's clock may run ahead of ours between two frames
_WAITING = 2  # pictures between the connection's thread and its reader, who has a queue of his own
_STEPS = 33  # between frames, of which the median tells how long one takes
_LOOK = 0.05  # seconds between looks at whether to stop


class Connection(Protocol):
    """An open camera or stream.

    Attributes:
        rate: frames a second, None if unknown.
        over: the source has said that nothing will follow; a connection that cannot know has no such thing.
    """

    rate: float | None

    def pictures(self) -> Iterator[tuple[float | None, Picture]]:
        """Pairs of the sender's time in seconds, if it gives one, and a picture."""

    def close(self) -> None: ...


class LiveReader:
    """Frames of a live source, over as many connections as it takes.

    Times are the sender's, as far as they advance like a clock, on the scale of our clock since the first
    frame. Pictures of another size after a reconnection are fitted into the first size.

    Args:
        name: how to call it; without passwords.
        connect: opens a connection, or raises StreamError.
        silence: seconds without a frame after which a connection is dead.
        outage: seconds without one after which the source is over; 0 not to reconnect at all.

    Attributes:
        info: of the first connection.
        warning: why it ended; None if it was stopped.
        connections: how many were made.

    Raises:
        StreamError: there is no first picture, or a number makes no sense.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        *,
        silence: float = SILENT_SECONDS,
        outage: float = OUTAGE_SECONDS,
    ) -> None:
        within = f"give seconds above 0, up to {_LONGEST:g}"
        self._silence = number_within(f"{name}: silence", silence, 0, _LONGEST, within, above=True)
        away = f"give seconds from 0, to end at once, to {_LONGEST:g}"
        self._outage = number_within(f"{name}: outage", outage, 0, _LONGEST, away)
        self._name, self._connect = name, connect
        self._stopped = threading.Event()
        self.warning: str | None = None
        self.connections = 1
        self._pump = _Pump(name, connect)
        first = self._pump.wait(max(CONNECT_SECONDS, silence), self._stopped)
        if first is None:
            cause = self._pump.cause or f"no picture within {max(CONNECT_SECONDS, silence):g} s"
            self._pump.abandon()
            raise StreamError(f"{name}: {cause}")
        self._first = first
        width, height = size_of(first.picture)
        colors = first.picture.colors if isinstance(first.picture, Decoded) else Colors()
        self.info = SourceInfo(
            name, width, height, None, self._pump.rate, live=True, has_audio=False, colors=colors
        )

    @property
    def remark(self) -> str | None:
        """What the connection says of itself; None if nothing."""
        return f"{self._name}: {self._pump.remark}" if self._pump.remark else None

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until the source is over or `stop` is called."""
        clock = _Clock()
        # What was captured while the model was being loaded is of no interest, but the newest of it.
        picture: _Picture | None = self._pump.wait(self._silence, self._stopped) or self._first
        self._pump.flow()
        index, cause = 0, ""
        while picture is not None:
            jitter = max(_GAP_SECONDS, _GAP_STEPS * clock.step)
            now = clock.place(picture.time, picture.arrived)
            if now is not None:
                seen = fitted(picture.picture, self.info.width, self.info.height)
                if now.gap > jitter:
                    cause = cause or "nothing came"
                yield Frame(now.time, seen, index, picture.arrived, cause)
                index, cause = index + 1, ""
            if self._stopped.is_set():
                return
            picture = self._pump.wait(self._silence, self._stopped)
            if picture is None and not self._stopped.is_set():
                if self._pump.over:
                    return
                cause = self._pump.cause or f"silent for {self._silence:g} s"
                picture = self._reconnect()
                clock.reset()
                if picture is None and not self._stopped.is_set():
                    tried = f" and did not come back within {self._outage:g} s" if self._outage else ""
                    self.warning = f"{self._name}: {cause} after {clock.last:.1f} s{tried}"

    def stop(self) -> None:
        """End `frames` at its next look."""
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()
        self._pump.abandon()

    def _reconnect(self) -> _Picture | None:
        """The first picture of a new connection; None when it is time to give up."""
        deadline = time.monotonic() + self._outage
        pause = _FIRST_PAUSE
        while True:
            self._pump.abandon()
            left = deadline - time.monotonic()
            if left <= 0 or self._stopped.wait(min(pause, left)):
                return None
            pause = min(2 * pause, _LONGEST_PAUSE)
            self._pump = _Pump(self._name, self._connect)
            self._pump.flow()
            left = min(CONNECT_SECONDS, deadline - time.monotonic())
            picture = self._pump.wait(max(0.1, left), self._stopped)
            if picture is not None:
                self.connections += 1
                return picture


class _Picture:
    """A picture with the sender's time and ours."""

    __slots__ = ("arrived", "picture", "time")

    def __init__(self, time_: float | None, picture: Picture) -> None:
        self.time, self.picture, self.arrived = time_, picture, time.perf_counter()


class _Pump:
    """Reads one connection in a thread, which ends with it, or by itself some time after `abandon`.

    Attributes:
        cause: why it ended; "" while it runs.
        over: the source has said that it ends here.
        rate: of the connection.
        remark: what it says of itself, once there is a picture.
    """

    def __init__(self, name: str, connect: Callable[[], Connection]) -> None:
        self.cause, self.over = "", False
        self.rate: float | None = None
        self.remark: str | None = None
        self._connect = connect
        self._pictures: Queue[_Picture | None] = Queue(_WAITING)
        self._abandoned = threading.Event()
        self._flowing = threading.Event()
        # A daemon: should a library never return from a read, the program can end nevertheless.
        threading.Thread(target=self._run, name=f"connection {name}", daemon=True).start()

    def wait(self, seconds: float, stopped: threading.Event) -> _Picture | None:
        """The next picture; None if the connection ended, the seconds are over or `stopped` is set."""
        deadline = time.monotonic() + seconds
        while not stopped.is_set():
            try:
                return self._pictures.get(timeout=_LOOK)
            except Empty:
                if time.monotonic() > deadline:
                    return None
        return None

    def flow(self) -> None:
        """From now on every picture is taken: none is replaced by a newer one here, where nobody counts."""
        self._flowing.set()

    def abandon(self) -> None:
        self._abandoned.set()

    def _run(self) -> None:
        try:
            connection = self._connect()
        except StreamError as error:
            self.cause = str(error)
            self._put(None)
            return
        except Exception as error:
            self.cause = _cause(error, "cannot be reached", "connecting")
            self._put(None)
            return
        try:
            self.rate = connection.rate
            for sent, picture in connection.pictures():
                self.remark = getattr(connection, "remark", None)
                self._put(_Picture(sent, picture))
                if self._abandoned.is_set():
                    return
            self.cause, self.over = "the connection ended", getattr(connection, "over", False)
        except StreamError as error:
            self.cause = str(error)
        except Exception as error:
            self.cause = _cause(error, "broke off", "reading")
        finally:
            connection.close()
            self._put(None)

    def _put(self, picture: _Picture | None) -> None:
        """Hand over; the newest wins where nobody takes yet, as while a model is being loaded."""
        while not self._abandoned.is_set():
            try:
                self._pictures.put(picture, timeout=_LOOK if self._flowing.is_set() else 0.001)
                return
            except Full:
                if not self._flowing.is_set():
                    with contextlib.suppress(Empty):
                        self._pictures.get_nowait()


def _cause(error: Exception, what: str, doing: str) -> str:
    """Why a connection ended. The words of an error may hold an address; those of the system do not."""
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{what} ({os.strerror(error.errno)})"
    return f"{type(error).__name__} while {doing}"


class _Placed(NamedTuple):
    """Where a frame lies, and how long nothing came before it; seconds."""

    time: float
    gap: float


class _Clock:
    """Puts frames of several connections, with clocks of their own or none, on one scale of time.

    Attributes:
        last: seconds of the newest frame.
    """

    def __init__(self) -> None:
        self.last = 0.0
        self._steps: deque[float] = deque(maxlen=_STEPS)
        self._began: float | None = None
        self._offset: float | None = None  # from the sender's clock to our scale
        self._sent = self._arrived = 0.0

    @property
    def step(self) -> float:
        """Seconds from one frame to the next, mostly; 0 where there were no two."""
        return float(np.median(self._steps)) if self._steps else 0.0

    def reset(self) -> None:
        """Another connection follows, with a clock of its own."""
        self._offset = None

    def place(self, sent: float | None, arrived: float) -> _Placed | None:
        """Where a frame lies; None for one that goes back in time."""
        first = self._began is None
        if self._began is None:
            self._began = arrived
        ours = arrived - self._began
        if sent is not None and math.isfinite(sent):
            ahead = (sent - self._sent) - (arrived - self._arrived)
            backward = sent < self._sent - 1.0
            if self._offset is None or ahead > _CLOCK_JUMP or backward:
                self._offset = max(ours, self.last) - sent
            now = sent + self._offset
            self._sent = sent
        else:
            now = ours
        self._arrived = arrived
        if not first and now <= self.last:
            return None
        gap = 0.0 if first else now - self.last
        if not first:
            self._steps.append(gap)
        self.last = now
        return _Placed(now, gap)
