"""Reads and writes annotations of actions: tables, the text files of MS-TCN, and ELAN's files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from actfusion_stream.annotations.elan import read_elan
from actfusion_stream.annotations.segments import (
    Annotations,
    Segment,
    check_count,
    checked_segment,
    in_order,
    lines,
    read_text_file,
    video_name,
)
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing
from actfusion_stream.tables import as_cell, from_cell

_COLUMNS = ("video", "label", "start", "end")
_LONGEST_LINE = 100_000  # characters


def read_annotations(path: Path, rate: float, tier: str | None = None) -> Annotations:
    """Segments by video, from a file or a folder in any of the three forms.

    Args:
        path: a .csv, .tsv, .eaf or .txt file, or a folder of them, such as an MS-TCN dataset.
        rate: labels a second of text files.
        tier: of ELAN files; None where there is only one with annotations in time.

    Raises:
        StreamError: it is none of them, or something in it makes no sense.
    """
    if path.is_dir():
        folder = path / "groundTruth" if (path / "groundTruth").is_dir() else path
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".csv", ".tsv", ".eaf", ".txt"))
        if folder == path:
            files = [file for file in files if file.name != "mapping.txt"]
        if not files:
            raise StreamError(f"annotations {path}: no .csv, .eaf or .txt file in that folder")
    else:
        files = [path]
    found: Annotations = {}
    for file in files:
        for video, segments in _read_file(file, rate, tier).items():
            if video in found:
                raise StreamError(f"annotations {file}: video {video} is annotated in another file, too")
            found[video] = segments
    return found


def _read_file(path: Path, rate: float, tier: str | None) -> Annotations:
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        return read_csv(path)
    if ending == ".eaf":
        return {video_name(path.stem, str(path)): read_elan(path, tier)}
    if ending == ".txt":
        return {video_name(path.stem, str(path)): read_text(path, rate)}
    raise StreamError(f"annotations {path}: give a .csv, .eaf or .txt file, or a folder of them")


def read_csv(path: Path) -> Annotations:
    """A table with the columns video, label, start and end (seconds), in any order; others are ignored.

    Without a column video it is of one that is called like the file, as the stream's own tables of segments
    are. The marks of `as_cell` are taken off.

    Raises:
        StreamError: a column is missing, or a row makes no sense.
    """
    text = read_text_file(path)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    found: Annotations = {}
    try:
        table = csv.DictReader(_rows(text, path), delimiter=delimiter)
        names = {(name or "").strip().lower(): name for name in table.fieldnames or []}
        missing = [column for column in _COLUMNS[1:] if column not in names]
        if missing:
            raise StreamError(
                f"annotations {path}: column {missing[0]} is missing; the first line must name "
                f"{', '.join(_COLUMNS)}"
            )
        columns = [column for column in _COLUMNS if column in names]
        for count, row in enumerate(table):
            values = {column: from_cell((row[names[column]] or "").strip()) for column in columns}
            place = f"{path}, line {table.line_num}"
            if surplus := [field for field in row.get(None) or () if field.strip()]:
                raise StreamError(
                    f"annotations {place}: {len(surplus)} more fields than the heading has; numbers with a "
                    "decimal comma need quotes, or another delimiter"
                )
            if not any(values.values()):
                continue
            check_count(count, place)
            video = video_name(values.get("video", path.stem), place)
            segment = checked_segment(values["label"], values["start"], values["end"], place)
            found.setdefault(video, []).append(segment)
    except csv.Error as error:
        raise StreamError(f"annotations {path}: not a table of text: {error}") from error
    if not found:
        raise StreamError(f"annotations {path}: no row below the heading")
    return {video: in_order(segments, f"{path}, {video}") for video, segments in found.items()}


def read_text(path: Path, rate: float) -> list[Segment]:
    """Runs of equal labels of a label file, a label a line.

    Raises:
        StreamError: it has none, or one that is no label.
    """
    labels = filter(None, (line.strip() for line in lines(read_text_file(path))))
    segments: list[Segment] = []
    first = 0
    for label, run in groupby(labels):
        place = f"{path}, line {first + 1}"
        check_count(len(segments), place)
        end = first + sum(1 for _ in run)
        segments.append(checked_segment(label, first / rate, end / rate, place))
        first = end
    if not segments:
        raise StreamError(f"annotations {path}: no label in it")
    return segments


def _rows(text: str, path: Path) -> Iterator[str]:
    """The lines of a table: one of millions of cells would fill the memory."""
    for number, line in enumerate(lines(text), start=1):
        if len(line) > _LONGEST_LINE:
            raise StreamError(
                f"annotations {path}: not a table of text: line {number} is longer than {_LONGEST_LINE} "
                "characters"
            )
        yield line + "\n"  # a cell in quotes may go on in the next line


def write_csv(annotations: Annotations, path: Path) -> None:
    """One table for all videos, with the marks of `as_cell`."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for video, segments in sorted(annotations.items()):
        name = as_cell(video)
        table.writerows([name, as_cell(s.label), f"{s.start:.3f}", f"{s.end:.3f}"] for s in segments)
    write_whole(path, text.getvalue())


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
