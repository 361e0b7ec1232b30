"""What came of a file, to look at moment by moment: the segments, what was said then, and the picture."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment
from actfusion_stream.page.pictures import to_jpeg
from actfusion_stream.sinks.said import Said


@dataclass(eq=False)
class Result:
    """A finished file.

    Attributes:
        info: of its stream.
        said: tick by tick.
        segments: the final segmentation.
        summary: the stream in numbers.
        last: seconds of the last frame.
    """

    info: StreamInfo
    said: Said
    segments: tuple[Segment, ...]
    summary: Summary
    last: float
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def picture(self, time: float) -> bytes:
        """The first frame from a time on as JPEG: the file is opened again, and read from there.

        Args:
            time: seconds of the source; before its first and after its last frame those count.

        Raises:
            StreamError: it can no longer be read.
        """
        assert self.info.again is not None
        with self._reading:  # a decoder at a time: a slider asks faster than one answers
            start = max(min(time, self.last), self.info.source.begins)
            with self.info.again(start=start) as source:
                return to_jpeg(next(iter(source)).picture)
