"""Reads and writes annotations of actions: CSV, ELAN, and the text files of MS-TCN.

A video's annotation is a list of segments in order that do not overlap. Every reader takes files from
anybody: it limits their size and what they may say, and an error names file, place and value in one line.
"""

from __future__ import annotations

import csv
import io
import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from actfusion_stream.errors import StreamError

_MOST_BYTES = 64 * 2**20
_MOST_SECONDS = 10 * 86_400.0
_MOST_TEXT = 200
_COLUMNS = ("video", "label", "start", "end")
_TOUCHING = 0.001  # seconds: segments that overlap by less were meant to touch


@dataclass(frozen=True)
class Segment:
    """A stretch of one action, in seconds."""

    label: str
    start: float
    end: float


Annotations = dict[str, list[Segment]]


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
        return {_video_name(path.stem, str(path)): read_elan(path, tier)}
    if ending == ".txt":
        return {_video_name(path.stem, str(path)): read_text(path, rate)}
    raise StreamError(f"annotations {path}: give a .csv, .eaf or .txt file, or a folder of them")


def read_csv(path: Path) -> Annotations:
    """A table with the columns video, label, start and end (seconds), in any order; others are ignored.

    Raises:
        StreamError: a column is missing, or a row makes no sense.
    """
    text = _text(path)
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
            video = _video_name(values["video"], place)
            segment = _segment(values["label"], values["start"], values["end"], place)
            found.setdefault(video, []).append(segment)
    except csv.Error as error:
        raise StreamError(f"annotations {path}: not a table of text: {error}") from error
    if not found:
        raise StreamError(f"annotations {path}: no row below the heading")
    return {video: _in_order(segments, f"{path}, {video}") for video, segments in found.items()}


