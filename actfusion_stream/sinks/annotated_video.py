"""The annotated video: drawing and encoding in a thread of their own, beside the model."""

from __future__ import annotations

import threading
from pathlib import Path

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.timeline import Tick
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_video_output
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frame_queue import FrameQueue, bytes_of
from actfusion_stream.sources.frames import Frame
from actfusion_stream.views.layout import Look
from actfusion_stream.views.overlay import Overlay


class AnnotatedVideo(Sink):
    """Draws each frame with the tick of its time, and writes it.

    What is drawn on a frame had seen no later frame: the video shows what a viewer of the stream would have
    seen.

    Args:
        path: to create or replace; its ending says what it becomes, see `VideoWriter`.
        source: what is being read, which must not be overwritten.
        look: of what is drawn.

    Raises:
        StreamError: the video cannot be written there.
    """

    def __init__(
        self, path: str | Path, source: str | Path | int | None = None, look: Look | None = None
    ) -> None:
        self.path = check_video_output(path, source)
        self._look, self._note = look, ""
        # What waits to be drawn; more would only cost memory: a tick of the model stops the input anyway.
        self._queue: FrameQueue[tuple[Frame, Tick | None]] = FrameQueue(lambda item: bytes_of(item[0]))
        self._error: BaseException | None = None
        self._writer: VideoWriter | None = None
        self._thread: threading.Thread | None = None

    def start(self, info: StreamInfo) -> None:
        self._writer = VideoWriter(self.path, info.source)
        overlay = Overlay(info.class_names, info.source.duration, look=self._look)
        self._note = f"{self.path}: {overlay.note}" if overlay.note else ""
        self._thread = threading.Thread(
            target=self._run, args=(self._writer, overlay), name="exporter", daemon=True
        )
        self._thread.start()

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        """Hand over the next frame and the last tick; waits while the encoder is behind.

        Raises:
            StreamError: the video could not be written.
        """
        if self._error is not None:
            raise self._error
        self._queue.put((frame, tick))

    def end(self, *, interrupted: bool) -> None:
        """Complete the video. Of a source that was not read to its end, the sound ends with the picture."""
        self._drain()
        if self._error is not None:
            raise self._error
        if self._writer is not None:
            self._writer.close(finished=not interrupted)

    def close(self) -> None:
        """Keep what was written so far as a whole video, unless `end` has done so."""
        self._drain()
        if self._writer is not None:
            self._writer.close(finished=False)
            self.warning = "; ".join(filter(None, (self._writer.warning, self._note))) or None

    def _drain(self) -> None:
        """Wait until the thread has drawn everything."""
        if self._thread is not None:
            self._queue.end()
            self._thread.join()
            self._thread = None

    def _run(self, writer: VideoWriter, overlay: Overlay) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is None:  # after an error frames are still taken, so that nobody waits for a place
                try:
                    frame, tick = item
                    writer.write(frame.time, frame.picture, overlay, tick)
                except BaseException as error:
                    self._error = error
