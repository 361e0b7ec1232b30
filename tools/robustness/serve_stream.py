"""A process that sends a drawn video as a live stream: python serve_stream.py ADDRESS WIDTHxHEIGHT [SECONDS].

Frame n of it, 25 a second, is grey of the level 40 + n, for a while. It answers http, listens on tcp with
?listen=1, sends to udp, and under hls://HOST:PORT serves http://HOST:PORT/live.m3u8.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import threading
import time
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np


def send(
    target: Any, size: str, seconds: float, form: str = "mpegts", options: dict[str, str] | None = None
) -> None:
    """Encode into an address or an object with `write`, at the speed of life."""
    width, height = map(int, size.split("x"))
    with av.open(target, "w", format=form, options=options or {}) as container:
        coding = {"tune": "zerolatency", "preset": "ultrafast", "g": "5"}
        stream = container.add_stream("libx264", rate=25, options=coding)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        began = time.monotonic()
        for index in range(int(25 * seconds)):
            time.sleep(max(0.0, began + index / 25 - time.monotonic()))
            picture = np.full((height, width, 3), 40 + index % 200, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


class Body:
    """What PyAV writes, on its way to a browser."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._file = handler.wfile

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._file.flush()
        return len(data)


def serve_http(address: str, size: str, seconds: float) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            try:
                send(Body(self), size, seconds)
            except (OSError, av.error.FFmpegError):
                self.close_connection = True  # whoever watched has gone

        def log_message(self, format: str, *args: object) -> None:
            pass

    parts = urlsplit(address)
    HTTPServer((parts.hostname or "", parts.port or 0), Handler).serve_forever()


def serve_hls(address: str, size: str, seconds: float) -> None:
    parts = urlsplit(address)
    with tempfile.TemporaryDirectory() as folder:
        quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        handler = functools.partial(quiet, directory=folder)
        server = ThreadingHTTPServer((parts.hostname or "", parts.port or 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = {"hls_time": "0.4", "hls_list_size": "4", "hls_flags": "delete_segments+omit_endlist"}
        send(f"{folder}/live.m3u8", size, seconds, form="hls", options=options)


def main(address: str, size: str, seconds: float = 30.0) -> None:
    if address.startswith("hls"):
        serve_hls(address, size, seconds)
    elif address.startswith("http"):
        serve_http(address, size, seconds)
    else:
        send(address, size, seconds)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(float, sys.argv[3:]))
