"""Where the page is served, to whom, and under which names: nothing beyond this machine without a token."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from actfusion_stream.errors import StreamError

_LOOPBACK = "127.0.0.1"
_SHORTEST_TOKEN = 16  # characters: of those that are made, 22 hold 128 bits
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")  # what stands in an address and in a cookie as it is


@dataclass(frozen=True)
class Address:
    """Where to listen.

    Attributes:
        host: name or number.
        port: 0 takes a free one.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`8000`, `0.0.0.0:8000`, `[::1]:8000`.

        Raises:
            ValueError: it is none of these; the message says what would work.
        """
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError("give PORT or HOST:PORT, e.g. 8000 or [::1]:8000")
        if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII) or int(port) > 65535 or bool(colon) != bool(host):
            raise ValueError("give PORT or HOST:PORT with a port from 0 to 65535, e.g. 8000 or 0.0.0.0:8000")
        return cls(host or _LOOPBACK, int(port))

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True)
class Access:
    """Who may see the page, and whether it is encrypted on its way.

    Attributes:
        token: what a viewer has to bring along; None for nothing.
        certificate, key: PEM files; None for plain HTTP, and where the certificate's file has the key, too.
    """

    token: str | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if self.token is not None:
            check_token(self.token)

    @property
    def scheme(self) -> str:
        return "http" if self.certificate is None else "https"


def check_token(token: str) -> str:
    """The token itself, if it is one that nobody guesses; it is not in the message.

    Raises:
        StreamError: it is short, or would have to be quoted.
    """
    if len(token) < _SHORTEST_TOKEN or not _TOKEN.fullmatch(token):
        raise StreamError(
            f"the token of the page: give at least {_SHORTEST_TOKEN} letters, digits, dots, dashes, e.g. "
            f"{new_token()}"
        )
    return token


def new_token() -> str:
    """One that nobody guesses."""
    return secrets.token_urlsafe(16)


def listen(address: Address, send_buffer: int) -> socket.socket:
    """A socket that listens there.

    Args:
        address: where.
        send_buffer: bytes that wait in the system for a viewer who does not take them.

    Raises:
        StreamError: nothing can listen there.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, _, _, _, place = found[0]
        listening = socket.create_server(place[:2], family=family)
    except (OSError, UnicodeError) as error:
        number = getattr(error, "errno", None) or 0
        why = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or "no such host"
        advice = "another port" if number in (errno.EADDRINUSE, errno.EACCES) else "another address"
        raise StreamError(f"--serve {address}: cannot listen there ({why}); give {advice}") from error
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # who connects inherits it
    return listening


def is_loopback(listening: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def shown_host(listening: socket.socket, host: str) -> str:
    """What to type into a browser to get there; of a socket that listens everywhere, how others call it."""
    if ipaddress.ip_address(listening.getsockname()[0]).is_unspecified:
        host = _own_number() or socket.gethostname()
    return _bracketed(host)


def answers_to(name: str, host: str) -> bool:
    """Whether a browser may call us so.

    A page from elsewhere can have its own name lead to this machine (DNS rebinding), and would then be taken
    for ours. It cannot do so with a number, nor with a name that was ours before.

    Args:
        name: of the request's Host header, with or without a port.
        host: that was given to listen on.
    """
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?", name)
    if found is None:
        return False
    called = found[1].strip("[]").lower().rstrip(".")
    own = socket.gethostname().lower()
    if called in {"localhost", host.lower(), own, f"{own.partition('.')[0]}.local"}:
        return True
    try:
        ipaddress.ip_address(called)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _own_number() -> str | None:
    """The address from which this machine would reach others; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # of no machine: RFC 5737
            return str(probe.getsockname()[0])
    except OSError:
        return None
