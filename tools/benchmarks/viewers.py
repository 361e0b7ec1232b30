"""The page: from a frame's arrival to a browser's screen, and what its viewers do to the stream.

A kitchen is played like a camera and watched by the bundled model. One viewer is a real Chromium, which takes
its part of this machine; the others read what it reads, in a process of their own, for sixteen browsers on
one machine would measure themselves. Of the browser counts when a frame of its screen has the picture, or
the words of the tick: both clocks are this machine's.

What viewers do to the stream is measured without a model: the CPU of the page, and how long its sink keeps
the stream's thread.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from actfusion_stream import Engine, open_stream, run
from actfusion_stream.engine.stats import Stats
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import Frame, SourceInfo

from .rows import Row, Setting

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from actfusion_stream.page.server import PageServer

_SEED = 10_007  # of a kitchen that the bundled model has not seen
_SECONDS = 20  # of a round: thirty rounds are ten minutes
_BROWSER = (1, 4, 16)  # viewers, one of whom is a browser
_ELSEWHERE = (
    (0, 0),
    (1, 0),
    (4, 0),
    (16, 0),
    (3, 1),
)  # viewers who read, and who have asked and take nothing
_RATE = 15  # frames a second
# At every frame of the screen: what it shows that it has not shown before, and when.
_NOTE = """() => {
  window.shown = { picture: {}, words: {} };
  const note = () => {
    const now = (performance.timeOrigin + performance.now()) / 1000;
    const { time } = document.getElementById("canvas").dataset, { seen } = document.body.dataset;
    if (time) window.shown.picture[Number(time).toFixed(3)] ??= now;
    if (seen) window.shown.words[Number(seen).toFixed(3)] ??= now;
    requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""


# Viewers that read all there is, or ask and take nothing, each as a browser does: pictures and events.
_OTHERS = """
import selectors, socket, sys
port, quick, stalled = map(int, sys.argv[1:])
selector, kept = selectors.DefaultSelector(), []
for number in range(quick + stalled):
    for path in ("/picture.mjpg", "/events"):
        kept.append(socket.create_connection(("127.0.0.1", port)))
        kept[-1].sendall(f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
        if number < quick:
            selector.register(kept[-1], selectors.EVENT_READ)
print("connected", flush=True)
while True:
    for key, _ in selector.select(10):
        if not key.fileobj.recv(1 << 18):
            selector.unregister(key.fileobj)
"""


@dataclass
class _Found:
    """Of one number of viewers, all rounds together.

    Attributes:
        delays: seconds from arrival to screen, of pictures and of words.
        frames, dropped, skipped: of the source, and pictures that viewers did not take.
    """

    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    frames: int = 0
    dropped: int = 0
    skipped: int = 0


class _Arrivals(Sink):
    """When each frame arrived, in seconds since the epoch, by its time as the page has it."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self.at[f"{frame.time:.3f}"] = time.time() - (time.perf_counter() - frame.arrived)


def viewer_rows(setting: Setting) -> Iterator[Row]:
    """No rows where there is no chromium to look with."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return
    from playwright.sync_api import sync_playwright

    counts = _BROWSER[:1] if setting.small else _BROWSER
    found = {count: _Found() for count in counts}
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ) as browser,
    ):
        clip = Path(name, "kitchen.mp4")
        size = (160, 120) if setting.small else (640, 480)
        write_video(
            Kitchen(_SEED, seconds=4 if setting.small else _SECONDS, size=size), clip, Fraction(_RATE)
        )
        engine = Engine.load(device=setting.device.type)
        for _ in range(setting.rounds):
            for count in counts:
                page = browser.new_page()
                _watch(clip, engine, count, page, found[count])
                page.close()
    for what in ("picture", "words"):
        for count in counts:
            one = found[count]
            late = " and ".join(f"p{p} {np.percentile(one.delays[what], p):.3f} s" for p in (95, 99))
            dropped = f"{one.dropped} of {one.frames + one.dropped} frames dropped"
            note = f"{late}, of {len(one.delays[what])}; {dropped}, {one.skipped} pictures not taken"
            median = float(np.median(one.delays[what]))
            yield Row(
                f"arrival to screen, {what}, viewers: {count}, one in a browser", "", None, median, None, note
            )
    yield from _stream_rows(setting)


def _stream_rows(setting: Setting) -> Iterator[Row]:
    """What the page costs the stream: of a second at 15 frames of 640x480 and four ticks."""
    from actfusion_stream.page.address import Address
    from actfusion_stream.page.server import PageServer

    frames = _RATE * (1 if setting.small else _SECONDS) * setting.rounds
    small = np.random.default_rng(0).integers(0, 255, (45, 60, 3), np.uint8)
    image = cv2.resize(small, (640, 480), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    segment = Segment("background", 0.0, 60.0, 0.9)
    for quick, stalled in _ELSEWHERE:
        with PageServer(Address("127.0.0.1", 0)) as server, _others(server, quick, stalled):
            source = SourceInfo("frames", 640, 480, None, float(_RATE), live=True, has_audio=False)
            sink = server.sink()
            sink.start(StreamInfo(source, "none", "", ("background",), 0.0, Stats()))
            kept, used, began = [], time.process_time(), time.perf_counter()
            for number in range(frames):
                called = time.perf_counter()
                if number % 4 == 0:
                    sink.tick(Tick(number / _RATE, number / _RATE, (segment,), (segment,)))
                sink.frame(Frame(number / _RATE, image, number, called), None)
                kept.append(1000 * (time.perf_counter() - called))
                time.sleep(max(0.0, began + (number + 1) / _RATE - time.perf_counter()))
            cpu = (time.process_time() - used) / (time.perf_counter() - began)
            late = ", ".join(f"p{p} {np.percentile(kept, p):.2f} ms" for p in (50, 95, 99))
            note = f"a frame keeps the stream {late}; {server.board.skipped} pictures not taken"
            who = f"{quick}, and {stalled} stalled" if stalled else f"{quick}"
            yield Row(f"CPU of the page a second, viewers: {who}", "", None, cpu, None, note)


def _watch(clip: Path, engine: Engine, count: int, page: Page, found: _Found) -> None:
    """One round: the stream in a thread, for the browser is driven from this one."""
    from actfusion_stream.page.address import Address
    from actfusion_stream.page.server import PageServer

    arrivals = _Arrivals()
    counted: list[Stats] = []
    with PageServer(Address("127.0.0.1", 0)) as server, _others(server, count - 1, 0):

        def stream() -> None:
            with open_stream(clip, engine=engine, realtime=True) as stream:
                counted.append(stream.stats)
                run(stream, [server.sink(), arrivals])

        page.goto(server.url)
        page.evaluate(_NOTE)
        thread = threading.Thread(target=stream)
        thread.start()
        while thread.is_alive():
            page.wait_for_timeout(200)  # its messages are read meanwhile
        page.wait_for_timeout(500)
        shown = page.evaluate("() => window.shown")
        found.skipped += server.board.skipped
    for what, times in shown.items():
        found.delays[what] += [
            at - arrivals.at[seconds] for seconds, at in times.items() if seconds in arrivals.at
        ]
    (stats,) = counted
    found.frames += stats.frames
    found.dropped += stats.dropped


@contextlib.contextmanager
def _others(server: PageServer, quick: int, stalled: int) -> Iterator[None]:
    """So many more viewers, in a process of their own."""
    port = server.url.rstrip("/").rpartition(":")[2]
    command = (sys.executable, "-c", _OTHERS, port, str(quick), str(stalled))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # they are connected
        yield
        process.kill()
