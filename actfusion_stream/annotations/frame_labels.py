"""A label a line, for each frame: the text files of MS-TCN, whose labels have no blanks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.annotations.annotated import Annotated, only
from actfusion_stream.annotations.segments import Segment, check_count, checked_segment, lines, read_text_file
from actfusion_stream.errors import StreamError

BACKGROUND = "background"  # what nobody has said anything of
_NOTHING = 1e-9  # seconds that rounding may take


def read_frame_labels(path: Path, rate: float) -> list[Segment]:
    """Runs of equal labels.

    Args:
        path: the file.
        rate: labels a second.

    Raises:
        StreamError: it has none, or one that is no label.
    """
    labels = filter(None, (line.strip() for line in lines(read_text_file(path))))
    segments: list[Segment] = []
    first = 0
    for label, run in groupby(labels):
        place = f"{path}, line {first + 1}"
        check_count(len(segments), place)
        end = first + sum(1 for _ in run)
        segments.append(checked_segment(label, first / rate, end / rate, place))
        first = end
    if not segments:
        raise StreamError(f"annotations {path}: no label in it")
    return segments


def frame_labels_text(videos: list[Annotated]) -> str:
    """The label of each frame of a video, `BACKGROUND` where there is none.

    Raises:
        StreamError: several videos; nobody knows the rate; two labels become one.
    """
    video = only(videos)
    plain = plain_names(segment.label for segment in video.segments)
    labels = labels_at(video.segments, video.frame_times(), BACKGROUND)
    return "".join(f"{plain.get(label, label)}\n" for label in labels)


def labels_at(segments: Sequence[Segment], times: NDArray[np.float64], background: str) -> list[str]:
    """The label at each of the times (T,), `background` between segments."""
    starts = np.array([segment.start for segment in segments])
    index = np.searchsorted(starts, times + _NOTHING, side="right") - 1
    return [
        segments[i].label if i >= 0 and time < segments[i].end - _NOTHING else background
        for i, time in zip(index.tolist(), times.tolist(), strict=True)
    ]


def plain_names(labels: Iterable[str]) -> dict[str, str]:
    """Labels without blanks, by label.

    Raises:
        StreamError: two become one.
    """
    taken: dict[str, str] = {}
    for label in sorted(set(labels)):
        name = "_".join(label.split())
        if taken.setdefault(name, label) != label:
            raise StreamError(f"labels {taken[name]!r} and {label!r} would both become {name}; rename one")
    return {label: name for name, label in taken.items()}
