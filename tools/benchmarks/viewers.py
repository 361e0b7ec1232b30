"""The page: from a frame's arrival to a browser's screen, and what its viewers do to the stream.

A kitchen is played like a camera and watched by the bundled model, with no viewer and with several in turns.
One viewer is a real Chromium; the others read what it reads, and are no browsers, of which sixteen on one
machine would measure themselves. Of the browser counts when a frame of its screen has the picture, or the
words of the tick: both clocks are this machine's.
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

import numpy as np

from actfusion_stream import Engine, open_stream, run
from actfusion_stream.engine.stats import PREDICTION, Stats
from actfusion_stream.engine.timeline import Tick
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import Frame

from .rows import Row, Setting

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from actfusion_stream.page.server import PageServer

_SEED = 10_007  # of a kitchen that the bundled model has not seen
_SECONDS = 20  # of a round: thirty rounds are ten minutes
_NOBODY, _STALLED = "nobody watches", "4 viewers, and one who takes nothing"
_VIEWERS = {_NOBODY: 0, "1 viewer": 1, "4 viewers": 4, "16 viewers": 16, _STALLED: 4}
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
    """Of one way, all rounds together.

    Attributes:
        delays: seconds from arrival to screen, of pictures and of words.
        ticks: milliseconds from arrival to prediction, a median a round.
        frames, dropped, skipped: of the source, and pictures that viewers did not take.
    """

    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    ticks: list[float] = field(default_factory=list)
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

    found = {name: _Found() for name in _VIEWERS}
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        contextlib.closing(
            playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        ) as browser,
    ):
        clip = Path(name, "kitchen.mp4")
        size = (160, 120) if setting.small else (640, 480)
        write_video(Kitchen(_SEED, seconds=4 if setting.small else _SECONDS, size=size), clip, Fraction(15))
        engine = Engine.load(device=setting.device.type)
        ways = ["1 viewer"] if setting.small else list(_VIEWERS)
        for _ in range(setting.rounds):
            for way in ways:
                page = browser.new_page()
                _watch(clip, engine, way, page, found[way])
                page.close()
    for what in ("picture", "words"):
        for way in filter(_VIEWERS.get, ways):
            delays = found[way].delays[what]
            late = " and ".join(f"p{p} {np.percentile(delays, p):.3f} s" for p in (95, 99))
            note = f"{late}, of {len(delays)}; {found[way].skipped} pictures not taken"
            yield Row(f"arrival to screen, {what}, {way}", "", None, float(np.median(delays)), None, note)
    for way in ways[1:]:
        ours, plain = found[way], found[_NOBODY]
        note = f"{ours.dropped} of {ours.frames} frames dropped, {plain.dropped} of {plain.frames}"
        alone, beside = (float(np.median(one.ticks)) / 1000 for one in (plain, ours))
        yield Row(f"arrival to prediction, {way}", _NOBODY, alone, beside, None, note)


def _watch(clip: Path, engine: Engine, way: str, page: Page, found: _Found) -> None:
    """One round: the stream in a thread, for the browser is driven from this one."""
    from actfusion_stream.page.address import Address
    from actfusion_stream.page.server import PageServer

    arrivals = _Arrivals()
    counted: list[Stats] = []
    with PageServer(Address("127.0.0.1", 0)) as server, contextlib.ExitStack() as others:

        def stream() -> None:
            with open_stream(clip, engine=engine, realtime=True) as stream:
                counted.append(stream.stats)
                run(stream, [server.sink(), arrivals])

        if _VIEWERS[way]:
            page.goto(server.url)
            page.evaluate(_NOTE)
        others.enter_context(_others(server, max(_VIEWERS[way] - 1, 0), int(way == _STALLED)))
        thread = threading.Thread(target=stream)
        thread.start()
        while thread.is_alive():
            page.wait_for_timeout(200)  # its messages are read meanwhile
        page.wait_for_timeout(500)
        shown = page.evaluate("() => window.shown ?? {}")
        found.skipped += server.board.skipped
    for what, times in shown.items():
        found.delays[what] += [
            at - arrivals.at[seconds] for seconds, at in times.items() if seconds in arrivals.at
        ]
    (stats,) = counted
    found.ticks.append(stats.latency(50, PREDICTION))
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
