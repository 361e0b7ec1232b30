"""The numbers are served at one path, to whoever asks decently; nobody can hold up more than a connection."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from actfusion_stream.engine.stats import Stats
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks import prometheus
from actfusion_stream.sinks.prometheus import Metrics
from actfusion_stream.sources.frames import SourceInfo

pytest.importorskip("prometheus_client", reason="pip install '.[metrics]'")


def about(stats: Stats) -> StreamInfo:
    source = SourceInfo("counter", 4, 2, None, None, live=True, has_audio=False)
    return StreamInfo(source, "bundled", "", ("background",), 0.5, stats)


@pytest.fixture
def stats() -> Stats:
    return Stats(frames=1234, ticks=7)


@pytest.fixture
def port(stats: Stats) -> Iterator[int]:
    ports: list[int] = []
    metrics = Metrics(0, ports.append)
    metrics.start(about(stats))
    yield ports[0]
    metrics.close()


def ask(port: int, method: str = "GET", path: str = "/metrics") -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers


def test_the_numbers_are_served_as_prometheus_reads_them(port: int, stats: Stats) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    stats.drops["stale"] = 3
    status, text, headers = ask(port)
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=")
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["actfusion_frames_total",] == 1234
    assert values["actfusion_ticks_total",] == 7
    assert values["actfusion_drops_total", "stale"] == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics", 200),
        ("GET", "/metrics?name[]=actfusion_frames", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/metrics.html", 404),
        ("GET", "//metrics", 404),
        ("GET", "/favicon.ico", 404),
        ("GET", "/%6detrics", 404),
        ("POST", "/metrics", 405),
        ("DELETE", "/metrics", 405),
        ("OPTIONS", "/metrics", 405),
    ],
)
def test_one_path_and_two_methods(port: int, method: str, path: str, status: int) -> None:
    found, text, headers = ask(port, method, path)
    assert found == status
    assert ("actfusion_frames_total" in text) == (status == 200 and method == "GET")
    assert (int(headers["Content-Length"]) > 0) == (status == 200)


def test_half_open_connections_take_no_threads_and_keep_nobody_out(port: int) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as held:
        for _ in range(100):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x")
        assert ask(port)[0] == 200
        assert threading.active_count() == before
    assert ask(port)[0] == 200


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /metrics HTTP/1.1\r\n"])
def test_a_connection_that_says_nothing_is_closed(
    monkeypatch: pytest.MonkeyPatch, port: int, sent: bytes
) -> None:
    monkeypatch.setattr(prometheus, "_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        assert closed_by_the_other_side(connection)
        assert 0.2 < time.monotonic() - began < 5


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # somebody tries TLS
        b"GET\r\n\r\n",
        b"GET /metrics\r\n\r\n",
        b"GET /metrics HTTP/1.1 or later\r\n\r\n",
        b"GET http://[/metrics HTTP/1.1\r\n\r\n",
        b"\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000,
    ],
)
def test_what_is_no_request_gets_no_numbers(
    port: int, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                said += block
    assert b"actfusion" not in said
    assert said[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 404")
    assert ask(port)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_when_it_is_closed(stats: Stats) -> None:
    ports: list[int] = []
    metrics = Metrics(0, ports.append)
    metrics.start(about(stats))
    with socket.create_connection(("127.0.0.1", ports[0]), timeout=10) as connection:
        connection.sendall(b"GET")
        metrics.close()
        metrics.close()
        assert closed_by_the_other_side(connection)
    assert "metrics" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=10)


def test_a_port_that_is_taken_is_one_line(port: int, stats: Stats) -> None:
    with pytest.raises(StreamError) as error:
        Metrics(port).start(about(stats))
    assert (
        str(error.value)
        == f"--metrics {port}: cannot listen there (Address already in use); give another port"
    )


def closed_by_the_other_side(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
