"""Video by address: HTTP(S), HLS, RTSP, RTMP, SRT, TCP and UDP, through PyAV.

What has a length is read like a file; the rest is live. An address may hold a password or a token: nothing
but its `redacted` form is ever shown, logged or written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.containers import MAX_PIXELS, check_size, playable_streams, quarter_turns
from actfusion_stream.sources.video_file import VideoFile

if TYPE_CHECKING:
    import av.container

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "tcp", "udp", "rtp")
_OPEN_SECONDS, _READ_SECONDS = 10.0, 5.0  # PyAV's own limits, so that abandoned threads end soon
_PROBE_MICROSECONDS = "1500000"  # of a stream are looked at before it begins
# What a playlist from the network may point to: no files of this machine.
_PROTOCOLS = "http,https,httpproxy,tls,tcp,udp,rtp,rtsp,rtmp,rtmps,srt,crypto,data,hls"


def is_address(source: object) -> bool:
    """Whether it is an address rather than the path of a file."""
    return isinstance(source, str) and "://" in source


def redacted(address: str) -> str:
    """The address without user, password, query and fragment.

    Where an "@" stands behind the host, a password may have been given with a slash in it: then nothing but
    the scheme is shown.
    """
    scheme, _, rest = address.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = place.partition("/")
    if "@" in path:
        return f"{scheme}://…"
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def open_container(address: str) -> av.container.InputContainer:
    """Open an address with PyAV.

    Raises:
        StreamError: it cannot be reached, or sends no video; the message is without the address.
    """
    import av

    scheme = address.partition(":")[0].lower()
    if scheme not in SCHEMES:
        raise StreamError(f"addresses of the kind {scheme}:// are not known; there are {', '.join(SCHEMES)}")
    options = {
        "protocol_whitelist": _PROTOCOLS,
        "analyzeduration": _PROBE_MICROSECONDS,
        "max_pixels": str(MAX_PIXELS),
    }
    if scheme.startswith("rtsp"):
        options["rtsp_transport"] = "tcp"  # UDP loses packets without saying so
    try:
        return av.open(
            address, options=options, timeout=(_OPEN_SECONDS, _READ_SECONDS), metadata_errors="replace"
        )
    except av.error.InvalidDataError as error:
        raise StreamError("what it sends is no video that can be read") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise StreamError(f"cannot be reached ({why})") from error


def open_web(address: str) -> VideoFile | Callable[[], NetworkConnection]:
    """What is at an address of the web: a video with a length, or else what connects to a live one.

    The first connection is the one made here: some cameras accept a single viewer.

    Raises:
        StreamError: it cannot be reached, or is no video.
    """
    name = redacted(address)
    try:
        container = open_container(address)
    except StreamError as error:
        raise StreamError(f"{name}: {error}") from error
    if container.duration and container.duration > 0:
        return VideoFile(name, container)
    made = [container]
    return lambda: NetworkConnection(address, made.pop() if made else None)


class NetworkConnection:
    """A live stream at an address.

    Args:
        address: where it is.
        container: of it, if it has been opened already.

    Raises:
        StreamError: it cannot be reached, or sends no video.
    """

    def __init__(self, address: str, container: av.container.InputContainer | None = None) -> None:
        self._container = container or open_container(address)
        try:
            videos, _ = playable_streams(self._container)
            if not videos:
                raise StreamError("sends no video")
            self._stream = videos[0]
            check_size(self._stream)
        except BaseException:
            self._container.close()
            raise
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = float(rate) if rate else None

    def pictures(self) -> Iterator[tuple[float | None, np.ndarray]]:
        import av

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                if isinstance(error, (av.error.ExitError, av.error.TimeoutError)):
                    raise StreamError(f"silent for {_READ_SECONDS:g} s") from error
                raise StreamError(f"broke off ({error.strerror})") from error
            if packet is None:
                return
            try:
                pictures = self._stream.decode(packet)
            except av.error.FFmpegError:
                continue  # packets before the first key picture, and damaged ones
            for picture in pictures:
                check_size(picture)
                sent = None
                if picture.pts is not None and picture.time_base is not None:
                    sent = float(picture.pts * picture.time_base)
                image = np.rot90(picture.to_ndarray(format="rgb24"), quarter_turns(picture))
                yield sent, np.ascontiguousarray(image, np.uint8)

    def close(self) -> None:
        self._container.close()
