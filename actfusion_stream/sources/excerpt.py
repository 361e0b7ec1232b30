"""A part of a source: from a time on, for so long. Its times stay those of the source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from actfusion_stream.errors import StreamError, number_within
from actfusion_stream.sources.frames import Frame, Reader, Wrapped
from actfusion_stream.sources.video_file import VideoFile

_ROUNDING = 0.0005  # seconds: frames of 30 a second in a file that counts milliseconds
_MOST = 1e6  # seconds


class Excerpt(Wrapped):
    """Delivers the frames of a reader from `start` on, for `duration` seconds.

    Args:
        reader: with no frame taken from it.
        start: seconds of the source; 0 for a live one, which begins when it is opened.
        duration: seconds; None to its end.

    Raises:
        StreamError: the source ends before that, or is live.
    """

    def __init__(self, reader: Reader, start: float = 0.0, duration: float | None = None) -> None:
        super().__init__(reader)
        info = reader.info
        try:
            self._start = number_within("start", start, 0, _MOST, f"give seconds from 0 to {_MOST:g}")
            advice = f"give seconds above 0, up to {_MOST:g}"
            self._end = math.inf
            if duration is not None:
                self._end = self._start + number_within("duration", duration, 0, _MOST, advice, above=True)
            if start and info.live:
                raise StreamError(f"start {start:g}: {info.name} is live, and begins when it is opened")
            if info.duration is not None and start >= info.duration:
                raise StreamError(f"start {start:g}: {info.name} ends at {info.duration:.1f} s")
        except StreamError:
            reader.close()
            raise
        ends = math.inf if info.duration is None and info.live else min(info.duration or math.inf, self._end)
        self.info = replace(info, duration=None if math.isinf(ends) else ends, begins=self._start)
        if info.sound is not None:
            info.sound.leave_out(before=self._start)

    def frames(self) -> Iterator[Frame]:
        """Frames of the part, with the times that they have in the whole.

        Raises:
            StreamError: the source ends before the part begins.
        """
        if self._start and isinstance(self._reader, VideoFile):
            self._reader.skip_to(self._start)
        seen, last = False, 0.0
        for frame in self._reader.frames():
            last = frame.time
            if last >= self._end - _ROUNDING:
                break
            if last >= self._start - _ROUNDING:
                seen = True
                yield frame
        if not seen:
            raise StreamError(f"start {self._start:g}: {self.info.name} ends at {last:.1f} s")
