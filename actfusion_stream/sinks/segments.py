"""The final segmentation in a file, in the format that its name's ending says."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from actfusion_stream.annotations.annotated import Annotated, in_milliseconds, link
from actfusion_stream.annotations.formats import FORMATS, ending_of, write_file
from actfusion_stream.annotations.frame_labels import plain_names
from actfusion_stream.annotations.segments import Segment as PlainSegment
from actfusion_stream.annotations.segments import fitting_name
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.sinks.foresight import Foresight, within
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_output, saying_where
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import is_file


class SegmentFile(Sink):
    """Writes the final segmentation when the stream is over.

    Args:
        path: file to create or replace; its ending is one of `FORMATS`.
        source: what is being read, which must not be overwritten, and which some formats link to.

    Raises:
        StreamError: the file cannot be written there, or has another ending.
    """

    def __init__(self, path: str | Path, source: str | Path | int | None = None) -> None:
        self.path = check_output(path, source)
        self._format = FORMATS[ending_of(self.path)]
        file = Path(str(source)) if is_file(source) else None
        self._file = link(file, self.path) if file is not None and file.is_file() else ""
        self._info: SourceInfo | None = None
        self._times = array("d")
        self._foresight = Foresight()

    def start(self, info: StreamInfo) -> None:
        """Make sure that the format can hold the labels.

        Raises:
            StreamError: two of them would become one.
        """
        self._info = info.source
        if self._format.each_frame:
            plain_names(info.class_names)

    def tick(self, tick: Tick) -> None:
        if self._format.anticipates:
            self._foresight.tick(tick)

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        if self._format.each_frame:
            self._times.append(frame.time)

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Write the file; a folder that has been removed meanwhile is made again, so that it is not lost."""
        assert self._info is not None
        if not self.path.parent.is_dir():
            with saying_where(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.warning = f"{self.path}: its folder had been removed, and was made again"
        seconds = max([summary.seen_until, *(segment.end for segment in segments[-1:])])
        measured = summary.frames / seconds if seconds else None
        name = Path(self._info.name).stem if self._file else self._info.name
        video = Annotated(
            fitting_name(name),
            _plain(segments),
            self._file,
            seconds=seconds,
            rate=self._info.rate or measured,
            times=np.array(self._times) if self._format.each_frame else None,
            anticipated=_plain(within(self._foresight.segments, 0.0, seconds)),
            remark=summary.note or "",
        )
        with saying_where(self.path):
            write_file(self.path, [video])


def _plain(segments: Iterable[Segment]) -> tuple[PlainSegment, ...]:
    return in_milliseconds(PlainSegment(s.label, s.start, s.end, s.confidence) for s in segments)
