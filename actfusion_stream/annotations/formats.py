"""The formats of segments, by the ending of a file's name; each file is written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actfusion_stream.annotations.activitynet import activitynet_text, read_activitynet
from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.audacity import audacity_text, read_audacity
from actfusion_stream.annotations.elan import elan_text, read_elan
from actfusion_stream.annotations.fiftyone import fiftyone_text, read_fiftyone
from actfusion_stream.annotations.frame_labels import frame_labels_text, read_frame_labels
from actfusion_stream.annotations.label_studio import label_studio_text, read_label_studio
from actfusion_stream.annotations.segments import Annotations, video_name
from actfusion_stream.annotations.subtitles import read_subtitles, srt_text, vtt_text
from actfusion_stream.annotations.tables import csv_text, read_table, tsv_text
from actfusion_stream.annotations.via import read_via, via_text
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing


@dataclass(frozen=True)
class Format:
    """What files with one ending hold.

    Attributes:
        what: they are, for people.
        text: of such a file for some videos; some formats hold one only.
        each_frame: it has a label for each frame, without blanks.
        anticipates: it has a place for what was anticipated.
    """

    what: str
    text: Callable[[list[Annotated]], str]
    each_frame: bool = False
    anticipates: bool = False


FORMATS = {
    ".csv": Format("table", csv_text),
    ".tsv": Format("table with tabs", tsv_text),
    ".json": Format("ActivityNet", activitynet_text),
    ".fiftyone.json": Format("FiftyOne, temporal detections", fiftyone_text),
    ".labelstudio.json": Format("Label Studio, timeline predictions", label_studio_text),
    ".via.json": Format("VGG Image Annotator 3", via_text),
    ".txt": Format("MS-TCN, a label a frame", frame_labels_text, each_frame=True),
    ".audacity.txt": Format("Audacity, label track", audacity_text),
    ".srt": Format("subtitles", srt_text),
    ".vtt": Format("subtitles for browsers", vtt_text),
    ".eaf": Format("ELAN", elan_text, anticipates=True),
}


def ending_of(path: Path) -> str:
    """The longest of the known endings of this file's name, in lower case.

    Raises:
        StreamError: it has none.
    """
    name = path.name.lower()
    fitting = [ending for ending in FORMATS if name.endswith(ending)]
    if not fitting:
        found = f"ends in {path.suffix}" if path.suffix else "has no ending"
        raise StreamError(f"{path}: {found}; segments can be {', '.join(FORMATS)}")
    return max(fitting, key=len)


def stem_of(path: Path) -> str:
    """The file's name without its known ending: the video, where the file holds one."""
    return path.name[: -len(ending_of(path))]


def write_file(path: Path, videos: list[Annotated]) -> None:
    """Write segments in the format of the path's ending.

    Raises:
        StreamError: the format cannot hold them.
        OSError: the file cannot be written; what was there before is untouched.
    """
    text = FORMATS[ending_of(path)].text(videos)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def read_file(path: Path, rate: float | None = None, tier: str | None = None) -> Annotations:
    """The segments of a file, by video.

    Args:
        path: its ending says its format.
        rate: frames a second, of formats that count frames.
        tier: of ELAN files; None for the stream's own, or the only one.

    Raises:
        StreamError: it has no known ending, or something in it makes no sense.
    """
    ending, name = ending_of(path), stem_of(path)
    if ending in (".csv", ".tsv"):
        return read_table(path, name)
    if ending == ".json":
        return read_activitynet(path)
    if ending == ".fiftyone.json":
        return read_fiftyone(path, rate)
    if ending == ".labelstudio.json":
        return read_label_studio(path, rate, name)
    if ending == ".via.json":
        return read_via(path)
    video = video_name(name, str(path))
    if ending == ".eaf":
        return {video: read_elan(path, tier)}
    if ending == ".audacity.txt":
        return {video: read_audacity(path)}
    if ending in (".srt", ".vtt"):
        return {video: read_subtitles(path)}
    if rate is None:
        raise StreamError(f"annotations {path}: it counts frames; give --rate or --video")
    return {video: read_frame_labels(path, rate)}
