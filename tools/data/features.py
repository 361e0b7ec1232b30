"""Features of one video: an array in a file, of which is read what is asked for; or labels, one-hot.

The published features of one training list are up to 22 GB, and a step of training sees a few columns of
four videos: so nothing is kept but where they lie, and the system's file cache decides what stays in memory.
They come by plain reads, in blocks. A memory map would count as the program's own memory, and end it without
a word where a network disk fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from actfusion_stream.errors import StreamError

_BLOCK_BYTES = 2**20  # of one read: what fits into a processor's cache is picked from fastest
_SEEK_BYTES = 2**14  # reading so much more costs as much as a call for the next piece
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

Frames = NDArray[np.integer[Any]]


class Features(Protocol):
    """Features of one video.

    Attributes:
        channels: C.
        frames: T.
    """

    @property
    def channels(self) -> int: ...

    @property
    def frames(self) -> int: ...

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        """(C, N) float32 of the N frames with these indices, in C order.

        Raises:
            StreamError: they cannot be read, or are not finite.
        """
        ...


@dataclass(frozen=True)
class ArrayFeatures:
    """Features (C, T) float32 that are in memory."""

    array: NDArray[np.float32]

    @property
    def channels(self) -> int:
        return self.array.shape[0]

    @property
    def frames(self) -> int:
        return self.array.shape[1]

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        return self.array.take(frames, axis=1)


@dataclass(frozen=True)
class OneHotFeatures:
    """Labels (T,) of K classes as features (K, T)."""

    labels: NDArray[np.int64]
    channels: int

    @property
    def frames(self) -> int:
        return len(self.labels)

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        return np.equal.outer(np.arange(self.channels), self.labels[frames]).astype(np.float32)


@dataclass(frozen=True)
class ArrayFile:
    """A .npy file of floats in two dimensions; its header alone has been read.

    Attributes:
        video, path: whose features, and where.
        shape: of the array.
        dtype: kind of its numbers.
        fortran: whether the first index is the one that changes from one number to the next.
        offset: bytes before the first number.
    """

    video: str
    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @classmethod
    def open(cls, video: str, path: Path) -> ArrayFile:
        """Read the header.

        Raises:
            StreamError: there is no such file, it is damaged, or it holds something else.
        """
        try:
            with path.open("rb") as file:
                version = npy.read_magic(file)
                if version not in _HEADERS:
                    raise ValueError(f"it is of version {version} of the format")
                shape, fortran, dtype = _HEADERS[version](file)
                if dtype.hasobject:
                    raise ValueError("it holds Python objects")
                offset, size = file.tell(), os.fstat(file.fileno()).st_size
            lacking = offset + dtype.itemsize * int(np.prod(shape, dtype=object)) - size
            if lacking > 0:
                raise ValueError(f"its last {lacking} bytes are missing")
        except (OSError, ValueError, EOFError) as error:
            raise StreamError(f"features of {video}: {path} cannot be read as an array: {error}") from error
        if len(shape) != 2 or dtype.kind != "f" or 0 in shape:
            raise StreamError(
                f"features of {video}: {path} holds {dtype} of shape {shape}; "
                "(channels, frames) of floats are needed"
            )
        return cls(video, path, (shape[0], shape[1]), dtype, bool(fortran), offset)


class FileFeatures:
    """Features that lie in a file, in whatever order.

    Args:
        file: where.
        time_axis: 1 for (channels, frames), 0 for (frames, channels).
    """

    def __init__(self, file: ArrayFile, time_axis: int = 1) -> None:
        self._file = file
        self.frames, self.channels = file.shape[time_axis], file.shape[1 - time_axis]
        self._rows_are_frames = (time_axis == 0) != file.fortran
        self._sound = False  # once all of it was read and found finite

    def __call__(self, frames: Frames) -> NDArray[np.float32]:
        """See `Features`."""
        out = np.empty((self.channels, len(frames)), np.float32)
        # The first time all of it is read, and found sound or not: no run ends on what it meets hours later.
        first, end = (int(frames.min()), int(frames.max()) + 1) if self._sound else (0, self.frames)
        if self._rows_are_frames:
            for row, block in self._blocks((first, end), (0, self.channels)):
                inside = (frames >= row) & (frames < row + len(block))
                out[:, inside] = block[frames[inside] - row].T
        else:
            for row, block in self._blocks((0, self.channels), (first, end)):
                out[row : row + len(block)] = block.take(frames - first, axis=1)
        self._sound = True
        return out

    def _blocks(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
        """Part of the file as (first row, block of whole rows), both as the numbers lie there."""
        width = self.channels if self._rows_are_frames else self.frames
        size = self._file.dtype.itemsize
        wanted = columns[1] - columns[0]
        whole = (width - wanted) * size < _SEEK_BYTES
        height = max(1, _BLOCK_BYTES // (size * (width if whole else wanted)))
        try:
            with self._file.path.open("rb", buffering=0) as file:
                for row in range(rows[0], rows[1], height):
                    count = min(height, rows[1] - row)
                    if whole:
                        read = self._read(file, row * width, count * width).reshape(count, width)
                        block = read[:, columns[0] : columns[1]]
                    else:
                        starts = ((row + i) * width + columns[0] for i in range(count))
                        block = np.stack([self._read(file, start, wanted) for start in starts])
                    yield row, block if self._sound else self._checked(block, row, columns[0])
        except OSError as error:
            raise StreamError(
                f"features of {self._file.video}: {self._file.path} can no longer be read: "
                f"{error.strerror or error}"
            ) from error

    def _read(self, file: BinaryIO, start: int, count: int) -> NDArray[np.floating[Any]]:
        """`count` numbers from the one with index `start` on."""
        numbers = np.empty(count, self._file.dtype)
        left = numbers.view(np.uint8).data
        file.seek(self._file.offset + start * numbers.itemsize)
        while left:
            done = file.readinto(left)  # type: ignore[attr-defined]
            if not done:
                raise OSError(f"it ends {len(left)} bytes before what was in it when it was opened")
            left = left[done:]
        return numbers

    def _checked(self, block: NDArray[np.floating[Any]], row: int, column: int) -> NDArray[np.floating[Any]]:
        """The block, as float32 if that is narrower; not if it holds what is no number there."""
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = block.astype(np.float32) if block.itemsize > 4 else block
            # A sum is finite where all of it is, and takes a fraction of the time of asking each number.
            if np.isfinite(narrow.sum(dtype=np.float32)):
                return narrow
        odd = ~np.isfinite(narrow)
        if not odd.any():
            return narrow
        place = np.unravel_index(int(odd.argmax()), odd.shape)
        where = row + int(place[0]), column + int(place[1])
        channel, frame = where[::-1] if self._rows_are_frames else where
        raise StreamError(
            f"features of {self._file.video}: {self._file.path} has {narrow[place]} at channel {channel}, "
            f"frame {frame}; extract them anew, or take the video off the list"
        )
