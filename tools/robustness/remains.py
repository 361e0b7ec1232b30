"""What a run has left in its folder: events, segments and a video, whole or as far as it came."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

VIDEO, EVENTS, SEGMENTS = "out.mp4", "events.jsonl", "segments.csv"
OUTPUTS = ["--output", VIDEO, "--events", EVENTS, "--segments", SEGMENTS, "--display", "none"]
_COLUMNS = ["video", "label", "start", "end", "confidence"]


@dataclass(frozen=True)
class Events:
    """A log of events.

    Attributes:
        whole: its whole lines.
        torn: whether its last line is cut.
        wrong: what is wrong with a whole line; "" if nothing is.
    """

    whole: tuple[dict[str, Any], ...] = ()
    torn: bool = False
    wrong: str = ""

    @classmethod
    def of(cls, folder: Path) -> Events:
        """Read it; a log that is not there has no events."""
        if not (folder / EVENTS).exists():
            return cls()
        *lines, rest = (folder / EVENTS).read_bytes().split(b"\n")
        try:
            whole = tuple(json.loads(line, parse_constant=_refuse) for line in lines)
        except ValueError as error:
            return cls(torn=bool(rest), wrong=f"{EVENTS}: {error}")
        return cls(whole, bool(rest))

    @property
    def summary(self) -> dict[str, Any] | None:
        """The last word; None if it was not said."""
        return self.whole[-1] if self.whole and self.whole[-1]["type"] == "summary" else None

    @property
    def seen_until(self) -> float:
        """Seconds up to which the last tick has seen; -inf without one."""
        return max((e["seen_until"] for e in self.whole if e["type"] == "tick"), default=-math.inf)


def played(path: Path) -> list[float]:
    """Times of the pictures that a player would show of a video, as far as it can be read; none at all if it
    cannot."""
    times: list[float] = []
    try:
        with av.open(f"file:{path}") as container:
            times.extend(frame.time for frame in container.decode(video=0))
    except (av.error.FFmpegError, IndexError):  # no stream of pictures in it
        pass
    return times


def wrong_segments(folder: Path) -> str:
    """What is wrong with the table of segments; "" if it is whole, or not there."""
    path = folder / SEGMENTS
    if not path.exists():
        return ""
    text = path.read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines()) if text else [[]]
    if header != _COLUMNS or not text.endswith("\n") or any(len(row) != len(_COLUMNS) for row in rows):
        return f"{SEGMENTS} is not whole"
    return ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
