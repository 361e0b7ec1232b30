"""When the pictures of a folder were taken, by their names or by what the camera noted in them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

_LEAST_SPAN = 2.0  # seconds over which times in whole seconds tell a rate
_EPOCH = re.compile(r"(?<!\d)([1-3]\d{9})(?:[._-]?(\d{3}|\d{6}|\d{9})(?!\d)|\.(\d{1,9})(?!\d)|(?!\d))")
_DATE = re.compile(
    r"(?<!\d)(\d{4})[-_.]?(\d\d)[-_.]?(\d\d)[T _-]*"
    r"(\d\d)[-_:.h]?(\d\d)[-_:.m]?(\d\d)(?:[._,-]?(\d{1,9})(?!\d))?"
)
_TAKEN, _TAKEN_PARTS = 36867, 37521  # EXIF: DateTimeOriginal, and its parts of a second
_CHANGED, _CHANGED_PARTS = 306, 37520  # DateTime
_PHOTO = 34665  # where those tags lie


def times_of(files: Sequence[Path]) -> tuple[list[float], str] | None:
    """Seconds of every picture since the first.

    Args:
        files: in the order in which they are shown; at least two.

    Returns:
        (N,) rising times, and where they are from, in words; None where neither names nor EXIF tell.
    """
    for read, where in ((_named, "their names"), (_noted, "EXIF")):
        stamps = [read(file) for file in files]
        if len(files) > 1 and all(stamp is not None for stamp in stamps):
            times = _rising([stamp for stamp in stamps if stamp is not None])
            if times is not None:
                return times, where
    return None


def _rising(stamps: list[float]) -> list[float] | None:
    """Times from 0 on; those that share their seconds are spread evenly over the whole."""
    steps = [later - one for one, later in itertools.pairwise(stamps)]
    if min(steps) > 0:
        return [stamp - stamps[0] for stamp in stamps]
    span = stamps[-1] - stamps[0]
    if min(steps) == 0 and span >= _LEAST_SPAN:
        return [span * index / len(steps) for index in range(len(stamps))]
    return None


def _named(file: Path) -> float | None:
    """Seconds since 1970 in a name: 1714567890.25.jpg, 1714567890250.png, IMG_20240501_123015_250.jpg."""
    date = _DATE.search(file.stem)
    found = None if date is None else _seconds("".join(date.groups()[:6]), date[7] or "")
    if found is not None:
        return found
    epoch = _EPOCH.search(file.stem)
    if epoch is not None:
        return int(epoch[1]) + float(f"0.{epoch[2] or epoch[3] or 0}")
    return None


def _noted(file: Path) -> float | None:
    """Seconds since 1970 at which the camera says that it took a picture."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            tags = image.getexif()
            photo = tags.get_ifd(_PHOTO)
    except Exception:  # what a damaged picture holds is of no use, whatever goes wrong
        return None
    for said, parts in (
        (photo.get(_TAKEN), photo.get(_TAKEN_PARTS)),
        (tags.get(_CHANGED), photo.get(_CHANGED_PARTS)),
    ):
        if isinstance(said, str):
            found = _seconds(re.sub(r"\D", "", said), re.sub(r"\D", "", str(parts or "")))
            if found is not None:
                return found
    return None


def _seconds(digits: str, fraction: str) -> float | None:
    """Of a date in 14 digits, and the digits behind its seconds."""
    try:
        moment = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return moment.timestamp() + float(f"0.{fraction or 0}")
