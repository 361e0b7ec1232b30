"""A server of weights that breaks off, lies about lengths, or serves other bytes."""

from __future__ import annotations

import hashlib
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from actfusion_stream.weights import catalogue
from actfusion_stream.weights.catalogue import WeightFile

PAYLOAD = os.urandom(700_001)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
NAME = "i3d-rgb"


class Server(ThreadingHTTPServer):
    """A server on loopback, with the faults that its test asks for.

    Attributes:
        payload: the file.
        break_after: bytes after which each answer breaks off.
        declared: Content-Length instead of the true one; None for the true one, -1 for none at all.
        ranges: whether it knows how to go on.
        heeds: whether it goes on only with the version that it is asked for.
        status: instead of 200.
        etag: the version; None for none. etag_of_rest: what it says of the version where it goes on.
        moved_to: where it sends whoever asks.
        asked: the Range header of every request.
    """

    payload = PAYLOAD
    break_after: int | None = None
    declared: int | None = None
    ranges = True
    heeds = True
    status = 200
    moved_to: str | None = None
    etag: str | None = '"one"'
    etag_of_rest: str | None = '"one"'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models/rgb_imagenet.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        if server.moved_to is not None:
            self.send_response(302)
            self.send_header("Location", server.moved_to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, etag = 0, server.etag
        same = not server.heeds or self.headers.get("If-Range", etag) == etag
        if wanted and server.ranges and same:
            etag = server.etag_of_rest
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(server.payload):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.payload)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(server.payload) - 1}/{len(server.payload)}"
            )
        else:
            self.send_response(200)
        body = server.payload[start:]
        if server.declared != -1:
            self.send_header("Content-Length", str(len(body) if server.declared is None else server.declared))
        if etag is not None:
            self.send_header("ETag", etag)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: server.break_after])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def publish(monkeypatch: pytest.MonkeyPatch, *, address: str, **known: object) -> None:
    """Make the weights of `NAME` come from an address."""
    weight = WeightFile(NAME, address, "Apache-2.0", **known)  # type: ignore[arg-type]
    monkeypatch.setitem(catalogue.WEIGHTS, NAME, weight)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")
