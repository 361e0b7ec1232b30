"""Streams that come from another process, and fall silent, break off, come back, or never come."""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import av
import numpy as np
import pytest
from sample_videos import make_video, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import live
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.live import LiveReader
from actfusion_stream.sources.network import NetworkConnection, redacted
from actfusion_stream.sources.source import Source, open_source
from actfusion_stream.tools.robustness.servers import SYSTEM_PYTHON, free_port, serves_rtsp

Opened = TypeVar("Opened")
SERVER = Path(__file__).resolve().parents[3] / "tools/robustness/serve_stream.py"


def serve(address: str, size: str = "64x48", seconds: float = 30.0) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SERVER), address, size, str(seconds)])


def take(source: Source, until: Callable[[list[Frame]], bool], seconds: float = 30.0) -> list[Frame]:
    """Frames until they satisfy a condition."""
    deadline = time.monotonic() + seconds
    frames: list[Frame] = []
    for frame in source:
        frames.append(frame)
        if until(frames):
            return frames
        assert time.monotonic() < deadline, f"{len(frames)} frames, and not what was waited for"
    return frames


def connect(open_it: Callable[[], Opened], seconds: float = 20.0) -> Opened:
    """The server needs a moment to start."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return open_it()
        except StreamError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def has_gap(frames: list[Frame]) -> bool:
    return any(frame.gap for frame in frames[:-5])


@pytest.mark.parametrize("scheme", ["tcp", "udp", "http", "hls"])
def test_a_stream_that_is_killed_and_restarted_goes_on(scheme: str) -> None:
    port = free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    base = f"{scheme}://127.0.0.1:{port}"
    sending = f"{base}?listen=1" if scheme == "tcp" else base
    if scheme == "hls":
        base = f"http://127.0.0.1:{port}/live.m3u8"
    server = serve(f"{sending}?pkt_size=1316" if scheme == "udp" else sending)
    try:
        name = redacted(base)
        reader = connect(lambda: LiveReader(name, lambda: NetworkConnection(base), silence=1.5, outage=30.0))
        with Source(reader) as source:
            began = time.perf_counter()
            before = take(source, lambda frames: len(frames) == 20)
            server.kill()
            server.wait()
            if scheme == "udp":  # which knows no connections: a quick restart would go unnoticed
                time.sleep(2.5)
            server = serve(sending, "96x48")
            after = take(source, has_gap)
            elapsed = time.perf_counter() - began
    finally:
        server.kill()
        server.wait()
    frames = before + after
    times = [frame.time for frame in frames]
    assert times[0] == 0.0
    assert all(one < other for one, other in itertools.pairwise(times))
    assert times[-1] == pytest.approx(elapsed, abs=3.0)
    (cause,) = {frame.gap for frame in frames if frame.gap}
    # "Connection refused" is what the next request of HLS finds, where it comes before the restart.
    assert cause.split(" ")[0] in ("the", "silent", "broke", "nothing", "Connection")
    assert reader.connections >= 2
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    wide = frames[-1].image  # 96x48 fitted into 64x48: bars above and below
    assert wide[0].max() == 0
    assert wide[24].min() > 20
    steps = np.diff([frame.time for frame in before])
    assert np.median(steps) == pytest.approx(1 / 25, abs=0.002)


@pytest.mark.skipif(not serves_rtsp(), reason="needs GStreamer's RTSP server (see serve_rtsp.py)")
def test_an_rtsp_camera_with_a_password_comes_back() -> None:
    port = free_port()
    address = f"rtsp://cook:pass@127.0.0.1:{port}/kitchen"

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([SYSTEM_PYTHON, str(SERVER.with_name("serve_rtsp.py")), str(port)])

    server = start()
    try:
        name = redacted(address)
        reader = connect(lambda: LiveReader(name, lambda: NetworkConnection(address), silence=1.5))
        with Source(reader) as source:
            before = take(source, lambda frames: len(frames) == 20)
            server.kill()
            server.wait()
            server = start()
            after = take(source, has_gap)
        with pytest.raises(
            StreamError, match=rf"^rtsp://127\.0\.0\.1:{port}/kitchen: cannot be reached .*401"
        ):
            open_source(address.replace("pass", "word"))
    finally:
        server.kill()
        server.wait()
    times = [frame.time for frame in before + after]
    assert all(one < other for one, other in itertools.pairwise(times))
    assert np.median(np.diff(times)) == pytest.approx(1 / 25, abs=0.002)
    assert reader.connections >= 2


def test_a_web_camera_that_accepts_one_viewer() -> None:
    port = free_port()
    server = serve(f"http://127.0.0.1:{port}")
    connections = []

    def forward(listener: socket.socket) -> None:
        """Between the two, to count."""
        while True:
            with contextlib.suppress(OSError):
                viewer = listener.accept()[0]
                connections.append(viewer)
                camera = socket.create_connection(("127.0.0.1", port))
                camera.sendall(viewer.recv(65536))
                while data := camera.recv(65536):
                    viewer.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=forward, args=(listener,), daemon=True).start()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/live"
        try:
            with connect(lambda: open_source(address)) as source:
                made = len(connections)
                assert source.info.live
                assert len(take(source, lambda frames: len(frames) == 5)) == 5
                assert len(connections) == made
        finally:
            server.kill()
            server.wait()


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CONNECT_SECONDS", 0.5)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(StreamError, match=rf"^{address}: no picture within 1 s$"):
            LiveReader(address, lambda: NetworkConnection(address), silence=1.0)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://cook:s3cret@127.0.0.1:{port}/kitchen?token=s3cret#s3cret",
        "http://cook:s3cret@127.0.0.1:{port}/kitchen.mp4?token=s3cret",
        "tcp://cook:s3cret@127.0.0.1:{port}",
        "telnet://cook:s3cret@127.0.0.1:{port}/",
        "http://cook:s3cret@[::1/?s3cret",
    ],
)
def test_a_password_is_in_no_message(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StreamError) as error:
        open_source(address.format(port=free_port()))
    said = str(error.value)
    assert "s3cret" not in said
    assert "cook" not in said
    assert "\n" not in said
    assert said.startswith(address.partition(":")[0])
    assert capfd.readouterr() == ("", "")


def test_a_video_on_a_web_server_is_read_like_a_file(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times=ramp(40))
    handler = functools.partial(QuietFiles, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with open_source(f"http://127.0.0.1:{server.server_port}/a.mp4?token=s3cret") as source:
            assert not source.info.live
            assert source.info.duration == pytest.approx(4.0)
            assert source.info.name == f"http://127.0.0.1:{server.server_port}/a.mp4"
            frames = list(source)
        server.shutdown()
    assert [frame.index for frame in frames] == list(range(40))


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


# Other things to watch


def test_a_folder_of_pictures_is_a_video(tmp_path: Path) -> None:
    for index in (10, 9, 1):
        picture = av.VideoFrame.from_ndarray(np.full((6, 8, 3), 10 * index, np.uint8)).to_image()
        picture.save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    with open_source(tmp_path) as source:
        assert (source.info.width, source.info.height, source.info.duration) == (8, 6, 3 / 25)
        frames = list(source)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [10, 90, 100]
    assert [frame.time for frame in frames] == [0.0, 1 / 25, 2 / 25]
    assert source.warning is None
    (tmp_path / "frame9.png").write_bytes(b"broken")
    with open_source(tmp_path) as source:
        assert len(list(source)) == 2
        assert source.warning is not None
        assert "1 of 3 pictures cannot be read" in source.warning


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match="no picture in that folder"):
        open_source(tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"broken")
    with pytest.raises(StreamError, match="none of its 1 pictures can be read"):
        open_source(tmp_path)


def test_a_file_at_the_speed_of_a_camera(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times=ramp(11, step=50))
    with open_source(tmp_path / "a.mp4", realtime=True, max_staleness=10) as source:
        assert source.info.live
        began = time.perf_counter()
        frames = list(source)
    assert len(frames) == 11
    assert time.perf_counter() - began >= 0.5
    assert [round(frame.time, 3) for frame in frames] == [index / 20 for index in range(11)]


def test_stale_frames_are_dropped_and_counted(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", times=ramp(20, step=50))
    with open_source(tmp_path / "a.mp4", realtime=True, max_staleness=0.2) as source:
        taken = [next(source)]
        time.sleep(0.7)
        taken += source
    assert source.drops["stale"] >= 5
    assert len(taken) + source.dropped == 20


def test_a_size_that_no_memory_holds_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    """A raw-video header that claims 100000 x 100000 pixels."""
    claimed = tmp_path / "huge.y4m"
    claimed.write_bytes(b"YUV4MPEG2 W100000 H100000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(1000))
    with pytest.raises(StreamError) as error:
        open_source(claimed)
    assert "\n" not in str(error.value)
