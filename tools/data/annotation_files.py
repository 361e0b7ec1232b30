"""Annotations of many videos: a file of any of the formats, or a folder of them, as MS-TCN's datasets are."""

from __future__ import annotations

from pathlib import Path

from actfusion_stream.annotations.formats import FORMATS, read_file
from actfusion_stream.annotations.segments import Annotations
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing

_IN_FOLDERS = tuple(ending for ending in FORMATS if ending != ".json")  # which may be anything else, too


def read_annotations(path: Path, rate: float, tier: str | None = None) -> Annotations:
    """Segments by video.

    Args:
        path: a file with one of the known endings, or a folder of them.
        rate: labels a second of text files.
        tier: of ELAN files; None where there is only one with annotations in time.

    Raises:
        StreamError: it is none of them, or something in it makes no sense.
    """
    if path.is_dir():
        folder = path / "groundTruth" if (path / "groundTruth").is_dir() else path
        files = sorted(p for p in folder.iterdir() if p.name.lower().endswith(_IN_FOLDERS))
        if folder == path:
            files = [file for file in files if file.name != "mapping.txt"]
        if not files:
            raise StreamError(f"annotations {path}: no .csv, .eaf or .txt file in that folder")
    else:
        files = [path]
    found: Annotations = {}
    for file in files:
        for video, segments in read_file(file, rate, tier).items():
            if video in found:
                raise StreamError(f"annotations {file}: video {video} is annotated in another file, too")
            found[video] = segments
    return found


def write_whole(path: Path, text: str) -> None:
    """Write a text file, whole or not at all, in a folder that need not be there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
