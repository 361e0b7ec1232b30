"""Segments of actions, checked: what comes in files from anybody has limits in size and in what it may say.

A video's annotation is a list of segments in order that do not overlap. An error names file, place and value
in one line.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from actfusion_stream.errors import StreamError
from actfusion_stream.files import read_regular

_MOST_BYTES = 64 * 2**20
_PIECE = 1 << 20  # characters
_MOST_SEGMENTS = 1_000_000
_MOST_SECONDS = 10 * 86_400.0
_MOST_TEXT = 200
_FORBIDDEN = frozenset('/\\:\0"*?<>|')  # in names of files
_TOUCHING = 0.001  # seconds: segments that overlap by less were meant to touch


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one action, in seconds; `confidence` in [0, 1] where somebody said it."""

    label: str
    start: float
    end: float
    confidence: float | None = None


Annotations = dict[str, list[Segment]]


def read_text_file(path: Path) -> str:
    """The text of a file in UTF-8, lines ending in newlines alone.

    Raises:
        StreamError: it cannot be read, is no file or no text, or too much of it.
    """
    try:
        text = read_regular(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise StreamError(f"annotations {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StreamError(f"annotations {path}: not text in UTF-8 (byte {error.start})") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def lines(text: str) -> Iterator[str]:
    """The lines of a text, some at a time: all those of 63 MB would take 3 GB.

    One of more than a million characters, which nobody wants whole, comes in parts.
    """
    rest = ""
    for start in range(0, len(text), _PIECE):
        *whole, rest = (rest + text[start : start + _PIECE]).split("\n")
        yield from whole
        if len(rest) > _PIECE:
            yield rest
            rest = ""
    if rest:
        yield rest


def video_name(name: str, place: str) -> str:
    """`name` as a file name without ending: it becomes part of a path.

    Raises:
        StreamError: it is none.
    """
    stem = Path(name).stem if Path(name).suffix.lower() in (".mp4", ".mkv", ".mov", ".avi", ".webm") else name
    plain = stem not in ("", ".", "..") and not set(stem) & _FORBIDDEN and stem.isprintable()
    if not plain or len(stem) > _MOST_TEXT:
        raise StreamError(f"annotations {place}: video {name[:50]!r}; give a plain file name")
    return stem


def fitting_name(name: str) -> str:
    """`name` as `video_name` takes it: what it may not hold becomes `_`."""
    plain = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in name)[:_MOST_TEXT]
    return "video" if plain in ("", ".", "..") else plain


def check_count(count: int, place: str) -> None:
    """Make sure that a file with so many segments before `place` may have another one.

    Raises:
        StreamError: nobody has annotated so many; they would fill the memory.
    """
    if count >= _MOST_SEGMENTS:
        raise StreamError(f"annotations {place}: more than {_MOST_SEGMENTS} segments in one file")


def checked_segment(
    label: object, start: object, end: object, place: str, confidence: object = None
) -> Segment:
    """A segment of what stands in a file at `place`; a confidence of "" or None is none.

    Raises:
        StreamError: its label is no text, its times are none, or its confidence is no share.
    """
    if not isinstance(label, str):
        raise StreamError(f"annotations {place}: label {str(label)[:50]!r}; give text")
    if not label or not label.isprintable() or len(label) > _MOST_TEXT:
        raise StreamError(
            f"annotations {place}: label {label[:50]!r}; give printable text of 1 to {_MOST_TEXT} characters"
        )
    first, last = (finite_number(value, place) for value in (start, end))
    if not 0 <= first < last <= _MOST_SECONDS:
        raise StreamError(
            f"annotations {place}: {label} from {first:g} to {last:g} s; it must end after it starts, "
            "at 0 s or later"
        )
    if confidence in ("", None):
        return Segment(label, first, last)
    share = finite_number(confidence, place, "confidence")
    if not 0 <= share <= 1:
        raise StreamError(f"annotations {place}: confidence {share:g}; give a number from 0 to 1")
    return Segment(label, first, last, share)


def finite_number(value: object, place: str, what: str = "time") -> float:
    """A number as it stands in a file at `place`.

    Raises:
        StreamError: it is no finite number.
    """
    try:
        number = float(value) if isinstance(value, (str, int, float)) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        give = "seconds as a number" if what == "time" else "a number"
        raise StreamError(f"annotations {place}: {what} {str(value)[:50]!r}; give {give}")
    return number


def in_order(segments: list[Segment], place: str) -> list[Segment]:
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
            ordered[-1] = replace(last, end=segment.start)
        ordered.append(segment)
    return ordered
