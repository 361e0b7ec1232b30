"""Annotations in ELAN's files (.eaf), in the time of the video that they belong to.

pympi, which writes them, is no reader of files from anybody: it takes a path, wants more than such files
have, and does not say what is wrong.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from pympi.Elan import Eaf, to_string

from actfusion_stream.annotations.annotated import Annotated, only
from actfusion_stream.annotations.elan_document import Annotation, ElanDocument, parse_elan
from actfusion_stream.annotations.segments import (
    Segment,
    checked_segment,
    finite_number,
    in_order,
    read_text_file,
)
from actfusion_stream.errors import StreamError

OBSERVED, ANTICIPATED = "observed", "anticipated"  # tiers of the stream's own files
_CONFIDENCE = "confidence"


def read_elan(path: Path, tier: str | None = None) -> list[Segment]:
    """The annotations of one tier of an ELAN file; values are labels, empty ones are left out.

    By itself it is the only one with annotations in time, or the stream's own: `OBSERVED`.

    Raises:
        StreamError: it is no such file, or does not say which tier is meant.
    """
    try:
        document = parse_elan(read_text_file(path))
    except ValueError as error:
        raise StreamError(f"annotations {path}: {error}") from error
    tiers = document.tiers
    filled = [name for name, annotations in tiers.items() if annotations]
    if tier is None:
        if len(filled) != 1 and OBSERVED not in filled:
            names = _listed(filled)
            raise StreamError(
                f"annotations {path}: --tier must name one; tiers with annotations in time: {names}"
            )
        tier = OBSERVED if OBSERVED in filled else filled[0]
    if tier not in tiers:
        raise StreamError(f"annotations {path}: no tier {tier!r}; there are {_listed(tiers)}")
    origin = _origin(document, path)
    times = _slot_times(document, tiers[tier], path)
    confidence = document.remarks.get(_CONFIDENCE, {}) if tier == OBSERVED else {}
    segments = []
    for annotation in tiers[tier]:
        place = f"{path}, annotation {_in_a_line(annotation.name)}"
        start, end = times.get(annotation.start), times.get(annotation.end)
        if start is None or end is None:
            raise StreamError(f"annotations {place}: it has no time; align it in ELAN")
        if annotation.label:
            seconds = (start + origin) / 1000, (end + origin) / 1000
            share = confidence.get(annotation.name)
            segments.append(checked_segment(annotation.label, *seconds, place, share))
    return in_order(segments, str(path))


def _slot_times(document: ElanDocument, annotations: list[Annotation], path: Path) -> dict[str, float]:
    """Milliseconds of each time slot that has a time, of its own or between others.

    Slots without a value lie inside a row of annotations, each of which starts where the one before it ends.
    Such a row is what ELAN makes of a subdivided annotation, and shows as evenly divided.
    """
    times = {
        name: finite_number(value, f"{path}, time slot {_in_a_line(name)}")
        for name, value in document.slots.items()
        if value is not None
    }
    following = {annotation.start: annotation.end for annotation in annotations}
    walked: set[str] = set()  # a row in a circle, or many that lead into one, must not be walked again
    for first in [slot for slot in following if slot in times]:
        row, after = [first], following[first]
        while after in following and after not in times and after not in walked:
            row.append(after)
            walked.add(after)
            after = following[after]
        if after in times:
            start, length = times[first], times[after] - times[first]
            times |= {slot: start + length * i / len(row) for i, slot in enumerate(row)}
    return times


def _origin(document: ElanDocument, path: Path) -> float:
    """Milliseconds of the video at which the time of the annotations starts: ELAN's offset of that medium.

    Of several media it is the one named as the file is, or else the first, by which ELAN plays the others.
    """
    media = document.media
    urls = ("MEDIA_URL", "RELATIVE_MEDIA_URL")
    named = [found for found in media if any(_stem(found.get(url, "")) == path.stem for url in urls)]
    videos = [found for found in named if found.get("MIME_TYPE", "").startswith("video/")]
    for found in (videos or named or media)[:1]:
        return finite_number(found.get("TIME_ORIGIN", "0"), f"{path}, TIME_ORIGIN")
    return 0.0


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_in_a_line, names)) or "none"


def _in_a_line(name: str) -> str:
    """A name from the file, for an error of one line."""
    return " ".join(name.split())[:50]


def _stem(url: str) -> str:
    return PurePosixPath(unquote(url).replace("\\", "/")).stem


def elan_text(videos: list[Annotated]) -> str:
    """A file of three tiers: observed, the confidence of that, and anticipated, if anything was.

    Raises:
        StreamError: several videos.
    """
    video = only(videos)
    document = Eaf(author="")
    # pympi's own date is none in time zones of half an hour.
    document.adocument["DATE"] = datetime.now().astimezone().isoformat(timespec="seconds")
    if video.file:
        kind = mimetypes.guess_type(video.file)[0] or "unknown"  # as ELAN calls it
        relative = video.file if video.file.startswith("../") else f"./{video.file}"
        document.add_linked_file(video.file, relpath=relative, mimetype=kind)
    document.rename_tier("default", OBSERVED)
    for tier, segments in ((OBSERVED, video.segments), (ANTICIPATED, video.anticipated)):
        if segments and tier not in document.tiers:
            document.add_tier(tier)
        for segment in segments:
            start, end = round(1000 * segment.start), round(1000 * segment.end)
            document.add_annotation(tier, start, end, segment.label)
    if any(segment.confidence is not None for segment in video.segments):
        _add_confidence(document, video.segments)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{to_string(document)}\n'


def _add_confidence(document: Eaf, segments: Sequence[Segment]) -> None:
    """A remark on each observed annotation.

    pympi's `add_ref_annotation` looks through all of them for each: of 10,000 that is a minute.
    """
    document.add_linguistic_type("remark", constraints="Symbolic_Association", timealignable=False)
    document.add_tier(_CONFIDENCE, "remark", parent=OBSERVED)
    remarks = document.tiers[_CONFIDENCE][1]
    for name, segment in zip(list(document.tiers[OBSERVED][0]), segments, strict=True):
        if segment.confidence is not None:
            remark = document.generate_annotation_id()
            document.annotations[remark] = _CONFIDENCE
            remarks[remark] = (name, f"{segment.confidence:.3f}", None, None)
