"""A camera of this machine, by number or device path, through OpenCV."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from actfusion_stream.errors import StreamError

_LAST = 99


class CameraConnection:
    """An open camera; a frame's time is when it was captured, by a monotonic clock.

    Args:
        camera: its number, from 0, or its device, e.g. /dev/video0.
        size: (width, height) to ask it for; None for its own.
        rate: frames a second to ask it for; None for its own.

    Attributes:
        remark: what it was asked for and does not deliver; known from the first picture on, None if nothing.

    Raises:
        StreamError: there is none, or it delivers nothing.
    """

    def __init__(
        self, camera: int | Path, size: tuple[int, int] | None = None, rate: float | None = None
    ) -> None:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        # OpenCV reads more into larger numbers, and crashes on negative ones.
        if isinstance(camera, int) and not 0 <= camera <= _LAST:
            raise StreamError(f"no such camera (cameras are counted from 0, to {_LAST})")
        if isinstance(camera, Path) and not camera.exists():
            raise StreamError("no such device")
        self._capture = cv2.VideoCapture(camera if isinstance(camera, int) else str(camera))
        if not self._capture.isOpened():
            hint = " (cameras are counted from 0)" if isinstance(camera, int) else ""
            raise StreamError(f"no such camera{hint}")
        # The rates that a camera has depend on its size.
        for setting, value in zip(
            (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS),
            (*(size or (None, None)), rate),
            strict=True,
        ):
            if value is not None:
                self._capture.set(setting, value)
        self._asked = size, rate
        self.remark: str | None = None
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or None

    def pictures(self) -> Iterator[tuple[float | None, np.ndarray]]:
        taken, image = self._capture.read()
        if not taken:
            raise StreamError("delivers no picture; is it in use?")
        if taken:
            self.remark = self._what_it_refused(*image.shape[:2])
        while taken:
            yield time.monotonic(), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            taken, image = self._capture.read()
        raise StreamError("stopped delivering pictures")

    def _what_it_refused(self, height: int, width: int) -> str | None:
        size, rate = self._asked
        asked, has = [], []
        if size is not None and size != (width, height):
            asked.append(f"{size[0]}x{size[1]}")
            has.append(f"{width}x{height}")
        if rate is not None and self.rate is not None and round(rate) != round(self.rate):
            asked.append(f"{rate:g} fps")
            has.append(f"{self.rate:g} fps")
        return f"asked for {', '.join(asked)}, it delivers {', '.join(has)}" if asked else None

    def close(self) -> None:
        self._capture.release()
