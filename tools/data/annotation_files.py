"""Reads and writes annotations of actions: tables, the text files of MS-TCN, and ELAN's files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from actfusion_stream.engine.timeline import label_runs
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing

from .elan import read_elan
from .segments import Annotations, Segment, checked_segment, in_order, read_text_file, video_name

_COLUMNS = ("video", "label", "start", "end")


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

    Raises:
        StreamError: a column is missing, or a row makes no sense.
    """
    text = read_text_file(path)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    found: Annotations = {}
    try:
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        names = {(name or "").strip().lower(): name for name in table.fieldnames or []}
        missing = [column for column in _COLUMNS if column not in names]
        if missing:
            raise StreamError(
                f"annotations {path}: column {missing[0]} is missing; the first line must name "
                f"{', '.join(_COLUMNS)}"
            )
        for row in table:
            values = {column: (row[names[column]] or "").strip() for column in _COLUMNS}
            if not any(values.values()):
                continue
            place = f"{path}, line {table.line_num}"
            video = video_name(values["video"], place)
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
    labels = [line.strip() for line in read_text_file(path).splitlines() if line.strip()]
    if not labels:
        raise StreamError(f"annotations {path}: no label in it")
    runs = label_runs(np.array(labels, dtype=object))  # objects: not every label as wide as the longest
    return [
        checked_segment(labels[start], start / rate, end / rate, f"{path}, line {start + 1}")
        for start, end in zip(*(edges.tolist() for edges in runs), strict=True)
    ]


def write_csv(annotations: Annotations, path: Path) -> None:
    """One table for all videos."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for video, segments in sorted(annotations.items()):
        table.writerows([video, s.label, f"{s.start:.3f}", f"{s.end:.3f}"] for s in segments)
    write_whole(path, text.getvalue())


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
