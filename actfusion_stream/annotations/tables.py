"""Tables of segments: video, label, start, end and confidence, in seconds; .csv with commas, .tsv with tabs.

A spreadsheet may open them, so cells have the marks of `as_cell`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.segments import (
    Annotations,
    check_count,
    checked_segment,
    in_order,
    lines,
    read_text_file,
    video_name,
)
from actfusion_stream.errors import StreamError
from actfusion_stream.tables import as_cell, from_cell

COLUMNS = ("video", "label", "start", "end", "confidence")
_NEEDED = COLUMNS[1:4]
_REMARK = "# "  # lines above the heading that begin so are for people
_LONGEST_LINE = 100_000  # characters


def read_table(path: Path, name: str) -> Annotations:
    """A table with the columns video, label, start, end and confidence, in any order; others are ignored.

    Without a column video it is of one that is called `name`; confidence may be missing.

    Raises:
        StreamError: a column is missing, or a row makes no sense.
    """
    text, skipped = _without_remarks(read_text_file(path))
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    found: Annotations = {}
    try:
        table = csv.DictReader(_rows(text, path), delimiter=delimiter)
        names = {(name or "").strip().lower(): name for name in table.fieldnames or []}
        missing = [column for column in _NEEDED if column not in names]
        if missing:
            raise StreamError(
                f"annotations {path}: column {missing[0]} is missing; the first line must name "
                f"{', '.join(COLUMNS[:4])}"
            )
        columns = [column for column in COLUMNS if column in names]
        for count, row in enumerate(table):
            values = {column: from_cell((row[names[column]] or "").strip()) for column in columns}
            place = f"{path}, line {table.line_num + skipped}"
            if surplus := [field for field in row.get(None) or () if field.strip()]:
                raise StreamError(
                    f"annotations {place}: {len(surplus)} more fields than the heading has; numbers with a "
                    "decimal comma need quotes, or another delimiter"
                )
            if not any(values.values()):
                continue
            check_count(count, place)
            video = video_name(values.get("video", name), place)
            confidence = values.get("confidence")
            segment = checked_segment(values["label"], values["start"], values["end"], place, confidence)
            found.setdefault(video, []).append(segment)
    except csv.Error as error:
        raise StreamError(f"annotations {path}: not a table of text: {error}") from error
    if not found:
        raise StreamError(f"annotations {path}: no row below the heading")
    return {video: in_order(segments, f"{path}, {video}") for video, segments in found.items()}


def csv_text(videos: list[Annotated]) -> str:
    """One table for all videos, below lines of what is to be known of them, which begin with "# "."""
    return _text(videos, ",")


def tsv_text(videos: list[Annotated]) -> str:
    """The same with tabs."""
    return _text(videos, "\t")


def _text(videos: list[Annotated], delimiter: str) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    text.writelines(f"{_REMARK}{video.name}: {video.remark}\n" for video in videos if video.remark)
    table.writerow(COLUMNS)
    for video in videos:
        name = as_cell(video.name)
        table.writerows(
            (name, as_cell(s.label), f"{s.start:.3f}", f"{s.end:.3f}", _share(s.confidence))
            for s in video.segments
        )
    return text.getvalue()


def _share(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.3f}"


def _without_remarks(text: str) -> tuple[str, int]:
    """The table, and how many lines stood above it."""
    skipped = 0
    while text.startswith(_REMARK):
        text, skipped = text.partition("\n")[2], skipped + 1
    return text, skipped


def _rows(text: str, path: Path) -> Iterator[str]:
    """The lines of a table: one of millions of cells would fill the memory."""
    for number, line in enumerate(lines(text), start=1):
        if len(line) > _LONGEST_LINE:
            raise StreamError(
                f"annotations {path}: not a table of text: line {number} is longer than {_LONGEST_LINE} "
                "characters"
            )
        yield line + "\n"  # a cell in quotes may go on in the next line
