"""FiftyOne's temporal detections: what its `FiftyOneTemporalDetectionDataset` reads as `labels_path`.

fiftyone.Dataset.from_dir(
    data_path="videos", labels_path="kitchen.fiftyone.json",
    dataset_type=fiftyone.types.FiftyOneTemporalDetectionDataset,
)

Times are in seconds, which FiftyOne turns into frames of the video itself.
"""

from __future__ import annotations

from pathlib import Path

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.json_files import as_kind, json_text, pair, read_json
from actfusion_stream.annotations.segments import (
    Annotations,
    check_count,
    checked_segment,
    finite_number,
    in_order,
    video_name,
)
from actfusion_stream.errors import StreamError


def fiftyone_text(videos: list[Annotated]) -> str:
    """The detections of all videos, by the name of the video."""
    classes = sorted({segment.label for video in videos for segment in video.segments})
    labels = {
        video.name: [
            {"label": s.label, "timestamps": [s.start, s.end]}
            | ({} if s.confidence is None else {"confidence": s.confidence})
            for s in video.segments
        ]
        for video in videos
    }
    return json_text({"classes": classes, "labels": labels})


def read_fiftyone(path: Path, rate: float | None) -> Annotations:
    """The detections of a file; labels may be numbers of its classes.

    Args:
        path: the file.
        rate: frames a second, for detections that are given in frames.

    Raises:
        StreamError: it is no such file, or something in it makes no sense.
    """
    content = as_kind(read_json(path), dict, str(path), "the file")
    classes = as_kind(content.get("classes") or [], list, str(path), "classes")
    found: Annotations = {}
    count = 0
    for name, entries in as_kind(content.get("labels"), dict, str(path), "labels").items():
        place = f"{path}, {name[:50]}"
        segments = []
        for entry in as_kind(entries or [], list, place, "its entry"):
            check_count(count, place)
            count += 1
            entry = as_kind(entry, dict, place, "a detection")
            label = entry.get("label")
            if isinstance(label, int) and 0 <= label < len(classes):
                label = classes[label]
            if "support" in entry:
                first, last = (finite_number(at, place) for at in pair(entry["support"], place, "support"))
                if rate is None:
                    raise StreamError(f"annotations {place}: it counts frames; give --rate or --video")
                start, end = (first - 1) / rate, last / rate
            else:
                start, end = (
                    finite_number(at, place) for at in pair(entry.get("timestamps"), place, "timestamps")
                )
            segments.append(checked_segment(label, start, end, place, entry.get("confidence")))
        if segments:
            found[video_name(name, str(path))] = in_order(segments, place)
    if not found:
        raise StreamError(f"annotations {path}: no detection in it")
    return found
