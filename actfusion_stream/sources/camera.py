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

    Raises:
        StreamError: there is none, or it delivers nothing.
    """

    def __init__(self, camera: int | Path) -> None:
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
        self.rate = self._capture.get(cv2.CAP_PROP_FPS) or None

    def pictures(self) -> Iterator[tuple[float | None, np.ndarray]]:
        taken, image = self._capture.read()
        if not taken:
            raise StreamError("delivers no picture; is it in use?")
        while taken:
            yield time.monotonic(), cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            taken, image = self._capture.read()
        raise StreamError("stopped delivering pictures")

    def close(self) -> None:
        self._capture.release()
