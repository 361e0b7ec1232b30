"""The table of segments: the final segmentation as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment, segment_to_json
from actfusion_stream.files import replacing
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sinks.targets import check_output, saying_where
from actfusion_stream.tables import as_cell


class SegmentTable(Sink):
    """Writes the final segmentation when the stream is over.

    Args:
        path: CSV file to create or replace.
        source: what is being read, which must not be overwritten.

    Raises:
        StreamError: the file cannot be written there.
    """

    def __init__(self, path: str | Path, source: str | Path | int | None = None) -> None:
        self.path = check_output(path, source)

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        """Write the table; a folder that has been removed meanwhile is made again, so that it is not lost."""
        if not self.path.parent.is_dir():
            with saying_where(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.warning = f"{self.path}: its folder had been removed, and was made again"
        write_segments(self.path, segments)


def write_segments(path: str | Path, segments: Iterable[Segment]) -> None:
    """Write a segmentation as a table: label,start,end,confidence with a header, times in seconds.

    Labels have the marks of `as_cell`.

    Args:
        path: CSV file to create or replace; `check_output` tells early whether that is possible.
        segments: in the order to write them.

    Raises:
        StreamError: the file cannot be written; what was there before is untouched.
    """
    with (
        saying_where(path),
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        table = csv.DictWriter(file, ("label", "start", "end", "confidence"), lineterminator="\n")
        table.writeheader()
        table.writerows(segment_to_json(segment) | {"label": as_cell(segment.label)} for segment in segments)
