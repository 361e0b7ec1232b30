"""The annotated video: drawing and encoding in a thread of their own, beside the model."""

from __future__ import annotations

import threading
from queue import Queue
from types import TracebackType

from actfusion_stream.engine.timeline import Tick
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import Frame
from actfusion_stream.views.overlay import Overlay

_QUEUE = (
    8  # frames waiting to be drawn; more would only cost memory: a tick of the model stops the input anyway
)


class Exporter:
    """Draws each frame with the tick of its time, and writes it. A context manager around a `VideoWriter`.

    What is drawn on a frame had seen no later frame: the video shows what a viewer of the stream would have
    seen.
    """

    def __init__(self, writer: VideoWriter, overlay: Overlay) -> None:
        self._writer, self._overlay = writer, overlay
        self._queue: Queue[tuple[Frame, Tick | None] | None] = Queue(_QUEUE)
        self._error: BaseException | None = None
        self._told = False  # somebody has got the error
        self._thread = threading.Thread(target=self._run, name="exporter", daemon=True)

    def add(self, frame: Frame, tick: Tick | None) -> None:
        """Hand over the next frame and the last tick; waits while the encoder is behind.

        Raises:
            StreamError: the video could not be written.
        """
        if self._error is not None:
            self._told = True
            raise self._error
        self._queue.put((frame, tick))

    def __enter__(self) -> Exporter:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            self._writer.abort()
            if kind is None and not self._told:
                raise self._error
        else:
            self._writer.__exit__(kind, error, trace)

    def stop(self) -> None:
        """Keep what was written so far as a whole video, whose sound ends with the picture."""
        self._queue.put(None)
        self._thread.join()
        if self._error is None:
            self._writer.close(finished=False)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is None:  # after an error frames are still taken, so that nobody waits for a place
                try:
                    frame, tick = item
                    self._writer.write(frame.time, self._overlay.draw(frame.image, frame.time, tick))
                except BaseException as error:
                    self._error = error
