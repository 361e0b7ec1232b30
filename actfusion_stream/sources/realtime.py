"""A file at the speed of life: its frames come when a camera would have delivered them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from actfusion_stream.sources.frames import Frame, Reader


class Paced:
    """Delivers the frames of a reader at their times, and counts as live.

    Args:
        reader: of a file.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._stopped = threading.Event()
        self.info = replace(reader.info, live=True)

    @property
    def warning(self) -> str | None:
        return self._reader.warning

    @property
    def remark(self) -> str | None:
        return getattr(self._reader, "remark", None)

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
        self._reader.stop()

    def close(self) -> None:
        self._reader.close()
