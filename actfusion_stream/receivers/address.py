"""The address of a receiver, taken apart; what is shown of it holds no secret."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from actfusion_stream.errors import StreamError
from actfusion_stream.pipes import STANDARD_OUTPUT
from actfusion_stream.shown import is_address, redacted, scheme_of

SCHEMES = ("mqtt", "mqtts", "http", "https", "tcp", "unix")


def is_file_target(target: str | Path) -> bool:
    """Whether events go to a file, rather than to standard output or to a receiver."""
    text = str(target)
    named = is_address(text) or (scheme_of(text) in SCHEMES and not os.path.lexists(text))
    return text != STANDARD_OUTPUT and not named


def shown_target(target: str | Path) -> str:
    """What may be shown of where events go."""
    return str(target) if is_file_target(target) else Address.parse(str(target)).name


@dataclass(frozen=True)
class Address:
    """Where a receiver is.

    Attributes:
        scheme: one of `SCHEMES`.
        host: name or number; "" of a unix socket.
        port: None where the usual one is meant.
        path: what follows, as a file or a topic is called.
        target: path and query, as HTTP asks for them.
        user, password: None where none is given.
        name: what may be shown of it.
    """

    scheme: str
    host: str
    port: int | None
    path: str = field(repr=False)
    target: str = field(repr=False)
    user: str | None = field(repr=False)
    password: str | None = field(repr=False)
    name: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Take an address apart.

        Raises:
            StreamError: it is none that a receiver can have.
        """
        scheme = scheme_of(text)
        name = f"unix:{urlsplit(text).path}" if scheme == "unix" else redacted(text)
        if scheme not in SCHEMES or not text[len(scheme) :].startswith("://"):
            raise StreamError(f"{name}: events go to a file, -, or to {'://, '.join(SCHEMES)}://")
        try:
            parts = urlsplit(text, allow_fragments=scheme in ("http", "https"))
            port, host = parts.port, parts.hostname or ""
        except ValueError:
            raise StreamError(f"{name}: is no address; its port is a number up to 65535") from None
        if scheme == "unix":
            if host or not parts.path:
                raise StreamError(f"{name}: give the whole path of a socket, e.g. unix:///run/kitchen.sock")
        elif not host:
            raise StreamError(f"{name}: names no host; e.g. {scheme}://robot.local:9000/")
        if scheme == "tcp" and port is None:
            raise StreamError(f"{name}: names no port; e.g. tcp://robot.local:9000")
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(scheme, host, port, unquote(parts.path), target, user, password, name)
