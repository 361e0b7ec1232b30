"""Containers of video and sound: opened, or refused in one line, and what their readers have to agree on."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError

if TYPE_CHECKING:
    import av.container
    from av.audio.stream import AudioStream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Of one picture, four times 4K: a header may claim any size, and memory would be taken for it.
MAX_PIXELS = 2**25
# Further back in time than a stray time stamp goes: another recording begins.
RESTART_SECONDS = Fraction(1)
# What a file may be refused for whatever is in it; FFmpeg has many numbers for contents that make no sense.
_NOT_ITS_FAULT = {errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENXIO}


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file with PyAV, or say in one line why that cannot be done.

    Args:
        path: the file.

    Returns:
        The open container. Text files and single pictures, which FFmpeg would animate, are refused.

    Raises:
        StreamError: there is no such file, or it is none that FFmpeg can read.
    """
    import av

    if not path.exists():
        raise StreamError(f"{path}: no such file")
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; give a video file")
    if path.is_file() and path.stat().st_size == 0:
        raise StreamError(f"{path}: the file is empty (0 bytes)")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        if error.errno in _NOT_ITS_FAULT:
            raise StreamError(f"{path}: cannot be opened ({error.strerror})") from error
        raise StreamError(
            f"{path}: not a video that can be read, or a recording cut off before its index was written"
        ) from error
    kind = container.format.name
    if kind in ("tty", "image2") or kind.endswith("_pipe"):
        container.close()
        raise StreamError(f"{path}: is {'text' if kind == 'tty' else 'a picture'}, not a video")
    return container


def playable_streams(container: av.container.InputContainer) -> tuple[list[VideoStream], list[AudioStream]]:
    """The video and the audio streams of a container, without cover pictures."""
    from av.stream import Disposition

    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return videos, list(container.streams.audio)


def start_of(container: av.container.InputContainer) -> Fraction:
    """Timestamp, in seconds, at which a player shows 0:00: where the first of the streams starts.

    The container's own `start_time` says the same, rounded to microseconds; exact fractions let timestamps go
    through the program and come out unchanged. Where no stream says where it starts, it is 0, as for players.
    """
    videos, sounds = playable_streams(container)
    return min(
        (s.start_time * s.time_base for s in (*videos, *sounds) if s.start_time is not None and s.time_base),
        default=Fraction(0),
    )


def check_size(picture: VideoStream | VideoFrame) -> None:
    """Raises: StreamError if the pictures are larger than `MAX_PIXELS`."""
    if picture.width * picture.height > MAX_PIXELS:
        raise StreamError(
            f"its pictures are {picture.width}x{picture.height}; they may have {MAX_PIXELS} pixels at most"
        )


def quarter_turns(picture: VideoFrame) -> int:
    """Quarter turns to the left that bring a picture upright, as the recording phone noted beside it."""
    return round(picture.rotation / 90) % 4
