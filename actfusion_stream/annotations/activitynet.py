"""ActivityNet's JSON: `database` is its annotations, `results` what its evaluation reads as predictions.

Source: activity-net.org, "Download" and "Evaluation". A file has both, and every reader takes what it knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.json_files import as_kind, json_text, pair, read_json
from actfusion_stream.annotations.segments import (
    Annotations,
    check_count,
    checked_segment,
    in_order,
    video_name,
)
from actfusion_stream.errors import StreamError


def activitynet_text(videos: list[Annotated]) -> str:
    """Annotations and predictions of all videos."""
    labels = sorted({segment.label for video in videos for segment in video.segments})
    root = {"nodeId": 0, "nodeName": "Root", "parentId": None, "parentName": None}
    leaves = [
        {"nodeId": i, "nodeName": label, "parentId": 0, "parentName": "Root"}
        for i, label in enumerate(labels, start=1)
    ]
    database = {
        video.name: {
            "duration": round(video.end, 3),
            "subset": "validation",
            "annotations": [{"label": s.label, "segment": [s.start, s.end]} for s in video.segments],
        }
        for video in videos
    }
    results = {
        video.name: [
            {"label": s.label, "score": s.confidence, "segment": [s.start, s.end]}
            for s in video.segments
            if s.confidence is not None
        ]
        for video in videos
    }
    return json_text(
        {
            "version": "VERSION 1.3",
            "taxonomy": [root, *leaves],
            "database": database,
            "results": results,
            "external_data": {},
        }
    )


def read_activitynet(path: Path) -> Annotations:
    """The segments of a file: its results where there are some, which have scores, else its database.

    Raises:
        StreamError: it is no such file, or something in it makes no sense.
    """
    content = as_kind(read_json(path), dict, str(path), "the file")
    listed: dict[str, list[Any]] = {}
    for name, entry in as_kind(content.get("database", {}), dict, str(path), "database").items():
        entry = as_kind(entry, dict, f"{path}, {name[:50]}", "its entry")
        listed[name] = as_kind(entry.get("annotations", []), list, f"{path}, {name[:50]}", "annotations")
    for name, scored in as_kind(content.get("results", {}), dict, str(path), "results").items():
        scored = as_kind(scored, list, f"{path}, {name[:50]}", "its results")
        if len(scored) >= len(listed.get(name, [])):
            listed[name] = scored
    if not any(listed.values()):
        raise StreamError(f"annotations {path}: no segment in its database or results; is it ActivityNet's?")
    found: Annotations = {}
    count = 0
    for name, entries in listed.items():
        place = f"{path}, {name[:50]}"
        segments = []
        for entry in entries:
            check_count(count, place)
            count += 1
            entry = as_kind(entry, dict, place, "a segment")
            start, end = pair(entry.get("segment"), place, "segment")
            segments.append(checked_segment(entry.get("label"), start, end, place, entry.get("score")))
        if segments:
            found[video_name(name, str(path))] = in_order(segments, place)
    return found
