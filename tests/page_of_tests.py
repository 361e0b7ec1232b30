"""A page with something on it, without a model: frames, a tick, an end."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sample_moment import CLASSES, SEVERAL
from sinks_of_tests import beginning, end

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.page.address import Access, Address
from actfusion_stream.page.server import PageServer
from actfusion_stream.page.sink import PageSink
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import open_source

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

KITCHEN = SourceInfo("kitchen.mp4", 320, 240, 90.0, 15.0, live=True, has_audio=False)


@contextlib.contextmanager
def served(port: int = 0, access: Access | None = None, host: str = "127.0.0.1") -> Iterator[PageServer]:
    for module in ("starlette", "uvicorn"):
        pytest.importorskip(module, reason="pip install '.[serve]'")
    with PageServer(Address(host, port), access) as server:
        yield server


def put_up(
    server: PageServer, source: SourceInfo = KITCHEN, classes: tuple[str, ...] = tuple(CLASSES)
) -> PageSink:
    """Begin a stream on the page."""
    sink = server.sink()
    sink.start(beginning(source, classes))
    return sink


def show(sink: PageSink, seconds: float = 41.0, tick: Tick | None = SEVERAL, side: int = 240) -> None:
    """A tick, and a frame whose red says its time: as many levels as seconds."""
    if tick is not None:
        sink.tick(tick)
    image = np.full((side, side * 4 // 3, 3), (round(seconds) % 256, 90, 140), np.uint8)
    sink.frame(Frame(seconds, image, 0, time.perf_counter()), tick)


def finish(sink: PageSink) -> None:
    sink.end(interrupted=False)
    sink.finish(SEVERAL.past, end())


def finish_file(server: PageServer, video: Path) -> None:
    """Six seconds with two actions; while it ran it was said that the first goes on."""
    again = partial(open_source, video, start=0.0, duration=None)
    with again() as source:
        info = replace(beginning(source.info, ("cut_tomato", "mix")), again=again)
        sink = server.sink()
        sink.start(info)
        for frame in source:
            at = frame.time
            past = (Segment("cut_tomato", 0, max(at, 0.1), 0.75),)
            future = (Segment("cut_tomato", at, at + 2, 0.7), Segment("mix", at + 2, at + 4, 0.6))
            sink.tick(Tick(at, at, past, future))
            sink.frame(frame, None)
    sink.end(interrupted=False)
    segments = (Segment("cut_tomato", 0, 3, 0.9), Segment("mix", 3, 6, 0.8))
    sink.finish(segments, replace(end(), segments=segments))


def port_of(server: PageServer) -> int:
    return int(server.url.rstrip("/").rpartition(":")[2])


def ask(
    server: PageServer, path: str = "/", method: str = "GET", **headers: str
) -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    with contextlib.closing(connection):
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1"), answer.headers


@contextlib.contextmanager
def stream_of(server: PageServer, path: str) -> Iterator[http.client.HTTPResponse]:
    """An answer without an end, to read from."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        yield answer


def records(answer: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    for line in answer:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def jpegs(answer: http.client.HTTPResponse) -> Iterator[tuple[float, bytes]]:
    """Seconds and data of each picture."""
    while True:
        answer.readline()  # the boundary
        head = http.client.parse_headers(answer)  # type: ignore[arg-type]
        yield float(head["X-Time"]), answer.read(int(head["Content-Length"]))
        answer.readline()


@contextlib.contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[Page]:
    """An empty page of its own; what it complains of fails the test."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(8_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None
    )
    yield page
    context.close()
    assert not wrong, wrong
