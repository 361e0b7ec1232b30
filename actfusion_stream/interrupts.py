"""Ctrl-C, SIGTERM and SIGHUP as a wish to stop, so that what was begun can be finished."""

from __future__ import annotations

import signal
from collections.abc import Callable


class Interrupts:
    """Turns the first Ctrl-C, SIGTERM or SIGHUP into a wish to stop; the second is abrupt.

    So no line or frame is cut in half, and what was written can be finished.

    Args:
        restore: hand signals back at the end to whoever had them. A program ignores them from then on: only
            Python itself is left to stop, and would show a traceback.

    Attributes:
        number: of the first signal, 0 before it.
        on_first: called at the first one.
    """

    def __init__(self, *, restore: bool = True) -> None:
        self._restore = restore
        self.number = 0
        self.on_first: Callable[[], None] = lambda: None

    def __bool__(self) -> bool:
        return self.number > 0

    def __enter__(self) -> Interrupts:
        kinds = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        self._previous = {kind: signal.signal(kind, self._on_signal) for kind in kinds}
        return self

    def __exit__(self, *_: object) -> None:
        for kind, previous in self._previous.items():
            signal.signal(kind, previous if self._restore else signal.SIG_IGN)

    def _on_signal(self, number: int, _stack: object) -> None:
        if self.number:
            raise KeyboardInterrupt
        self.number = number
        self.on_first()

    @property
    def status(self) -> int:
        """What shells report of a program that this signal ended."""
        return 128 + self.number
