"""HLS playlists as texts: what they lead to, and the limits that FFmpeg does not have.

FFmpeg follows a playlist for as long as it goes on, in memory as in requests, and a playlist of playlists
into every one that it names. So it is given none that has not been looked at here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from actfusion_stream.shown import is_address

# Of a playlist. One of a day, in segments of two seconds, has 2 MB, and takes 32 MB of memory.
MAX_BYTES = 8 << 20
# Of the addresses in it, written out in full, as FFmpeg keeps them. In as many lines as possible, 20 MB of
# them take 176 MB.
MAX_ADDRESSES = 32 << 20
_ON_THE_WEB = ("http", "https", "data")  # "data" holds a key itself
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_ATTRIBUTE = re.compile(r'(URI=")([^"]*)(")')


class PlaylistError(Exception):
    """It is not followed; the message is the end of a line that says why, without an address."""


def is_playlist(head: bytes) -> bool:
    """Whether a file that begins so is an HLS playlist."""
    return head.startswith(b"#EXTM3U")


def is_master(text: str) -> bool:
    """Whether it names other playlists, not segments."""
    return "#EXT-X-STREAM-INF" in text


def has_ended(text: str) -> bool:
    """Whether nothing will be added to it."""
    return "#EXT-X-ENDLIST" in text


def on_the_web(text: str, base: str, playlists: Collection[str] = ()) -> tuple[str, list[str]]:
    """The playlist with its addresses written out, and these.

    Args:
        text: the playlist, its bytes taken as Latin-1.
        base: the address it came from.
        playlists: what it may not lead to.

    Raises:
        PlaylistError: it leads away from the web, in a circle, or to more than MAX_ADDRESSES.
    """
    found: list[str] = []
    size = 0
    try:
        beside = urljoin(base, "x")[:-1]
    except ValueError:
        beside = base

    def absolute(address: str) -> str:
        nonlocal size
        if _PLAIN.fullmatch(address):  # which nearly all are, and it takes a tenth of the time
            full = beside + address
        else:
            full = _joined(base, address)
        if full in playlists:
            raise PlaylistError("its playlist leads to itself")
        size += len(full)
        if size > MAX_ADDRESSES:
            raise PlaylistError(f"its playlist has more than {MAX_ADDRESSES >> 20} MB of addresses")
        found.append(full)
        return full

    return "\n".join(_replaced(line, absolute) for line in text.split("\n")), found


def _joined(base: str, address: str) -> str:
    try:
        full = urljoin(base, quote(address, safe="!#$%&'()*+,/:;=?@[]~|", encoding="latin-1"))
        scheme = urlsplit(full).scheme
    except ValueError:
        raise PlaylistError("its playlist has an address that is none") from None
    if scheme not in _ON_THE_WEB:
        raise PlaylistError("its playlist leads to what is not on the web, which is not followed")
    return full


def check_beside(text: str, base: Path, folder: Path) -> None:
    """Make sure that a playlist on a disk leads to files of its folder only, and that they are there.

    Args:
        text: the playlist.
        base: the folder that it lies in.
        folder: what it may lead to: the files here, and further within.

    Raises:
        PlaylistError: it leads elsewhere.
    """

    def beside(name: str) -> str:
        inside(name, base, folder)
        return name

    for line in text.split("\n"):
        _replaced(line, beside)


def inside(name: str, base: Path, folder: Path) -> Path:
    """The file that a playlist in `base` calls `name`, if it lies in `folder` or further within.

    Raises:
        PlaylistError: it lies elsewhere, or is not there.
    """
    try:
        path = (base.resolve() / name.removeprefix("file:")).resolve()
        found = path.is_file()
    except (OSError, ValueError, RuntimeError):
        found = False
    if not found:
        what = "an address" if is_address(name) else name[:80]
        raise PlaylistError(f"is a playlist that leads to {what}; only files beside it are followed")
    if not path.is_relative_to(folder.resolve()):
        raise PlaylistError("is a playlist that leads out of its folder, which is not followed")
    return path


def _replaced(line: str, replace: Callable[[str], str]) -> str:
    """The line, with what it leads to replaced."""
    if not line.strip():
        return line
    if not line.startswith("#"):
        return replace(line.rstrip())
    if not line.startswith("#EXT"):
        return line
    return _ATTRIBUTE.sub(lambda found: found[1] + replace(found[2]) + found[3], line)