def read_elan(path: Path, tier: str | None = None) -> list[Segment]:
    """The annotations of one tier of an ELAN file; values are labels, empty ones are left out.

    Raises:
        StreamError: it is no such file, or does not say which tier is meant.
    """
    text = _text(path)
    if "<!DOCTYPE" in text.upper() or "<!ENTITY" in text.upper():  # ELAN writes none; entities can explode
        raise StreamError(f"annotations {path}: has a DOCTYPE, which ELAN files do not have")
    try:
        root = ET.fromstring(text)
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise StreamError(f"annotations {path}: not an ELAN file: {error}") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise StreamError(f"annotations {path}: not an ELAN file: its root is {root.tag[:50]!r}")
    times = {slot.get("TIME_SLOT_ID", ""): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    tiers = {
        found.get("TIER_ID", ""): list(found.iter("ALIGNABLE_ANNOTATION")) for found in root.iter("TIER")
    }
    filled = [name for name, annotations in tiers.items() if annotations]
    if tier is None:
        if len(filled) != 1:
            names = ", ".join(filled) or "none"
            raise StreamError(
                f"annotations {path}: --tier must name one; tiers with annotations in time: {names}"
            )
        tier = filled[0]
    if tier not in tiers:
        raise StreamError(f"annotations {path}: no tier {tier!r}; there are {', '.join(tiers) or 'none'}")
    segments = []
    for annotation in tiers[tier]:
        place = f"{path}, annotation {annotation.get('ANNOTATION_ID')}"
        label = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
        ends = [times.get(annotation.get(f"TIME_SLOT_REF{i}", "")) for i in (1, 2)]
        if None in ends:
            raise StreamError(f"annotations {place}: it has no time; align it in ELAN")
        if label:
            start, end = (_number(value or "", place) / 1000 for value in ends)
            segments.append(_segment(label, start, end, place))
    return _in_order(segments, str(path))


def read_text(path: Path, rate: float) -> list[Segment]:
    """Runs of equal labels of a label file, a label a line.

    Raises:
        StreamError: it has none, or one that is no label.
    """
    labels = [line.strip() for line in _text(path).splitlines() if line.strip()]
    if not labels:
        raise StreamError(f"annotations {path}: no label in it")
    segments: list[Segment] = []
    start = 0
    for i in range(1, len(labels) + 1):
        if i == len(labels) or labels[i] != labels[start]:
            segments.append(_segment(labels[start], start / rate, i / rate, f"{path}, line {start + 1}"))
            start = i
    return segments


def write_csv(annotations: Annotations, path: Path) -> None:
    """One table for all videos."""
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    for video, segments in sorted(annotations.items()):
        table.writerows([video, s.label, f"{s.start:.3f}", f"{s.end:.3f}"] for s in segments)
    write_whole(path, text.getvalue())


def write_elan(segments: list[Segment], path: Path, media: str, tier: str = "actions") -> None:
    """An ELAN file of one tier; times are kept to the millisecond."""
    slots, annotations = [], []
    for i, segment in enumerate(segments):
        for j, seconds in enumerate((segment.start, segment.end)):
            time = round(1000 * seconds)
            slots.append(f'<TIME_SLOT TIME_SLOT_ID="ts{2 * i + j + 1}" TIME_VALUE="{time}"/>')
        value = segment.label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        annotations.append(
            f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{i + 1}" TIME_SLOT_REF1="ts{2 * i + 1}" '
            f'TIME_SLOT_REF2="ts{2 * i + 2}"><ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>'
            "</ALIGNABLE_ANNOTATION></ANNOTATION>"
        )
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<ANNOTATION_DOCUMENT AUTHOR="" DATE="2000-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">',
        '<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">',
        f'<MEDIA_DESCRIPTOR MEDIA_URL={quoteattr(media)} MIME_TYPE="video/mp4"/>',
        "</HEADER>",
        "<TIME_ORDER>", *slots, "</TIME_ORDER>",
        f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID={quoteattr(tier)}>', *annotations, "</TIER>",
        '<LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>',
        "</ANNOTATION_DOCUMENT>",
    ]  # fmt: skip
    write_whole(path, "\n".join(lines) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise StreamError(
                f"annotations {path}: {path.stat().st_size} bytes; at most {_MOST_BYTES} are read"
            )
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StreamError(f"annotations {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StreamError(f"annotations {path}: not text in UTF-8 (byte {error.start})") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _video_name(name: str, place: str) -> str:
    """`name` as a file name without ending: it becomes part of a path."""
    stem = Path(name).stem if Path(name).suffix.lower() in (".mp4", ".mkv", ".mov", ".avi", ".webm") else name
    plain = stem not in ("", ".", "..") and not set(stem) & set('/\\:\0"*?<>|') and stem.isprintable()
    if not plain or len(stem) > _MOST_TEXT:
        raise StreamError(f"annotations {place}: video {name[:50]!r}; give a plain file name")
    return stem


def _segment(label: str, start: str | float, end: str | float, place: str) -> Segment:
    if not label or not label.isprintable() or len(label) > _MOST_TEXT:
        raise StreamError(
            f"annotations {place}: label {label[:50]!r}; give printable text of 1 to {_MOST_TEXT} characters"
        )
    first, last = (_number(value, place) for value in (start, end))
    if not 0 <= first < last <= _MOST_SECONDS:
        raise StreamError(
            f"annotations {place}: {label} from {first:g} to {last:g} s; it must end after it starts, "
            "at 0 s or later"
        )
    return Segment(label, first, last)


def _number(value: str | float, place: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise StreamError(f"annotations {place}: time {str(value)[:50]!r}; give seconds as a number")
    return number


def _in_order(segments: list[Segment], place: str) -> list[Segment]:
    """Sorted by time.

    Raises:
        StreamError: two overlap by more than a millisecond.
    """
    ordered: list[Segment] = []
    for segment in sorted(segments, key=lambda s: (s.start, s.end)):
        if ordered and segment.start < ordered[-1].end:
            last = ordered[-1]
            if last.end - segment.start > _TOUCHING or last.start >= segment.start:
                raise StreamError(
                    f"annotations {place}: {last.label} ({last.start:g} to {last.end:g} s) and "
                    f"{segment.label} ({segment.start:g} to {segment.end:g} s) overlap; "
                    "a frame has one action"
                )
            ordered[-1] = Segment(last.label, last.start, segment.start)
        ordered.append(segment)
    return ordered
