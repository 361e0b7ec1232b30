"""A folder of pictures as a video: one frame each, in the natural order of their names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.opening import MAX_PIXELS
from actfusion_stream.sources.picture_times import times_of
from actfusion_stream.sources.pictures import fit

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
RATE = 25.0  # frames a second, where nothing tells
_LOWEST_RATE, _HIGHEST_RATE = 0.001, 1000.0


class ImageFolder:
    """Pictures of a folder: at a rate, or when they were taken.

    Args:
        folder: with files of `ENDINGS`; others are left alone.
        rate: frames a second; None to take times from names or EXIF, or `RATE` where neither has them.

    Attributes:
        remark: where the times are from, and what was fitted into the first picture's size.

    Raises:
        StreamError: there is no picture in it, or the rate makes no sense.
    """

    def __init__(self, folder: Path, rate: float | None = None) -> None:
        self.warning: str | None = None
        if rate is not None and not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise StreamError(
                f"rate {rate:g}: give pictures a second from {_LOWEST_RATE:g} to {_HIGHEST_RATE:g}"
            )
        self._files = sorted((p for p in folder.iterdir() if p.suffix.lower() in ENDINGS), key=_natural)
        if not self._files:
            raise StreamError(f"{folder}: no picture in that folder (of {', '.join(sorted(ENDINGS))})")
        first = next((image for file in self._files if (image := _read(file)) is not None), None)
        if first is None:
            raise StreamError(f"{folder}: none of its {len(self._files)} pictures can be read")
        height, width = first.shape[:2]
        count, name = len(self._files), folder.resolve().name
        found = times_of(self._files) if rate is None else None
        if found is not None:
            self._times, where = found
            rate = (count - 1) / self._times[-1]
            said = f"{rate:.3g} pictures a second on average, by {where}"
        else:
            guessed = (
                ", as neither names nor EXIF tell; --rate gives another" if rate is None else ", as given"
            )
            rate = rate or RATE
            self._times = [index / rate for index in range(count)]
            said = f"{rate:g} pictures a second{guessed}"
        self.remark: str | None = f"{name}: {said}"
        duration = self._times[-1] + 1 / rate
        self.info = SourceInfo(name, width, height, duration, rate, live=False, has_audio=False)

    def frames(self) -> Iterator[Frame]:
        """A frame for every picture; one that cannot be read leaves its time empty."""
        width, height = self.info.width, self.info.height
        unread = fitted = 0
        for index, (at, file) in enumerate(zip(self._times, self._files, strict=True)):
            image = _read(file)
            if image is None:
                unread += 1
                continue
            fitted += image.shape[:2] != (height, width)
            yield Frame(at, fit(image, width, height), index, time.perf_counter())
        if fitted:
            pictures = "picture was" if fitted == 1 else "pictures were"
            self.remark = f"{self.remark}; {fitted} {pictures} fitted into {width}x{height}"
        if unread:
            self.warning = (
                f"{self.info.name}: {unread} of {len(self._files)} pictures cannot be read; "
                "all the rest was read"
            )

    def stop(self) -> None:
        """Nothing to do: a folder never keeps anybody waiting."""

    def close(self) -> None:
        pass


def _read(file: Path) -> np.ndarray | None:
    """(H, W, 3) uint8 RGB, or None."""
    try:
        image = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    if image is None or image.shape[0] * image.shape[1] > MAX_PIXELS:
        return None
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorts frame9 before frame10."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
