"""Label Studio's tasks, with timeline predictions to correct: it counts frames, from 1, the last included.

Source: labelstud.io, "TimelineLabels" and "Import pre-annotations". They fit a project that is set up as
<View>
  <Video name="video" value="$video" frameRate="$fps"/>
  <TimelineLabels name="timelineLabels" toName="video"> <Label value="..."/> </TimelineLabels>
</View>
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.json_files import as_kind, json_text, read_json
from actfusion_stream.annotations.segments import (
    Annotations,
    Segment,
    check_count,
    checked_segment,
    finite_number,
    in_order,
    video_name,
)
from actfusion_stream.errors import StreamError

_KIND = "timelinelabels"


def label_studio_text(videos: list[Annotated]) -> str:
    """A task for each video, with a prediction.

    Raises:
        StreamError: nobody knows how many frames a second a video has.
    """
    return json_text([_task(video) for video in videos])


def _task(video: Annotated) -> dict[str, Any]:
    rate = video.frame_rate()
    regions = []
    for number, segment in enumerate(video.segments, start=1):
        first = round(segment.start * rate) + 1
        last = max(first, round(segment.end * rate))
        region: dict[str, Any] = {
            "id": f"s{number}",
            "from_name": "timelineLabels",
            "to_name": "video",
            "type": _KIND,
            "value": {"ranges": [{"start": first, "end": last}], _KIND: [segment.label]},
        }
        if segment.confidence is not None:
            region["score"] = segment.confidence
        regions.append(region)
    prediction: dict[str, Any] = {"model_version": "actfusion-stream", "result": regions}
    scores = [segment.confidence for segment in video.segments if segment.confidence is not None]
    if scores:
        prediction["score"] = round(sum(scores) / len(scores), 3)
    return {"data": {"video": video.file or video.name, "fps": rate}, "predictions": [prediction]}


def read_label_studio(path: Path, rate: float | None, name: str) -> Annotations:
    """The regions of each task: what people have annotated, or else what was predicted.

    Args:
        path: the file: tasks as they are imported or exported.
        rate: frames a second of the videos; None for what the tasks say, as `fps`.
        name: of the video of a single task that names none.

    Raises:
        StreamError: it is no such file, or something in it makes no sense.
    """
    content = read_json(path)
    tasks = content if isinstance(content, list) else [content]
    found: Annotations = {}
    for number, task in enumerate(tasks, start=1):
        place = f"{path}, task {number}"
        task = as_kind(task, dict, place, "the task")
        data = as_kind(task.get("data", {}), dict, place, "data")
        video = data.get("video", name)
        if not isinstance(video, str):
            raise StreamError(f"annotations {place}: video {str(video)[:50]!r}; give its address or path")
        video = video_name(video.replace("\\", "/").rsplit("/", 1)[-1].rsplit("d=", 1)[-1], place)
        if rate is None and "fps" not in data:
            raise StreamError(f"annotations {place}: it counts frames; give --rate or --video")
        of_task = finite_number(data["fps"], place, "fps") if rate is None else rate
        if of_task <= 0:
            raise StreamError(f"annotations {place}: fps {of_task:g}; give frames a second")
        segments = list(_segments(task, of_task, place))
        if segments:
            found[video] = in_order(found.get(video, []) + segments, place)
    if not found:
        raise StreamError(f"annotations {path}: no region of TimelineLabels in it")
    return found


def _segments(task: dict[str, Any], rate: float, place: str) -> Iterator[Segment]:
    said = task.get("annotations") or task.get("predictions") or []
    newest = as_kind(as_kind(said, list, place, "annotations")[-1:], list, place, "annotations")
    for one in newest:
        regions = as_kind(as_kind(one, dict, place, "an annotation").get("result"), list, place, "result")
        for count, region in enumerate(regions):
            check_count(count, place)
            region = as_kind(region, dict, place, "a region")
            if region.get("type") != _KIND:
                continue
            value = as_kind(region.get("value"), dict, place, "value")
            labels = as_kind(value.get(_KIND), list, place, _KIND) or [None]
            for frames in as_kind(value.get("ranges"), list, place, "ranges"):
                frames = as_kind(frames, dict, place, "a range")
                first, last = (finite_number(frames.get(at), place, "frame") for at in ("start", "end"))
                yield checked_segment(labels[0], (first - 1) / rate, last / rate, place, region.get("score"))
