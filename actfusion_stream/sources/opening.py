"""The one place where PyAV opens what is read, each kind with what it may lead to.

FFmpeg follows lists of files, session descriptions and playlists, by default to any address and any file.
Here a file leads nowhere, but that an HLS playlist leads to the files beside it; a pipe leads nowhere; a
stream keeps to its own protocol, and what is on the web to the web, through our own requests.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from actfusion_stream.errors import StreamError
from actfusion_stream.shown import SCHEMES, scheme_of
from actfusion_stream.sources import playlist

if TYPE_CHECKING:
    from io import BufferedReader

    import av.container

MAX_PIXELS = 2**25  # of one picture, four times 4K: a header may claim any size, and memory be taken for it

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0  # PyAV's own limits, so that abandoned threads end soon
_MOST_ENCRYPTED = 256 << 20  # bytes of a segment
_PROBE_MICROSECONDS = "1500000"  # of a stream are looked at before it begins
_LISTS = (b"ffconcat", b"v=0\n", b"v=0\r")  # how scripts and session descriptions begin
# Formats that open further files or addresses, or a device.
_LEAD_ELSEWHERE = {
    "concat", "hls", "dash", "imf", "mlv", "rtp", "rtsp", "sap", "sdp", "vobsub", "webm_dash_manifest",
    "image2", "image2pipe", "alias_pix", "brender_pix",
    "alsa", "fbdev", "kmsgrab", "lavfi", "oss", "video4linux2,v4l2", "x11grab",
}  # fmt: skip
_PROTOCOLS = {
    "rtsp": "rtsp,tcp", "rtsps": "rtsp,rtsps,tls,tcp", "rtmp": "rtmp,tcp", "rtmps": "rtmps,tls,tcp",
    "srt": "srt", "tcp": "tcp", "udp": "udp", "rtp": "rtp,udp",
}  # fmt: skip
# How a format, of those that open connections of their own, is asked for by its scheme.
_OWN_FORMAT = {"rtsp": "rtsp", "rtsps": "rtsp", "rtp": "rtp"}

Follow = Callable[[str, int, dict[str, str]], BinaryIO]


def open_file(path: Path) -> av.container.InputContainer:
    """Open a file.

    Raises:
        StreamError: it is a playlist that leads elsewhere; the message is without its name.
        av.error.FFmpegError: FFmpeg cannot read it.
    """
    import av

    name = f"file:{path}"  # else "a:b.mp4" is a protocol
    if path.is_file():  # a pipe is opened once, and not looked into
        with open(path, "rb") as file:
            head = file.read(16)
        if playlist.is_playlist(head):
            return _open_beside(path)
        _refuse_list(head)
    return av.open(name, options=_within("file"), metadata_errors="replace")


def open_pipe(file: BufferedReader) -> av.container.InputContainer:
    """Open what comes through a pipe.

    Raises:
        StreamError: it leads elsewhere.
        av.error.FFmpegError: FFmpeg cannot read it.
    """
    import av

    head = file.peek(16)
    if playlist.is_playlist(head):
        raise StreamError("is a playlist, of which nobody knows where it lies; give its address, or its file")
    _refuse_list(head)
    return av.open(file, "r", options=_within("none"), metadata_errors="replace")


def open_fetched(
    file: BinaryIO,
    *,
    live: bool,
    form: str | None = None,
    follow: Follow | None = None,
    seconds: float | None = None,
) -> av.container.InputContainer:
    """Open what is fetched from the web by our own requests.

    Args:
        file: it.
        live: it has no end: little of it is looked at before it begins.
        form: FFmpeg's name of the format, None to find out.
        follow: opens what it leads to; None if it may lead nowhere.
        seconds: of waiting, after which FFmpeg is to return; None where it never waits.

    Raises:
        av.error.FFmpegError: FFmpeg cannot read it.
    """
    import av

    options = {**_within("none", *([form] if form else [])), "max_pixels": str(MAX_PIXELS)}
    if live:
        options["analyzeduration"] = _PROBE_MICROSECONDS
    if form == "hls":
        options["http_persistent"] = "0"  # each through `follow`
    return av.open(
        file, "r", format=form, options=options, io_open=follow, timeout=seconds, metadata_errors="replace"
    )


def open_stream(address: str) -> av.container.InputContainer:
    """Open a stream that has a protocol of its own.

    Raises:
        StreamError: there is no such protocol here; the message is without the address.
        av.error.FFmpegError: it cannot be reached, or FFmpeg cannot read it.
    """
    import av

    scheme = scheme_of(address)
    check_scheme(address)
    form = _OWN_FORMAT.get(scheme)
    options = {
        **_within(_PROTOCOLS[scheme], *([form] if form else [])),
        "analyzeduration": _PROBE_MICROSECONDS,
        "max_pixels": str(MAX_PIXELS),
    }
    if form == "rtsp":
        options["rtsp_transport"] = "tcp"  # UDP loses packets without saying so
    limits = (OPEN_SECONDS, READ_SECONDS)
    return av.open(address, options=options, timeout=limits, metadata_errors="replace")


def check_scheme(address: str) -> None:
    """Make sure that an address is one that can be opened here.

    Raises:
        StreamError: its kind is not known, or this PyAV lacks it; the message is without the address.
    """
    scheme = scheme_of(address)
    whole = address[len(scheme) :].startswith("://")
    known = ", ".join(other for other in SCHEMES if _is_built_in(other))
    if scheme not in SCHEMES:
        if scheme and whole:
            raise StreamError(f"addresses of the kind {scheme}:// are not known; there are {known}")
        raise StreamError(f"no such file, and no address, of which there are {known}")
    if not whole:
        raise StreamError(f"no such file, and an address begins with {scheme}://")
    if not _is_built_in(scheme):
        raise StreamError(f"this PyAV is built without {scheme}; there are {known}")


def decrypted(file: BinaryIO, options: dict[str, str]) -> BinaryIO:
    """A segment of HLS in the clear.

    Args:
        file: the segment, of AES-128 in CBC.
        options: FFmpeg's own: "key" and "iv" in hexadecimal.

    Raises:
        av.error.FFmpegError: it cannot be decrypted.
    """
    import av

    limits = {name: value for name, value in options.items() if name in ("key", "iv")}
    limits["protocol_whitelist"] = "crypto,file"
    with tempfile.NamedTemporaryFile() as here:
        while (block := file.read(1 << 16)) and here.tell() < _MOST_ENCRYPTED:
            here.write(block)
        here.flush()
        # The raw demuxer hands on what FFmpeg's own cipher makes of it.
        with av.open(f"crypto:file:{here.name}", "r", format="data", options=limits) as clear:
            return io.BytesIO(b"".join(bytes(packet) for packet in clear.demux()))


class Text(io.BytesIO):
    """A playlist that has been looked at.

    Attributes:
        name: where it came from; what it leads to is reckoned from there.
    """

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text.encode("latin-1"))
        self.name = name


def _refuse_list(head: bytes) -> None:
    if head.startswith(_LISTS):
        raise StreamError("is a list of other files or addresses, which are not followed; give a video")


def _open_beside(path: Path) -> av.container.InputContainer:
    """Open an HLS playlist on a disk, with the files beside it."""
    import av

    folder, refused = path.parent, list[str]()

    def follow(name: str, flags: int, options: dict[str, str]) -> BinaryIO:
        try:
            found = playlist.inside(name, folder, folder)
            with open(found, "rb") as file:
                leads_on = playlist.is_playlist(file.read(16))
            return _playlist_on_disk(found, folder) if leads_on else open(found, "rb")
        except (playlist.PlaylistError, OSError) as error:
            refused.append(str(error))  # what is raised here, PyAV would print
            return io.BytesIO()

    try:
        text = _playlist_on_disk(path, folder)
        options = _within("none", "hls")
        container = av.open(
            text, "r", format="hls", options=options, io_open=follow, metadata_errors="replace"
        )
    except playlist.PlaylistError as error:
        raise StreamError(str(error)) from None
    except av.error.FFmpegError:
        if not refused:
            raise
    else:
        if not refused:
            return container
        container.close()
    raise StreamError(refused[0])


def _playlist_on_disk(path: Path, folder: Path) -> Text:
    with open(path, "rb") as file:
        text = file.read(playlist.MAX_BYTES + 1)
    if len(text) > playlist.MAX_BYTES:
        raise playlist.PlaylistError(f"is a playlist of more than {playlist.MAX_BYTES >> 20} MB")
    playlist.check_beside(text.decode("latin-1"), path.parent, folder)
    # Nothing is added to what lies on a disk: a recorder that was killed has left out the end mark.
    return Text(text.decode("latin-1") + "\n#EXT-X-ENDLIST\n", f"file:{path.resolve()}")


@cache
def _formats() -> tuple[str, ...]:
    import av

    return tuple(sorted(av.formats_available - _LEAD_ELSEWHERE))


def _within(protocols: str, *formats: str) -> dict[str, str]:
    """Options that keep FFmpeg to some protocols, and to formats that lead nowhere, but for `formats`."""
    return {"protocol_whitelist": protocols, "format_whitelist": ",".join((*_formats(), *formats))}


@cache
def _is_built_in(scheme: str) -> bool:
    """Whether FFmpeg has a protocol; nothing is contacted."""
    if scheme in ("http", "https"):
        return True
    import av

    try:
        av.open(
            f"{'tls' if scheme == 'rtsps' else scheme}://127.0.0.1:1", options={"protocol_whitelist": "none"}
        )
    except av.error.ProtocolNotFoundError:
        return False
    except av.error.FFmpegError:
        return True
    return True
