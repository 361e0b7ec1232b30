"""How long it takes from a frame to who is told of it, how many bytes that is, and what they cost.

Everything is a real one on loopback: mosquitto and a subscriber, a server of HTTP. The clip is played as a
camera would. All of it is in this process, so that one clock tells: elsewhere nobody hears later.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from actfusion_stream.engine.engine import Engine
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.engine.timeline import Tick
from actfusion_stream.events.reading import Reader
from actfusion_stream.receivers.opening import open_events
from actfusion_stream.runner import run
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import Frame

from .broker import Broker, Subscriber
from .servers import free_port

PERCENTILES = (50, 95, 99)
_SLOW = 2.0  # seconds that a slow webhook takes for an answer


@dataclass(frozen=True)
class Way:
    """A run, and what came of it.

    Attributes:
        name: who was told.
        frames, dropped, ticks: of the stream.
        predicted: milliseconds from a frame's arrival to its tick, in three percentiles.
        told: from there to whoever was told of the tick; () if nobody was.
        warnings: what did not arrive.
    """

    name: str
    frames: int
    dropped: int
    ticks: int
    predicted: tuple[float, ...]
    told: tuple[float, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Bytes:
    """What an hour of events takes.

    Attributes:
        now: bytes, as written.
        repeating: of the same, if each tick told its whole open past in JSON with spaces, as in version 1.
    """

    now: float
    repeating: float


class _Arrivals(Sink):
    """Notes when the newest frame of each tick arrived, by its time."""

    def __init__(self) -> None:
        self.of: dict[float, float] = {}

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        if tick is not None and tick.seen_until == frame.time:
            self.of[round(frame.time, 3)] = frame.arrived


class _Hook(ThreadingHTTPServer):
    """Takes what is posted, and notes when it came."""

    daemon_threads = True

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.heard: list[tuple[bytes, float]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((body, time.perf_counter()))
        time.sleep(self.server.seconds)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: it would be a line a record."""


def ways(clip: Path, folder: Path, engine: Engine) -> Iterator[Way]:
    """Watch a clip once for each receiver.

    Args:
        clip: a video file.
        folder: for files of the broker.
        engine: what watches.
    """
    yield _watch("nobody", clip, engine, [])
    with ExitStack() as held:
        broker = held.enter_context(Broker(folder))
        subscriber = held.enter_context(Subscriber(broker.port, "kitchen"))
        way, arrivals = _timed("MQTT subscriber", clip, engine, f"mqtt://127.0.0.1:{broker.port}/kitchen")
        heard = [(message.body, message.at) for message in subscriber.until("kitchen/summary")]
        yield _told(way, heard, arrivals)
    for name, seconds in (("webhook", 0.0), (f"webhook that takes {_SLOW:.0f} s", _SLOW)):
        hook = _Hook(seconds)
        way, arrivals = _timed(name, clip, engine, f"http://127.0.0.1:{hook.server_port}/")
        yield _told(way, list(hook.heard), arrivals)
        hook.shutdown()
        hook.server_close()
    yield _watch("broker that is away", clip, engine, [f"mqtt://127.0.0.1:{free_port()}/kitchen"])


def bytes_an_hour(clip: Path, folder: Path, engine: Engine) -> Bytes:
    """How much is written of a clip, by the hour."""
    log = folder / "events.jsonl"
    with open_stream(clip, engine=engine) as stream:
        run(stream, [open_events(log)])
    reader, now, repeating = Reader(), 0, 0
    for line in log.read_bytes().splitlines():
        event = json.loads(line)
        reader.read(event)
        now += 0 if event["type"] in ("header", "summary") else len(line) + 1  # these do not grow by the hour
        if event["type"] == "tick":
            past = reader.past[event["past"]["settled"] :]
            event = {key: value for key, value in event.items() if key not in ("source", "utc", "number")}
            repeating += len(json.dumps({**event, "past": past})) + 1
    hours = stream.stats.seen / 3600
    return Bytes(now / hours, repeating / hours)


def _timed(name: str, clip: Path, engine: Engine, address: str) -> tuple[Way, dict[float, float]]:
    arrivals = _Arrivals()
    return _watch(name, clip, engine, [address], arrivals), arrivals.of


def _watch(
    name: str, clip: Path, engine: Engine, addresses: Sequence[str], arrivals: _Arrivals | None = None
) -> Way:
    sinks = [open_events(address) for address in addresses]
    with open_stream(clip, engine=engine, realtime=True) as stream:
        outcome = run(stream, [*sinks, *([arrivals] if arrivals else [])])
    stats = stream.stats
    predicted = tuple(stats.latency(percentile) for percentile in PERCENTILES)
    return Way(name, stats.frames, stats.dropped, stats.ticks, predicted, (), outcome.warnings)


def _told(way: Way, heard: Sequence[tuple[bytes, float]], arrivals: dict[float, float]) -> Way:
    """With how long it took to whoever heard of the ticks."""
    took = []
    for body, at in heard:
        if body.startswith(b'{"type":"tick"'):
            took.append(1000 * (at - arrivals[json.loads(body)["seen_until"]]))
    told = tuple(float(value) for value in np.percentile(took, PERCENTILES)) if took else ()
    return Way(way.name, way.frames, way.dropped, way.ticks, way.predicted, told, way.warnings)
