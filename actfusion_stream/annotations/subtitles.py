"""Subtitles: .srt, which every player shows, and .vtt, which browsers do; a segment's label is a cue's text.

pysubs2 reads and writes them. Its own text is that of .ass, where a backslash before N, n or h means blanks.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from actfusion_stream.annotations.annotated import Annotated, only
from actfusion_stream.annotations.segments import (
    Segment,
    check_count,
    checked_segment,
    in_order,
    read_text_file,
)
from actfusion_stream.errors import StreamError

_JOINED = "\\\u2060"  # a backslash, and a word joiner, which nobody sees


def srt_text(videos: list[Annotated]) -> str:
    """SubRip. It knows no escapes: players may take a label for markup that looks like it."""
    return _subtitles(only(videos), "srt")


def vtt_text(videos: list[Annotated]) -> str:
    """WebVTT."""
    return _subtitles(only(videos), "vtt")


def read_subtitles(path: Path) -> list[Segment]:
    """The cues of a file; lines of a text become one.

    Raises:
        StreamError: it is no such file, or a cue makes no sense.
    """
    from pysubs2 import SSAFile
    from pysubs2.exceptions import Pysubs2Error

    kind = "vtt" if path.suffix.lower() == ".vtt" else "srt"
    text = read_text_file(path)
    options: dict[str, Any] = {"keep_html_tags": True}
    try:
        cues = SSAFile.from_string(text, format_=kind, **options)
    except (Pysubs2Error, ValueError) as error:
        raise StreamError(f"annotations {path}: not a .{kind} file: {error}") from error
    segments = []
    for count, cue in enumerate(cues):
        place = f"{path}, cue {count + 1}"
        check_count(count, place)
        label = " ".join(cue.text.replace("\\N", " ").replace(_JOINED, "\\").split())
        if kind == "vtt":
            label = html.unescape(label)
        segments.append(checked_segment(label, cue.start / 1000, cue.end / 1000, place))
    if not segments:
        raise StreamError(f"annotations {path}: no cue in it; is it a .{kind} file?")
    return in_order(segments, str(path))


def _subtitles(video: Annotated, kind: str) -> str:
    from pysubs2 import SSAEvent, SSAFile

    cues = SSAFile()
    for segment in video.segments:
        label = segment.label.replace("\\", _JOINED)
        if kind == "vtt":
            label = html.escape(label, quote=False)
        start, end = round(1000 * segment.start), round(1000 * segment.end)
        cues.append(SSAEvent(start=start, end=end, text=label))
    return cues.to_string(kind, keep_ssa_tags=True)
