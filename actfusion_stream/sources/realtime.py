"""A file at the speed of life: its frames come when a camera would have delivered them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from actfusion_stream.sources.frames import Frame, Reader, Wrapped


class Paced(Wrapped):
    """Delivers the frames of a reader at their times, and counts as live.

    Args:
        reader: of a file.
    """

    def __init__(self, reader: Reader) -> None:
        super().__init__(reader)
        self._stopped = threading.Event()
        self.info = replace(reader.info, live=True)

    def frames(self) -> Iterator[Frame]:
        began: float | None = None
        for frame in self._reader.frames():
            if began is None:
                began = time.perf_counter() - frame.time
            if self._stopped.wait(max(0.0, began + frame.time - time.perf_counter())):
                return
            yield replace(frame, arrived=time.perf_counter())

    def stop(self) -> None:
        self._stopped.set()
        super().stop()
