"""The annotated video in hindsight: the final segments, and what was anticipated when it was anticipated.

What is final is known at the end. So the source is read a second time then, and each of its frames is drawn
with the final segmentation and with what was said of the future when that frame was the newest.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.gif import check_length
from actfusion_stream.sinks.said import Said
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_video_output
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import Frame
from actfusion_stream.views.layout import Look
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.wording import timeline_window

_HURRY = 0.3  # seconds that the second pass may take when nobody waits: the program ends by force soon

Progress = Callable[[], contextlib.AbstractContextManager[Callable[[float], None]]]


@contextlib.contextmanager
def _silent() -> Iterator[Callable[[float], None]]:
    yield lambda share: None


class HindsightVideo(Sink):
    """Reads the source again when all is said, draws each frame with the final segments, and writes it.

    Of a source that was not read to its end, the video goes as far as that. Stopped in the second pass, it
    plays up to there.

    Args:
        path: to create or replace; its ending says what it becomes, see `VideoWriter`.
        source: what is being read, which must not be overwritten.
        progress: entered for the second pass; what it gives is told the share that is done, in [0, 1].
        look: of what is drawn.

    Raises:
        StreamError: the video cannot be written there.

    Example:
        >>> with open_stream("kitchen.mp4") as stream:
        ...     run(stream, [HindsightVideo("annotated.mp4", "kitchen.mp4")])
    """

    def __init__(
        self,
        path: str | Path,
        source: str | Path | int | None = None,
        progress: Progress = _silent,
        look: Look | None = None,
    ) -> None:
        self.path = check_video_output(path, source)
        self._look = look
        self._progress = progress
        self._info: StreamInfo | None = None
        self._said = Said(0.0)
        self._last: float | None = None  # time of the last frame that was watched
        self._interrupted = self._hurried = False
        self._final: tuple[Segment, ...] | None = None

    def start(self, info: StreamInfo) -> None:
        """Begin.

        Raises:
            StreamError: the source cannot be read twice.
        """
        if info.again is None:
            raise StreamError(
                f"{self.path}: labels in hindsight need a file that is read twice, which {info.source.name} "
                "is not; take them online"
            )
        check_length(self.path, info.source)
        self._info = info
        self._said = Said(timeline_window(info.source.duration).future)

    def tick(self, tick: Tick) -> None:
        self._said.add(tick)

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self._last = frame.time

    def end(self, *, interrupted: bool) -> None:
        self._interrupted = interrupted

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        self._final = segments

    def hurry(self) -> None:
        self._hurried = True

    def close(self) -> None:
        """Write the video, unless something broke before the segmentation was final.

        Raises:
            StreamError: it cannot be written, or the source cannot be read again; what was written plays.
        """
        final, self._final = self._final, None
        if final is None or self._last is None:
            return
        assert self._info is not None
        assert self._info.again is not None
        with self._info.again() as source:
            writer = VideoWriter(self.path, source.info)
            overlay = Overlay(self._info.class_names, source.info.duration, final, self._look)
            begins, complete = source.info.begins, False
            try:
                with self._progress() as tell:
                    at = begins
                    for at in self._draw(source, writer, overlay):
                        tell(min((at - begins) / max(self._last - begins, 1e-3), 1.0))
                    complete = at >= self._last
            finally:
                writer.close(finished=complete and not self._interrupted)
        ends = "" if complete else f"{self.path}: ends at {at:.1f} s; {self._last:.1f} s were watched"
        note = f"{self.path}: {overlay.note}" if overlay.note else ""
        self.warning = "; ".join(filter(None, (writer.warning, ends, note))) or None

    def _draw(self, source: Iterator[Frame], writer: VideoWriter, overlay: Overlay) -> Iterator[float]:
        """Draw and write frame by frame; the times of those that are written."""
        assert self._info is not None
        assert self._last is not None
        stopped = self._info.stopped()  # in the first pass: what was seen by then is to be drawn
        ends = time.monotonic() + (_HURRY if self._hurried else math.inf)
        for frame in source:
            writer.write(frame.time, frame.picture, overlay, self._said.at(frame.time))
            yield frame.time
            # Of a source that was read to its end, the rest of the sound comes behind the last frame.
            if self._interrupted and frame.time >= self._last:
                return
            if time.monotonic() > ends or (self._info.stopped() and not stopped):
                return
