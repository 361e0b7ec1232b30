"""Annotations as a dataset in the MS-TCN layout: a label for each feature, and a split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from actfusion_stream.annotations.frame_labels import labels_at, plain_names
from actfusion_stream.annotations.segments import Annotations
from actfusion_stream.errors import StreamError

from .annotation_files import write_whole
from .dataset import EXTRACTOR_JSON


def feature_times(folder: Path) -> dict[str, np.ndarray]:
    """(T,) seconds of the features of each video, from the description beside them.

    Raises:
        StreamError: there is none, or it is damaged.
    """
    path = folder / EXTRACTOR_JSON
    try:
        videos = json.loads(path.read_text())["videos"]
        return {
            name: float(video["start"]) + np.arange(int(video["count"])) / float(video["rate"])
            for name, video in videos.items()
        }
    except OSError as error:
        raise StreamError(
            f"features {folder}: no {EXTRACTOR_JSON}, which actfusion-extract writes; without it give --rate"
        ) from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise StreamError(f"features {folder}: {EXTRACTOR_JSON} is damaged: {error}") from error


def write_mstcn(
    annotations: Annotations,
    folder: Path,
    times: dict[str, np.ndarray],
    background: str,
    test: list[str],
) -> None:
    """A data folder: groundTruth/, mapping.txt, and a split 1 of training and test videos.

    Args:
        annotations: by video.
        folder: created where it is missing.
        times: seconds at which each video gets a label; videos without are left out.
        background: label of what nobody annotated.
        test: videos to test on, the rest train; none for the last fifth.

    Raises:
        StreamError: a test video is unknown, or two labels become one.
    """
    videos = sorted(annotations.keys() & times.keys())
    unknown = [name for name in test if name not in videos]
    if unknown or not videos:
        raise StreamError(
            f"--test {unknown[0]}: no such video; there are {', '.join(videos[:10])}"
            if unknown
            else "no video has both annotations and features"
        )
    test = test or (videos[-max(1, len(videos) // 5) :] if len(videos) > 1 else [])
    labels = {segment.label for segments in annotations.values() for segment in segments}
    plain = plain_names(labels | {background})
    used: set[str] = set()
    for video in videos:
        found = [plain[label] for label in labels_at(annotations[video], times[video], background)]
        used |= set(found)
        write_whole(folder / "groundTruth" / f"{video}.txt", "".join(f"{label}\n" for label in found))
    nothing = plain[background]
    names = [*([nothing] if nothing in used else []), *sorted(used - {nothing})]
    write_whole(folder / "mapping.txt", "".join(f"{i} {name}\n" for i, name in enumerate(names)))
    lists = {"train": [video for video in videos if video not in test], "test": test}
    for part, listed in lists.items():
        text = "".join(f"{video}.txt\n" for video in listed)
        write_whole(folder / "splits" / f"{part}.split1.bundle", text)
