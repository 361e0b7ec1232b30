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
from actfusion_stream.annotations.segments import Annotations, Segment, video_name
from actfusion_stream.annotations.subtitles import read_subtitles, srt_text, vtt_text
from actfusion_stream.annotations.tables import csv_text, read_table, tsv_text
from actfusion_stream.annotations.via import read_via, via_text
from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing


@dataclass(frozen=True)
class Given:
    """A file to be read, and what is known of it.

    Attributes:
        path: of the file.
        name: its name without the ending: its video's, where the file names none.
        rate: frames a second, of formats that count frames.
        tier: of ELAN files; None for the stream's own, or the only one.
    """

    path: Path
    name: str
    rate: float | None
    tier: str | None

    def of_one(self, segments: list[Segment]) -> Annotations:
        """The segments of a file that holds one video."""
        return {video_name(self.name, str(self.path)): segments}


@dataclass(frozen=True)
class Format:
    """What files with one ending hold.

    Attributes:
        what: they are, for people.
        read: the segments of one, by video, given what is known of it.
        text: of such a file for some videos; some formats hold one only.
        each_frame: it has a label for each frame, without blanks.
        anticipates: it has a place for what was anticipated.
    """

    what: str
    read: Callable[[Given], Annotations]
    text: Callable[[list[Annotated]], str]
    each_frame: bool = False
    anticipates: bool = False


def _frame_labels(given: Given) -> Annotations:
    if given.rate is None:
        raise StreamError(f"annotations {given.path}: it counts frames; give --rate or --video")
    return given.of_one(read_frame_labels(given.path, given.rate))


def _table(given: Given) -> Annotations:
    return read_table(given.path, given.name)


def _subtitles(given: Given) -> Annotations:
    return given.of_one(read_subtitles(given.path))


FORMATS = {
    ".csv": Format("table", _table, csv_text),
    ".tsv": Format("table with tabs", _table, tsv_text),
    ".json": Format("ActivityNet", lambda given: read_activitynet(given.path), activitynet_text),
    ".fiftyone.json": Format(
        "FiftyOne, temporal detections", lambda given: read_fiftyone(given.path, given.rate), fiftyone_text
    ),
    ".labelstudio.json": Format(
        "Label Studio, timeline predictions",
        lambda given: read_label_studio(given.path, given.rate, given.name),
        label_studio_text,
    ),
    ".via.json": Format("VGG Image Annotator 3", lambda given: read_via(given.path), via_text),
    ".txt": Format("MS-TCN, a label a frame", _frame_labels, frame_labels_text, each_frame=True),
    ".audacity.txt": Format(
        "Audacity, label track", lambda given: given.of_one(read_audacity(given.path)), audacity_text
    ),
    ".srt": Format("subtitles", _subtitles, srt_text),
    ".vtt": Format("subtitles for browsers", _subtitles, vtt_text),
    ".eaf": Format(
        "ELAN", lambda given: given.of_one(read_elan(given.path, given.tier)), elan_text, anticipates=True
    ),
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
    return FORMATS[ending_of(path)].read(Given(path, stem_of(path), rate, tier))
