"""A folder of pictures as a video: one frame each, in the natural order of their names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.containers import MAX_PIXELS
from actfusion_stream.sources.frames import Frame, SourceInfo

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
RATE = 25.0  # frames a second, where none is given


class ImageFolder:
    """Pictures of a folder, at a steady rate.

    Args:
        folder: with files of `ENDINGS`; others are left alone.
        rate: frames a second.

    Raises:
        StreamError: there is no picture in it.
    """

    def __init__(self, folder: Path, rate: float = RATE) -> None:
        self.warning: str | None = None
        self._files = sorted((p for p in folder.iterdir() if p.suffix.lower() in ENDINGS), key=_natural)
        if not self._files:
            raise StreamError(f"{folder}: no picture in that folder (of {', '.join(sorted(ENDINGS))})")
        first = next((image for file in self._files if (image := _read(file)) is not None), None)
        if first is None:
            raise StreamError(f"{folder}: none of its {len(self._files)} pictures can be read")
        height, width = first.shape[:2]
        self._rate = rate
        duration = len(self._files) / rate
        self.info = SourceInfo(folder.resolve().name, width, height, duration, rate, False, has_audio=False)

    def frames(self) -> Iterator[Frame]:
        """A frame for every picture; one that cannot be read leaves its time empty."""
        shape = (self.info.height, self.info.width, 3)
        unread = 0
        for index, file in enumerate(self._files):
            image = _read(file)
            if image is None or image.shape != shape:
                unread += 1
                continue
            yield Frame(index / self._rate, image, index, time.perf_counter())
        if unread:
            self.warning = (
                f"{self.info.name}: {unread} of {len(self._files)} pictures cannot be read, or differ "
                f"in size from {shape[1]}x{shape[0]}; all the rest was read"
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
