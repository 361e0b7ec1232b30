"""Ctrl-C, SIGTERM and SIGHUP as a wish to stop, so that what was begun can be finished; but not for ever."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable

# Seconds from the first SIGTERM or SIGHUP, or from the second Ctrl-C, in which a program is over. Service
# managers kill what is not; what was written by then stays readable.
_ABRUPT = 1.3  # until what is still being done is broken off
_OVER = 1.8  # until the program ends, whatever it waits for
_INTERRUPTED = 130  # what shells report of a program that SIGINT ended


class Interrupts:
    """Turns the first Ctrl-C, SIGTERM or SIGHUP into a wish to stop; the second is abrupt.

    So no line or frame is cut in half, and what was written can be finished. A SIGTERM or SIGHUP is followed
    by a second one by itself: a network, a disk or a large model may take longer than a service manager
    waits. Should even that not help, because a library does not come back, the program ends on the spot.

    Args:
        program: this process has nothing else to do: it may be ended, and at the end ignores signals, as only
            Python itself is left to stop, and would show a traceback. Else signals are handed back to whoever
            had them, and are followed by none.

    Attributes:
        number: of the first signal, 0 before it.
        on_first: called at the first one. None while there is nothing to finish: then that is abrupt, too.
    """

    def __init__(self, *, program: bool = False) -> None:
        self._program, self._broken_off = program, False
        self.number = 0
        self.on_first: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return self.number > 0

    def __enter__(self) -> Interrupts:
        kinds = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        if self._program and os.name == "posix":
            self._guard()
        self._previous = {kind: signal.signal(kind, self._on_signal) for kind in kinds}
        return self

    def __exit__(self, *_: object) -> None:
        for kind, previous in self._previous.items():
            signal.signal(kind, signal.SIG_IGN if self._program else previous)

    def _on_signal(self, number: int, _stack: object) -> None:
        first, self.number = not self.number, self.number or number
        if first and self.on_first is not None:
            self.on_first()
        elif not self._broken_off:
            # A program is broken off once: what is then saved in a hurry has until `_OVER`.
            self._broken_off = self._program and self.on_first is not None
            raise KeyboardInterrupt

    @property
    def status(self) -> int:
        """What shells report of a program that this signal ended."""
        return 128 + self.number if self.number else _INTERRUPTED

    def _guard(self) -> None:
        """Learn of signals in a thread, too: Python tells the main one only when a library has come back."""
        arrived, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        main = threading.get_ident()
        threading.Thread(target=self._end_in_time, args=(arrived, main), name="signals", daemon=True).start()

    def _end_in_time(self, arrived: int, main: int) -> None:
        number = os.read(arrived, 1)[0]
        if number == signal.SIGINT:
            os.read(arrived, 1)
        urgent = time.monotonic()
        self._wait(arrived, urgent + _ABRUPT)
        with contextlib.suppress(OSError):
            signal.pthread_kill(main, number)  # a second one; it ends a wait of the main thread, too
        self._wait(arrived, urgent + _OVER)
        os._exit(128 + number)

    def _wait(self, arrived: int, until: float) -> None:
        """Until then, whatever else arrives."""
        while (left := until - time.monotonic()) > 0:
            if select.select([arrived], [], [], left)[0]:
                os.read(arrived, 64)
