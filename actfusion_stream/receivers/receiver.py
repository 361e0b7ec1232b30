"""Records to somebody elsewhere, who may be slow, or away for a while, and holds up nobody.

A thread delivers what a bounded queue holds, in order, and tries again until it succeeds. Where the queue has
no room, records of a live source are left out, told as `lost`, and counted; a file waits, but for nobody who
has been away for a minute.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import in_a_line
from actfusion_stream.events.actions import Record
from actfusion_stream.events.records import Records, encoded
from actfusion_stream.sinks.sink import Sink

ROOM = 1 << 20  # bytes that may wait: some minutes of ticks
_LOOK = 0.05  # seconds between looks at whether to go on waiting
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 5.0  # seconds until it is tried again, doubled each time
_PATIENCE = 60.0  # seconds for which a file waits for somebody who is away
_SILENT = 10.0  # seconds without progress after which, the stream being over, it is given up
_LAST = 30.0  # seconds for which at most a live source's end waits, however steadily it is taken
_LEAVING = 0.8  # seconds that are left once somebody has said stop


class Refused(Exception):
    """A message that will never be taken: the next one may be."""


@dataclass(frozen=True)
class Message:
    """A record on its way.

    Attributes:
        kind: its type.
        whole: it is a tick from which one may begin.
        body: the record, JSON in UTF-8.
    """

    kind: str
    whole: bool
    body: bytes


class Carrier(Protocol):
    """What brings messages to a receiver, from a thread of its own.

    Attributes:
        name: how the receiver is called, without secrets.
        whole_every: seconds after which a tick is whole, for whoever comes later; None where nobody can.
        broken: set by it where what was sent may not have arrived: the next tick is whole then.
    """

    name: str
    whole_every: float | None
    broken: bool

    def open(self, header: Message, abandoned: threading.Event) -> None:
        """Begin; whoever is away now may come later.

        Args:
            header: the first record, for whoever connects later.
            abandoned: once it is set, nothing is to be waited for.
        """

    def send(self, message: Message) -> None:
        """Deliver a message; waits as long as somebody takes it slowly.

        Raises:
            OSError: it cannot be delivered now.
            Refused: it never can.
        """

    def unfinished(self) -> int:
        """How many of the sent messages have not arrived for certain."""

    def close(self) -> None:
        """Let go of the connection."""


class Receiver(Sink):
    """Tells everything to somebody elsewhere.

    Args:
        carrier: who brings it there.
    """

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._queue: deque[Message] = deque()
        self._waiting = 0  # bytes in it
        self._told = self._left_out = self._lost = 0
        self._why = "it did not take them in time"
        self._anew = self._closing = self._complete = False
        self._abandoned = threading.Event()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, info: StreamInfo) -> None:
        self._info, self._records = info, Records(info)
        self._progress = self._whole_at = time.monotonic()
        header = _message(self._records.header())
        self._carrier.open(header, self._abandoned)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()
        self._put([header])

    def tick(self, tick: Tick) -> None:
        every, now = self._carrier.whole_every, time.monotonic()
        whole = self._anew or self._carrier.broken or (every is not None and now - self._whole_at >= every)
        self._carrier.broken = False
        records = self._records.tick(tick, whole=whole)
        if not self._tell(records):
            self._records.untold()
            self._anew |= whole
        elif whole:
            self._anew, self._whole_at = False, now

    def gap(self, gap: Gap) -> None:
        self._tell([self._records.gap(gap)])

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        self._tell(self._records.end(segments, summary), always=True)
        self._complete = True

    def close(self) -> None:
        """Wait until everything has arrived, or for as long as that makes sense."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._wait_for_the_rest()
        self._abandoned.set()
        thread.join(2 * _LOOK)
        left = self._left()
        self._carrier.close()
        if lost := self._lost + left:
            records = "event was" if lost == 1 else "events were"
            self.warning = f"{self._carrier.name}: {lost} {records} not delivered ({self._why})"

    def _wait_for_the_rest(self) -> None:
        left, began = self._left(), time.monotonic()
        until = began + (_SILENT if self._complete else _LEAVING)
        last = began + _LAST if self._info.source.live else math.inf
        while left and time.monotonic() < min(until, last):
            time.sleep(_LOOK)
            if self._info.stopped():
                until = min(until, time.monotonic() + _LEAVING)
            elif self._left() < left:
                left, until = self._left(), time.monotonic() + _SILENT
            left = self._left()

    def _left(self) -> int:
        return len(self._queue) + self._carrier.unfinished()

    def _tell(self, records: Sequence[Record], *, always: bool = False) -> bool:
        """Whether they will be delivered, all together; else they are counted."""
        before = [self._records.lost(self._left_out)] if self._left_out else []
        if not self._put([_message(record) for record in (*before, *records)], always=always):
            self._left_out += len(records)
            self._lost += len(records)
            return False
        self._left_out = 0
        return True

    def _put(self, messages: Sequence[Message], *, always: bool = False) -> bool:
        size = sum(len(message.body) for message in messages)
        with self._changed:
            while self._queue and self._waiting + size > ROOM and not always:
                away = time.monotonic() - self._progress > _PATIENCE
                if self._info.source.live or self._info.stopped() or away:
                    return False
                self._changed.wait(_LOOK)
            self._queue.extend(messages)
            self._waiting += size
            self._changed.notify_all()
        return True

    def _run(self) -> None:
        delay = 0.0
        while (message := self._next()) is not None:
            try:
                self._carrier.send(message)
            except Refused as error:
                self._why, self._anew = str(error), True
                self._lost += 1
            except OSError as error:
                self._why = in_a_line(error)
                delay = min(max(_FIRST_DELAY, 2 * delay), _LONGEST_DELAY)
                self._pause(delay)
                continue
            delay = 0.0
            with self._changed:
                self._queue.popleft()
                self._waiting -= len(message.body)
                self._progress = time.monotonic()
                self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        """Before it is tried again; at the end, where little time is left, only for a moment."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)
        if self._closing:
            self._abandoned.wait(_FIRST_DELAY)

    def _next(self) -> Message | None:
        """The next message, when there is one; None when there will be no more."""
        with self._changed:
            while not (self._queue or self._closing):
                self._changed.wait()
            return self._queue[0] if self._queue and not self._abandoned.is_set() else None


def _message(record: Record) -> Message:
    whole = record["type"] == "tick" and record["past"]["whole"]
    return Message(record["type"], whole, encoded(record))
