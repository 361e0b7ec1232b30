"""Lines into a pipe, a terminal or onto a slow disk, at the pace of whoever takes them, and not at ours.

A thread writes what a bounded queue holds. Where that has no room, a file's results wait, for they must all
be written; those of a live source are left out and counted, so that no frame is lost because somebody does
not read. Lines stay whole: of a reader who is given up the last one may be cut, and nothing follows it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

STANDARD_OUTPUT = "-"  # as options call it
_ROOM = 1 << 20  # bytes that may wait: minutes of ticks, hours of plain lines
_LOOK = 0.05  # seconds between looks at whether to go on waiting
_PIECE = 4096  # bytes that a pipe has room for when it says that it has room: such a write never waits
_MOMENT = 0.1  # seconds in which a reader who keeps up has taken a line: then its error is the line's own
_SILENT = 2.0  # seconds without progress after which, a live source being over, its reader is given up
_LEAVING = 0.8  # seconds that a reader has left once somebody has said stop


class LineWriter:
    """Writes whole lines from a thread of its own.

    Args:
        target: descriptor of an open file, which stays open; path of a file to create or replace, or of a
            pipe, which need not have a reader yet; or what writes.
        lossless: where there is no room, wait; else leave lines out. It may change.
        stopped: asked again and again whether somebody wants to leave: then nobody is waited for any longer.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        target: int | Path | Callable[[bytes], object],
        *,
        lossless: bool,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._target, self.lossless, self._stopped = target, lossless, stopped
        self._descriptor: int | None = None
        if isinstance(target, int):
            self._descriptor = target
        elif isinstance(target, Path) and not target.is_fifo():
            self._descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._whole = 0  # bytes of whole lines that have been written
        self._queue: deque[bytes] = deque()  # the first of which is being written
        self._waiting = 0  # bytes in it
        self._error: OSError | None = None
        self._closing = self._abandoned = self._told = False
        self._changed = threading.Condition()
        # A daemon: should a disk never take what it is given, the program can end nevertheless.
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def put(self, lines: bytes, *, always: bool = False) -> bool:
        """Hand over whole lines, which are written together: at once, unless somebody has stopped reading.

        Args:
            lines: each ends in a newline.
            always: whatever room there is; for the last ones.

        Returns:
            Whether they will be written; if not, there was no room for them, and nobody waits.

        Raises:
            OSError: they cannot be written, or what was handed over before cannot.
        """
        with self._changed:
            while self._error is None and self._queue and self._waiting + len(lines) > _ROOM and not always:
                if not self.lossless or self._stopped():
                    return False
                self._changed.wait(_LOOK)
            self._raise()
            keeps_up = not self._queue
            self._queue.append(lines)
            self._waiting += len(lines)
            self._changed.notify_all()
            if keeps_up:
                self._changed.wait_for(lambda: not self._queue or self._error is not None, _MOMENT)
                self._raise()
        return True

    def close(self, *, patient: bool = True) -> int:
        """Wait until everything has been written, or for as long as that makes sense. Harmless when repeated.

        Args:
            patient: else as if somebody had said stop.

        Returns:
            Lines that were handed over and could not be written.

        Raises:
            OSError: something cannot be written, and `put` has not said so.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            waiting, given_up = self._waiting, math.inf
            while self._queue and self._error is None and (now := time.monotonic()) < given_up:
                if self._stopped() or not patient:
                    given_up = min(given_up, now + _LEAVING)
                elif not self.lossless and (self._waiting < waiting or math.isinf(given_up)):
                    waiting, given_up = self._waiting, now + _SILENT
                self._changed.wait(_LOOK)
            left = sum(lines.count(b"\n") for lines in self._queue)
            self._abandoned = True
            self._changed.notify_all()
        self._thread.join(2 * _LOOK)
        if not self._told:
            self._raise()
        return left

    @property
    def failed(self) -> bool:
        """Whether something could not be written, as has been raised."""
        return self._error is not None

    def _raise(self) -> None:
        if self._error is not None:
            self._told = True
            raise OSError(self._error.errno, self._error.strerror or str(self._error))

    def _run(self) -> None:
        try:
            self._open_pipe()
            while (lines := self._next()) is not None and self._write(lines):
                with self._changed:
                    self._queue.popleft()
                    self._waiting -= len(lines)
                    self._changed.notify_all()
        except Exception as error:  # a ValueError, say, of a file that somebody has closed
            self._end_whole()
            with self._changed:
                self._error = error if isinstance(error, OSError) else OSError(errno.EIO, str(error))
                self._changed.notify_all()
        finally:
            if self._descriptor is not None and not isinstance(self._target, int):
                with contextlib.suppress(OSError):
                    os.close(self._descriptor)

    def _open_pipe(self) -> None:
        """Wait for the reader of a named pipe."""
        while isinstance(self._target, Path) and self._descriptor is None and not self._abandoned:
            try:
                self._descriptor = os.open(self._target, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody has opened it for reading
                    raise
                time.sleep(_LOOK)

    def _next(self) -> bytes | None:
        """The next lines, when there are some; None when no more will be."""
        with self._changed:
            while not (self._queue or self._closing):
                self._changed.wait()
            return self._queue[0] if self._queue and not self._abandoned else None

    def _write(self, lines: bytes) -> bool:
        """Whether all of it has been written: not if it was abandoned."""
        if callable(self._target):
            self._target(lines)
            return True
        assert self._descriptor is not None
        rest = memoryview(lines)
        size = len(rest) if stat.S_ISREG(os.fstat(self._descriptor).st_mode) else _PIECE
        while rest and not self._abandoned:
            if self._has_room(self._descriptor):
                with contextlib.suppress(BlockingIOError):  # somebody else was quicker
                    rest = rest[os.write(self._descriptor, rest[:size]) :]
        if not rest:
            self._whole += len(lines)
        return not rest

    def _has_room(self, descriptor: int) -> bool:
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        return bool(poll.poll(1000 * _LOOK))

    def _end_whole(self) -> None:
        """Where a disk has taken half of a line, take it back: a log of whole lines can still be read."""
        if isinstance(self._target, Path) and self._descriptor is not None:
            with contextlib.suppress(OSError):
                if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                    os.ftruncate(self._descriptor, self._whole)


class TextWriter(io.TextIOBase):
    """Takes the place of standard output or error.

    Args:
        stream: with a descriptor; it stays open, and what it holds is written first.
        stopped: as of `LineWriter`.

    Attributes:
        lines: what writes.
        lost: how many lines were printed and not taken.
    """

    def __init__(self, stream: TextIO, stopped: Callable[[], bool]) -> None:
        stream.flush()
        self._stream = stream
        self.lines = LineWriter(stream.fileno(), lossless=True, stopped=stopped)
        self._text: list[str] = []
        self.lost = 0

    @property
    def encoding(self) -> str:  # type: ignore[override]  # there it is an attribute
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._text.append(text)
        if "\n" in text:
            self.flush()
        return len(text)

    def flush(self) -> None:
        text, self._text = "".join(self._text), []
        if text and not self.lines.put(text.encode(self.encoding, self.errors or "strict")):
            self.lost += max(1, text.count("\n"))

    def finish(self) -> None:
        """Wait until it is written, or for as long as that makes sense."""
        self.flush()
        self.lost += self.lines.close()


class Printing:
    """While it is entered, nobody who does not read standard output or error holds up what prints there.

    Args:
        stopped: as of `LineWriter`.
    """

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._writers: list[TextWriter] = []

    def __enter__(self) -> Printing:
        self._before = sys.stdout, sys.stderr
        for name in ("stdout", "stderr"):
            with contextlib.suppress(AttributeError, ValueError):  # of a notebook, say, or none at all
                writer = TextWriter(getattr(sys, name), self._stopped)
                setattr(sys, name, writer)
                self._writers.append(writer)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self.finish()
        sys.stdout, sys.stderr = self._before

    def leave_out(self) -> None:
        """From now on, what nobody reads is left out, and counted."""
        for writer in self._writers:
            writer.lines.lossless = False

    def finish(self) -> None:
        """Wait until all is written, or for as long as that makes sense. Harmless when repeated.

        Raises:
            OSError: it cannot be written.
        """
        while self._writers:
            writer = self._writers.pop(0)
            writer.finish()
            if writer.lost and self._writers:  # standard error is left to say it
                said = f"standard output: was not read in time: {writer.lost} lines were left out"
                print(said, file=sys.stderr)
