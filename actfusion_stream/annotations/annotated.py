"""A video and what is said of it, as every format takes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.annotations.segments import Segment
from actfusion_stream.errors import StreamError


@dataclass(frozen=True, eq=False)
class Annotated:
    """One video with its segments.

    Attributes:
        name: of the video, without ending; `video_name` takes it.
        segments: in order, to the millisecond; where nothing is said, there is none.
        file: path of the video, as seen from the file that is written; "" where it is no file.
        seconds: how long it is; None if nobody knows: then it ends with its last segment.
        rate: frames a second; None if nobody knows.
        times: (T,) seconds of each frame, where a format goes by frames; None for even ones at `rate`.
        remark: what whoever uses it should know, a line; "" if nothing.
        anticipated: what was expected of each moment some time before, in order; () where nothing was.
    """

    name: str
    segments: tuple[Segment, ...]
    file: str = ""
    seconds: float | None = None
    rate: float | None = None
    times: NDArray[np.float64] | None = None
    anticipated: tuple[Segment, ...] = ()
    remark: str = ""

    @property
    def end(self) -> float:
        """Seconds at which the video ends, or what is said of it, if that is later."""
        return max(self.seconds or 0.0, self.segments[-1].end if self.segments else 0.0)

    def frame_rate(self) -> float:
        """Frames a second.

        Raises:
            StreamError: nobody has told.
        """
        if self.rate is None:
            raise StreamError(
                f"annotations of {self.name}: this format counts frames; give --rate or --video"
            )
        return self.rate

    def frame_times(self) -> NDArray[np.float64]:
        """(T,) seconds of each frame.

        Raises:
            StreamError: nobody has told the rate.
        """
        if self.times is not None:
            return self.times
        return np.arange(round(self.end * self.frame_rate())) / self.frame_rate()


def in_milliseconds(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Segments with times as files hold them, and without those that have no length then."""
    rounded = (
        Segment(s.label, round(s.start, 3), round(s.end, 3), _in_thousandths(s.confidence)) for s in segments
    )
    return tuple(segment for segment in rounded if segment.end > segment.start)


def _in_thousandths(confidence: float | None) -> float | None:
    return None if confidence is None else round(confidence, 3)


def link(video: Path, target: Path) -> str:
    """The path of a video as seen from the folder of a file about it, so that both may move together."""
    try:
        relative = Path(os.path.relpath(video, target.absolute().parent))
    except ValueError:  # on another drive
        relative = Path(video.name)
    return os.fsencode(relative.as_posix()).decode("utf-8", "replace")


def only(videos: list[Annotated]) -> Annotated:
    """The one video of a file that holds one.

    Raises:
        StreamError: there are none, or several.
    """
    if len(videos) != 1:
        names = ", ".join(video.name for video in videos[:10])
        raise StreamError(
            f"annotations: {len(videos)} videos ({names}), and this format holds one; give --only NAME"
        )
    return videos[0]
