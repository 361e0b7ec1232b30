"""Containers of video and sound: opened, or refused in one line, and what their readers have to agree on."""

from __future__ import annotations

import errno
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.opening import MAX_PIXELS, open_file

if TYPE_CHECKING:
    import av.container
    from av.audio.stream import AudioStream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

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
        container = open_file(path)
    except StreamError as error:
        raise StreamError(f"{path}: {error}") from None
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
    """The video and the audio streams that can be decoded, those first that a player would choose.

    Cover pictures and thumbnails are no video. Players take the stream that the file marks as the default;
    among equals the one with more bits a second, or else with larger pictures.
    """
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    impaired = Disposition.visual_impaired | Disposition.hearing_impaired

    def rank(stream: VideoStream | AudioStream) -> tuple[bool, bool, int]:
        return (
            bool(stream.disposition & Disposition.default),
            not stream.disposition & impaired,
            stream.bit_rate or 0,
        )

    def known(stream: VideoStream | AudioStream) -> bool:
        return stream.codec_context is not None

    videos = [s for s in container.streams.video if known(s) and s.width and not s.disposition & still]
    videos.sort(key=lambda s: (s.frames != 1, *rank(s), s.width * s.height), reverse=True)
    sounds = sorted(filter(known, container.streams.audio), key=rank, reverse=True)
    return videos, sounds


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
