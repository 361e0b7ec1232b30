"""What may be shown of names and addresses: one line, harmless on a terminal, and without secrets.

An address may hold a password or a key anywhere: before the host, in the query, in a part of the path, and in
ways that only the device at its end understands. What is shown of one is therefore what is known to be
harmless, not what is left when known secrets are taken away.
"""

from __future__ import annotations

import os
import re

SCHEMES = ("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "tcp", "udp", "rtp")

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,15}"
_HOST = re.compile(r"([\w.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}(%\w{1,15})?\])(:[0-9]{1,5})?")
# A word such as "kitchen.mp4" or "live2". What is longer may be a key; what has other signs, anything.
_WORD = re.compile(r"[\w.~-]{1,31}")


def printable(text: str, encoding: str = "utf-8") -> str:
    """`text` in one line, harmless on a terminal: what does not print, or `encoding` lacks, becomes `?`.

    The names of files may hold anything: line breaks, control characters, bytes that are no text.
    """
    shown = "".join(character if character.isprintable() else "?" for character in text)
    return shown.encode(encoding, "replace").decode(encoding)


def is_address(source: object) -> bool:
    """Whether it is an address rather than the path of a file.

    An address with a slip in it, such as rtsp:user:password@host, counts as one, or its password would be
    shown as the name of a file. A file that exists is a file, whatever its name.
    """
    if not isinstance(source, str):
        return False
    if scheme_of(source) in SCHEMES and source[len(scheme_of(source)) :].startswith("://"):
        return True
    slip = "://" in source or scheme_of(source) in SCHEMES or re.search(r":.*@", source, re.DOTALL)
    return bool(slip) and not os.path.lexists(source)


def scheme_of(address: str) -> str:
    """What stands before the first colon, in lower case; "" if that is no scheme."""
    found = re.match(rf"({_SCHEME}):", address)
    return found[1].lower() if found else ""


def redacted(address: str) -> str:
    """What may be shown of an address: scheme, host, port, and the first part of the path if it is a word.

    An "@" behind the host may belong to a password with a slash in it: then only the scheme is shown.
    """
    scheme = scheme_of(address)
    rest = address[len(scheme) + 1 :]
    if not scheme or not rest.startswith("//"):
        return f"{scheme}:…" if scheme in SCHEMES else "…"
    authority, behind = re.fullmatch(r"//([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    host = authority.rpartition("@")[2]
    if "@" in behind or "%40" in rest or not _HOST.fullmatch(host):
        return f"{address[: len(scheme)]}://…"
    first = re.split(r"[/?#]", behind[1:], maxsplit=1)[0] if behind.startswith("/") else ""
    path = "" if not first else f"/{first}" if _WORD.fullmatch(first) else "/…"
    return f"{address[: len(scheme)]}://{host}{path}"
