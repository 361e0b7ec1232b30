"""Audacity's label tracks: start, end and label of a line, with tabs between them.

Source: Audacity Manual, "Importing and Exporting Labels". Lines that begin with a backslash hold frequencies.
"""

from __future__ import annotations

from pathlib import Path

from actfusion_stream.annotations.annotated import Annotated, only
from actfusion_stream.annotations.segments import (
    Segment,
    check_count,
    checked_segment,
    in_order,
    lines,
    read_text_file,
)
from actfusion_stream.errors import StreamError


def audacity_text(videos: list[Annotated]) -> str:
    """The label track of a video."""
    return "".join(f"{s.start:.6f}\t{s.end:.6f}\t{s.label}\n" for s in only(videos).segments)


def read_audacity(path: Path) -> list[Segment]:
    """The labels of a track that have a length.

    Raises:
        StreamError: a line is none, or there is none.
    """
    segments: list[Segment] = []
    for number, line in enumerate(lines(read_text_file(path)), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        place = f"{path}, line {number}"
        check_count(len(segments), place)
        start, end, label = (*line.split("\t", 2), "", "", "")[:3]
        if start == end:  # a point, not a region
            continue
        segments.append(checked_segment(label.strip(), start, end, place))
    if not segments:
        raise StreamError(f"annotations {path}: no label with a length in it")
    return in_order(segments, str(path))
