"""Counters and latencies for Prometheus, on loopback."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from actfusion_stream.engine.stats import PERCENTILES, Stats
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.sink import Sink

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_PATH = "/metrics"
_SECONDS = 5.0  # within which a request has to be there, and its answer taken
_MOST_VISITORS = 16  # Prometheus is one; of more, the oldest gives way
_MOST_BYTES = 8192  # of a request
_LOOK = 0.1  # seconds between looks at whether to stop, and at who has to go


class StatsCollector:
    """Hands the numbers of a running stream to prometheus_client whenever somebody asks.

    Args:
        stats: of the stream.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        stats = self._stats
        counts = {
            "frames": stats.frames,
            "features": stats.features,
            "ticks": stats.ticks,
            "gaps": stats.gaps,
        }
        for name, count in counts.items():
            yield CounterMetricFamily(f"actfusion_{name}", f"{name} so far", value=count)
        drops = CounterMetricFamily("actfusion_drops", "what was left out to keep up", labels=["cause"])
        for cause, count in dict(stats.drops).items():  # the stream goes on counting
            drops.add_metric([cause], count)
        yield drops
        yield GaugeMetricFamily("actfusion_seen_until_seconds", "time of the last frame", stats.seen_until)
        yield GaugeMetricFamily("actfusion_speed_ratio", "seconds of source a second", stats.speed)
        latency = GaugeMetricFamily(
            "actfusion_latency_seconds", "from capture, over recent ticks", labels=["stage", "quantile"]
        )
        for stage, percentiles in stats.latencies().items():
            for percentile, milliseconds in zip(PERCENTILES, percentiles.values(), strict=True):
                latency.add_metric([stage, f"{percentile / 100:g}"], milliseconds / 1000)
        yield latency


class Metrics(Sink):
    """Serves the numbers of the stream at http://127.0.0.1:port/metrics while it runs.

    Args:
        port: 0 takes a free one.
        on_start: called with the port once it is served.
    """

    def __init__(self, port: int, on_start: Callable[[int], None] = lambda port: None) -> None:
        self._port, self._on_start = port, on_start
        self._stop: Callable[[], None] = lambda: None

    def start(self, info: StreamInfo) -> None:
        """Begin to serve.

        Raises:
            StreamError: prometheus_client is not installed, or the port is taken.
        """
        try:
            from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        except ImportError as error:
            raise StreamError("--metrics: needs prometheus_client; pip install '.[metrics]'") from error
        registry = CollectorRegistry()
        registry.register(StatsCollector(info.stats))
        try:
            server = _Server(self._port, lambda: generate_latest(registry), CONTENT_TYPE_LATEST)
        except OSError as error:
            raise StreamError(
                f"--metrics {self._port}: cannot listen there ({os.strerror(error.errno or 0)}); "
                "give another port"
            ) from error
        self._stop = server.stop
        self._on_start(server.port)

    def close(self) -> None:
        stop, self._stop = self._stop, lambda: None
        stop()


@dataclass(eq=False)
class _Visitor:
    """Somebody who has connected.

    Attributes:
        deadline: when they have to be gone, on the monotonic clock.
        request: what they have said so far.
        answer: what they have not taken of the answer yet; None before there is one.
    """

    connection: socket.socket
    deadline: float
    request: bytes = b""
    answer: bytes | None = None


class _Server:
    """Answers GET and HEAD of /metrics in one thread, whoever connects, and however they behave.

    Args:
        port: 0 takes a free one.
        text: what to answer.
        kind: its media type.

    Attributes:
        port: on which it listens.

    Raises:
        OSError: it cannot listen there.
    """

    def __init__(self, port: int, text: Callable[[], bytes], kind: str) -> None:
        self._text, self._kind = text, kind
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._visitors: list[_Visitor] = []  # the oldest first
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close every connection; returns when that is done."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        with self._selector, self._socket:
            while not self._stopped.is_set():
                for key, _ in self._selector.select(_LOOK):
                    if key.data is None:
                        self._welcome()
                    elif key.data in self._visitors:  # not shown out for another one just now
                        self._serve(key.data)
                while self._visitors and self._visitors[0].deadline < time.monotonic():
                    self._show_out(self._visitors[0])
            for visitor in list(self._visitors):
                self._show_out(visitor)

    def _welcome(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # whoever it was has gone, or this process has no room for more files
            self._stopped.wait(_LOOK)
            return
        connection.setblocking(False)
        if len(self._visitors) == _MOST_VISITORS:
            self._show_out(self._visitors[0])
        visitor = _Visitor(connection, time.monotonic() + _SECONDS)
        self._visitors.append(visitor)
        self._selector.register(connection, selectors.EVENT_READ, visitor)

    def _show_out(self, visitor: _Visitor) -> None:
        self._visitors.remove(visitor)
        self._selector.unregister(visitor.connection)
        visitor.connection.close()

    def _serve(self, visitor: _Visitor) -> None:
        """Go on with a visitor, as far as that goes without waiting."""
        connection = visitor.connection
        try:
            if visitor.answer:
                visitor.answer = visitor.answer[connection.send(visitor.answer) :]
                if not visitor.answer:
                    connection.shutdown(socket.SHUT_WR)
                    self._selector.modify(connection, selectors.EVENT_READ, visitor)
                return
            block = connection.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        visitor.request += block if visitor.answer is None else b""
        if not block or len(visitor.request) > _MOST_BYTES:
            self._show_out(visitor)
        elif visitor.answer is None and b"\r\n\r\n" in visitor.request:
            # What follows is still read: to close while something is unread would take the answer back.
            visitor.answer = self._answer(visitor.request)
            self._selector.modify(connection, selectors.EVENT_WRITE, visitor)

    def _answer(self, request: bytes) -> bytes:
        status, body = self._decide(request.partition(b"\r\n")[0].decode("latin-1"))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {self._kind}\r\n"
            f"Content-Length: {len(body)}\r\nAllow: GET, HEAD\r\nConnection: close\r\n\r\n"
        )
        return head.encode("latin-1") + (b"" if request.startswith(b"HEAD ") else body)

    def _decide(self, line: str) -> tuple[HTTPStatus, bytes]:
        """The answer to the first line of a request."""
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return HTTPStatus.BAD_REQUEST, b""
        method, target, _ = words
        if target.partition("?")[0] != _PATH:
            return HTTPStatus.NOT_FOUND, b""
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, b""
        try:
            return HTTPStatus.OK, self._text()
        except Exception:  # whoever asked is to know, and the next one may have more luck
            return HTTPStatus.INTERNAL_SERVER_ERROR, b""
