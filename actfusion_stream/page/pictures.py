"""The pictures of the page: JPEGs of the newest frame, made once for all viewers, while somebody looks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from actfusion_stream.errors import StreamError, brief
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.picture import Decoded, Picture, rgb, size_of

_WIDEST = 1280  # pixels; nobody looks for details that this hides
_QUALITY = 80  # of JPEG: 1280x720 is some 100 KB
_APART = 1 / 25  # seconds from one picture to the next at least: 60 a second would only cost


@dataclass(frozen=True, eq=False)
class Jpeg:
    """A picture as it is sent.

    Attributes:
        number: counts those that were made.
        time: seconds of the source.
        data: JPEG.
    """

    number: int
    time: float
    data: bytes


def to_jpeg(picture: Picture) -> bytes:
    """A picture as JPEG, at most 1280 pixels wide."""
    width, height = size_of(picture)
    scale = min(1.0, _WIDEST / width)
    image = rgb(picture, round(scale * min(width, height)) if scale < 1 else None)
    if scale < 1 and not isinstance(picture, Decoded):
        size = _WIDEST, max(round(scale * height), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()


class PictureMaker:
    """Makes a JPEG of the newest frame, in a thread of its own, as long as somebody looks.

    Args:
        made: called in that thread with each.
    """

    def __init__(self, made: Callable[[Jpeg], None]) -> None:
        self._made = made
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._viewers = 0
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    @property
    def viewers(self) -> int:
        """How many look."""
        return self._viewers

    def show(self, frame: Frame | None) -> None:
        """Take the newest frame; waits for nothing.

        Raises:
            StreamError: of an earlier one no picture could be made.
        """
        if self._error is not None:
            raise StreamError(f"the page: no picture could be made ({brief(self._error)})") from self._error
        with self._changed:
            self._frame = frame
            if self._viewers:
                self._changed.notify()

    def join(self, viewers: int) -> None:
        """So many more look, or fewer."""
        with self._changed:
            self._viewers += viewers
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        number, shown, due = 0, None, 0.0
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda shown=shown: (
                        self._closed  # type: ignore[misc]
                        or (self._viewers and self._frame is not None and self._frame is not shown)
                    )
                )
                # What comes meanwhile is newer, and is taken instead.
                self._changed.wait_for(lambda: self._closed, due - time.monotonic())
                if self._closed:
                    return
                frame = self._frame
            if frame is None:
                continue
            due, shown, number = time.monotonic() + _APART, frame, number + 1
            try:
                data = to_jpeg(frame.picture)
            except Exception as error:  # is told where the stream runs, see `show`
                self._error = error
                return
            self._made(Jpeg(number, frame.time, data))
