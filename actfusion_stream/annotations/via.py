"""Projects of the VGG Image Annotator for videos (VIA 3): temporal segments with an action each.

Source: robots.ox.ac.uk/~vgg/software/via, "VIA 3 project". A segment's action is an option of one attribute,
chosen from a list, so that VIA shows a row for each action.
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
    finite_number,
    in_order,
    video_name,
)
from actfusion_stream.errors import StreamError

_VIDEO, _FILE_ADDRESS, _SELECT = 4, 3, 4  # kinds of files, places of files, kinds of attributes


def via_text(videos: list[Annotated]) -> str:
    """A project of all videos; VIA asks for those that it does not find."""
    labels = sorted({segment.label for video in videos for segment in video.segments})
    options = {str(number): label for number, label in enumerate(labels)}
    number_of = {label: number for number, label in options.items()}
    numbered = {str(number): video for number, video in enumerate(videos, start=1)}
    attribute = {
        "aname": "action",
        "anchor_id": "FILE1_Z2_XY0",
        "type": _SELECT,
        "desc": "What is done",
        "options": options,
        "default_option_id": "",
    }
    project = {
        "pid": "__VIA_PROJECT_ID__",
        "rev": "__VIA_PROJECT_REV_ID__",
        "rev_timestamp": "__VIA_PROJECT_REV_TIMESTAMP__",
        "pname": "actfusion-stream",
        "creator": "VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
        "created": 0,
        "vid_list": list(numbered),
    }
    shown = {
        "file_content_align": "center",
        "file_metadata_editor_visible": True,
        "spatial_metadata_editor_visible": False,
        "temporal_segment_metadata_editor_visible": True,
        "spatial_region_label_attribute_id": "",
        "gtimeline_visible_row_count": str(min(10, max(4, len(labels)))),
    }
    config = {
        "file": {"loc_prefix": {str(place): "" for place in range(1, 5)}},
        "ui": shown,
    }
    files = {
        number: {
            "fid": number,
            "fname": (video.file or video.name).rsplit("/", 1)[-1],
            "type": _VIDEO,
            "loc": _FILE_ADDRESS,
            "src": video.file,
        }
        for number, video in numbered.items()
    }
    metadata = {
        f"{number}_{at}": {
            "vid": number,
            "flg": 0,
            "z": [segment.start, segment.end],
            "xy": [],
            "av": {"1": number_of[segment.label]},
        }
        for number, video in numbered.items()
        for at, segment in enumerate(video.segments)
    }
    views = {number: {"fid_list": [number]} for number in numbered}
    return json_text(
        {
            "project": project,
            "config": config,
            "attribute": {"1": attribute},
            "file": files,
            "metadata": metadata,
            "view": views,
        }
    )


def read_via(path: Path) -> Annotations:
    """The temporal segments of a project, by video.

    Raises:
        StreamError: it is no such file, or something in it makes no sense.
    """
    content = as_kind(read_json(path), dict, str(path), "the file")
    files, views, attributes, metadata = (
        as_kind(content.get(part), dict, str(path), part)
        for part in ("file", "view", "attribute", "metadata")
    )
    found: Annotations = {}
    for count, (key, entry) in enumerate(metadata.items()):
        place = f"{path}, segment {key[:50]}"
        check_count(count, place)
        entry = as_kind(entry, dict, place, "the segment")
        times, said = entry.get("z"), as_kind(entry.get("av", {}), dict, place, "av")
        if entry.get("xy") or not isinstance(times, list) or len(times) != 2 or not said:
            continue  # a region, a moment, or nothing said of it
        attribute, value = next(iter(said.items()))
        start, end = (finite_number(time, place) for time in pair(times, place, "z"))
        label = _label(attributes.get(attribute), value)
        video = video_name(_file_name(files, views, entry.get("vid"), place), place)
        found.setdefault(video, []).append(checked_segment(label, start, end, place))
    if not found:
        raise StreamError(f"annotations {path}: no temporal segment with a label in it")
    return {video: in_order(segments, f"{path}, {video}") for video, segments in found.items()}


def _label(attribute: object, value: Any) -> Any:
    """The name of an option, or the text itself."""
    options = attribute.get("options") if isinstance(attribute, dict) else None
    named = isinstance(options, dict) and isinstance(value, str)
    return options.get(value, value) if named else value  # type: ignore[union-attr]


def _file_name(files: dict[str, Any], views: dict[str, Any], view: object, place: str) -> str:
    """Of the first file of a view.

    Raises:
        StreamError: there is none.
    """
    shown = views.get(str(view))
    listed = shown.get("fid_list") if isinstance(shown, dict) else None
    file = files.get(str(listed[0])) if isinstance(listed, list) and listed else None
    name = file.get("fname") if isinstance(file, dict) else None
    if not isinstance(name, str):
        raise StreamError(f"annotations {place}: its view {str(view)[:50]!r} shows no file that is listed")
    return name.rsplit("/", 1)[-1]
