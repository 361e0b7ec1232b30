"""A web server of videos that breaks off, stalls, lies about lengths, goes away, or never ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[["Handler"], None]


@dataclass
class Served:
    """A file, and what is wrong with how it is served.

    Attributes:
        body: its bytes.
        kind: its media type.
        ranges: the server goes on in the middle.
        length: it says how long the file is.
        break_at: bytes of the file behind which an answer breaks off, once each.
        stall_at: bytes of the file behind which an answer is silent for the seconds given, once each.
        away: answers with 503 after the first break.
        etags: of one answer after the other; the last stays.
    """

    body: bytes
    kind: str = "application/octet-stream"
    ranges: bool = True
    length: bool = True
    break_at: list[int] = field(default_factory=list)
    stall_at: dict[int, float] = field(default_factory=dict)
    away: int = 0
    etags: list[str] = field(default_factory=lambda: ['"one"'])


class VideoServer(ThreadingHTTPServer):
    """Serves on loopback what is in `files`, by path: a `Served`, or a function that answers.

    Attributes:
        files: by path.
        asked: path and Range of every request, in order.
        users: the Authorization header of every request.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, Served | Respond]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.users = files, list[tuple[str, str | None]](), list[str | None]()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # whoever watched has gone


@contextmanager
def serving(**files: Served | Respond) -> Iterator[VideoServer]:
    """A server of files by name, of which "_" stands for "."."""
    with VideoServer({f"/{name.replace('_', '.')}": file for name, file in files.items()}) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


class Handler(BaseHTTPRequestHandler):
    server: VideoServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        path = self.path.partition("?")[0]
        self.server.asked.append((path, self.headers.get("Range")))
        self.server.users.append(self.headers.get("Authorization"))
        file = self.server.files.get(path)
        if file is None:
            self.answer(404, b"")
        elif isinstance(file, Served):
            self._serve(file)
        else:
            file(self)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer; names of headers have "_" for "-"."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _serve(self, file: Served) -> None:
        wanted = self.headers.get("Range")
        size = len(file.body)
        start, end = 0, size
        if file.away and len(self.server.asked) > 1:
            file.away -= 1
            return self.answer(503, b"")
        if wanted and file.ranges:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last) + 1, size) if last else size
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        else:
            self.send_response(200)
        self.send_header("Content-Type", file.kind)
        etag = file.etags.pop(0) if len(file.etags) > 1 else file.etags[0]
        if etag:
            self.send_header("ETag", etag)
        if file.length:
            self.send_header("Content-Length", str(end - start))
        self.send_header("Connection", "close")
        self.end_headers()
        at = start
        for place in sorted({*file.break_at, *file.stall_at}):
            if not at <= place < end:
                continue
            self.wfile.write(file.body[at:place])
            self.wfile.flush()
            at = place
            if place in file.break_at:
                file.break_at.remove(place)
                return
            time.sleep(file.stall_at.pop(place))
        self.wfile.write(file.body[at:end])
