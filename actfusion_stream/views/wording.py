"""How labels and times are put before people, and how much of the timeline: alike on terminal and overlay."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.shown import printable as printable

if TYPE_CHECKING:
    from actfusion_stream.sources.frames import SourceInfo

_TO = "\N{EN DASH}"
NOT_SURE = "not sure"
_SURE = 1.0  # seconds between earliest and latest; below, a range says no more than a number


class Window(NamedTuple):
    """The seconds that a timeline shows on either side of now."""

    past: float
    future: float

    def in_sight(self, segments: Sequence[Segment], now: float) -> Sequence[Segment]:
        """Those of `segments`, which follow one another in time, that are in sight at the time `now`."""
        first = bisect_right(segments, now - self.past, key=lambda segment: segment.end)
        last = bisect_left(segments, now + self.future, lo=first, key=lambda segment: segment.start)
        return segments[first:last]


def timeline_window(duration: float | None) -> Window:
    """Choose how much time a timeline shows: two thirds past, one third future, now always at the same place.

    A fixed scale slides instead of shrinking, so an hour-long video reads like a short one; only clips
    shorter than the window get a finer scale.

    Args:
        duration: seconds of the whole source, None for a live one.
    """
    span = 90.0 if duration is None else min(max(duration, 15.0), 90.0)
    return Window(span * 2 / 3, span / 3)


def spoken(label: str) -> str:
    """`cut_tomato` as people write it: `cut tomato`."""
    return label.replace("_", " ").strip()


def clock(seconds: float) -> str:
    """A time as players show it: `1:05`, `1:02:03`."""
    minutes, second = divmod(int(max(seconds, 0.0)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"


def countdown(seconds: float) -> str:
    """How long until something starts: `in 4 s`, `in 1:20`, and `any moment` once it is due."""
    whole = _whole(seconds)
    if whole <= 0:
        return "any moment"
    return f"in {whole} s" if whole < 60 else f"in {clock(whole)}"


def late(seconds: float) -> str:
    """How long something has been due that does not come: `3 s late`."""
    return f"{int(seconds)} s late" if seconds < 60 else f"{clock(seconds)} late"


def until(seconds: float, earliest: float, latest: float) -> str:
    """How long until something starts of which nobody knows quite when: `in 4–9 s`, `within 9 s`.

    Args:
        seconds: the likeliest; told alone, as a countdown, where the range is hardly one.
        earliest: from when on it may start.
        latest: until when it has probably started.
    """
    first, last = _whole(earliest), _whole(latest)
    if first == last or latest - earliest < _SURE or last <= 0:
        return countdown(seconds)
    if first <= 0:
        return f"within {last} s" if last < 60 else f"within {clock(last)}"
    return f"in {first}{_TO}{last} s" if last < 60 else f"in {clock(first)}{_TO}{clock(last)}"


def _whole(seconds: float) -> int:
    return math.ceil(seconds - 1e-6)


def percent(share: float) -> str:
    """A confidence in [0, 1] as `86 %`."""
    return f"{100 * share:.0f} %"


def picture(info: SourceInfo) -> str:
    """What a source's pictures are: `320x240, 15 fps`, without the rate where it has none."""
    rate = f", {info.rate:.4g} fps" if info.rate else ""
    return f"{info.width}x{info.height}{rate}"
