"""What is opened leads nowhere that nobody asked for, no file to another, no stream to another address."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import pytest
from command_line import REPOSITORY
from sample_videos import make_video, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import opening
from actfusion_stream.sources.source import open_source
from actfusion_stream.tools.robustness.servers import free_port

HIDDEN = "hidden.mp4"  # beside the folder that a playlist lies in
LISTS = {
    "concat.ffconcat": "ffconcat version 1.0\nfile {hidden}\n",
    "concat.mp4": "ffconcat version 1.0\nfile http://127.0.0.1:{port}/a.mp4\n",
    "description.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "windows.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
}
PLAYLISTS = {
    "up.m3u8": "#EXTM3U\n#EXTINF:4,\n../hidden.mp4\n#EXT-X-ENDLIST\n",
    "root.m3u8": "#EXTM3U\n#EXTINF:4,\n{hidden}\n#EXT-X-ENDLIST\n",
    "url.m3u8": "#EXTM3U\n#EXTINF:4,\nfile:{hidden}\n#EXT-X-ENDLIST\n",
    "link.m3u8": "#EXTM3U\n#EXTINF:4,\nlink.mp4\n#EXT-X-ENDLIST\n",
    "web.m3u8": "#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "socket.m3u8": "#EXTM3U\n#EXTINF:4,\ntcp://127.0.0.1:{port}\n#EXT-X-ENDLIST\n",
    "key.m3u8": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:{port}/k"\n#EXTINF:4,\nin.mp4\n',
    "map.m3u8": '#EXTM3U\n#EXT-X-MAP:URI="{hidden}"\n#EXTINF:4,\nin.mp4\n#EXT-X-ENDLIST\n',
    "master.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nup.m3u8\n",
    "far.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\nhttp://127.0.0.1:{port}/a.m3u8\n",
    "video.mp4": "#EXTM3U\n#EXTINF:4,\n../hidden.mp4\n#EXT-X-ENDLIST\n",
}


class Visitors:
    """Listens, and counts who comes."""

    def __init__(self) -> None:
        self.count = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                visitor = self.socket.accept()[0]
            except OSError:
                return
            self.count += 1
            visitor.close()


@pytest.fixture
def visitors():
    visitors = Visitors()
    yield visitors
    visitors.socket.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder, beside which lies a video that is none of its business."""
    make_video(tmp_path / HIDDEN, times=ramp(40))
    inside = tmp_path / "inside"
    inside.mkdir()
    make_video(inside / "in.mp4", times=ramp(40))
    (inside / "link.mp4").symlink_to(tmp_path / HIDDEN)
    return inside


def written(folder: Path, name: str, text: str, port: int) -> Path:
    path = folder / name
    for other, content in PLAYLISTS.items():  # a playlist may lead to another
        (folder / other).write_text(content.format(hidden=folder.parent / HIDDEN, port=port))
    path.write_bytes(text.format(hidden=folder.parent / HIDDEN, port=port).encode())
    return path


@pytest.mark.parametrize("name", LISTS)
def test_a_list_on_a_disk_is_not_followed(name: str, folder: Path, visitors: Visitors) -> None:
    path = written(folder, name, LISTS[name], visitors.port)
    with pytest.raises(StreamError) as error:
        open_source(path)
    assert str(error.value) == (
        f"{path}: is a list of other files or addresses, which are not followed; give a video"
    )
    assert visitors.count == 0


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_on_a_disk_leads_to_files_beside_it_only(
    name: str, folder: Path, visitors: Visitors
) -> None:
    path = written(folder, name, PLAYLISTS[name], visitors.port)
    with pytest.raises(StreamError) as error:
        open_source(path)
    assert str(error.value).startswith(f"{path}: is a playlist that leads ")
    assert str(error.value).isprintable()
    assert "127.0.0.1" not in str(error.value)
    assert visitors.count == 0


def make_hls(folder: Path, count: int = 60, **options: str) -> Path:
    """An HLS recording with a segment every 2 s."""
    muxing = {"hls_time": "2", "hls_playlist_type": "vod", **options}
    return make_video(folder / "index.m3u8", times=ramp(count), muxing=muxing, coding={"g": "10"})


@pytest.mark.parametrize("form", ["mpegts", "fmp4"])
def test_a_recording_in_segments_is_read_whole(form: str, tmp_path: Path) -> None:
    path = make_hls(tmp_path, hls_segment_type=form)
    with open_source(path) as source:
        assert source.info.duration == pytest.approx(6.0, abs=0.1)
        assert [round(frame.time, 3) for frame in source] == [index / 10 for index in range(60)]
    assert source.warning is None


def test_a_recording_whose_recorder_was_killed_is_read_whole(tmp_path: Path) -> None:
    """Without its end mark a playlist is a live one, which players begin with its last three segments."""
    path = make_hls(tmp_path, count=120)
    path.write_text(path.read_text().replace("#EXT-X-ENDLIST", "").replace("#EXT-X-PLAYLIST-TYPE:VOD", ""))
    with open_source(path) as source:
        assert len(list(source)) == 120


def test_a_recording_with_several_qualities(tmp_path: Path) -> None:
    (tmp_path / "low").mkdir()
    make_hls(tmp_path / "low")
    path = tmp_path / "all.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\nlow/index.m3u8\n")
    with open_source(path) as source:
        assert len(list(source)) == 60


def test_a_segment_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = make_hls(tmp_path)
    (tmp_path / "index1.ts").unlink()
    with pytest.raises(StreamError) as error:
        open_source(path)
    assert str(error.value) == (
        f"{path}: is a playlist that leads to index1.ts; only files beside it are followed"
    )


def test_a_name_with_a_pattern_is_one_picture(tmp_path: Path) -> None:
    """FFmpeg would read "%d" as a number, and open the pictures that are called so."""
    for name in ("p%d.png", "p1.png", "p2.png"):
        av.VideoFrame(16, 16, "rgb24").to_image().save(tmp_path / name)
    with pytest.raises(StreamError, match=r"p%d\.png: "):
        open_source(tmp_path / "p%d.png")
    video = make_video(tmp_path / "v%d.mp4", times=ramp(20))
    with open_source(video) as source:
        assert len(list(source)) == 20


# -- standard input

READ = "from actfusion_stream.sources.source import open_source\nprint(len(list(open_source('-'))))"


def read_standard_input(content: bytes) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        [sys.executable, "-c", READ], input=content, capture_output=True, timeout=60, env=environment
    )


@pytest.mark.parametrize("name", [*LISTS, "root.m3u8", "web.m3u8"])
def test_nothing_on_standard_input_is_followed(name: str, folder: Path, visitors: Visitors) -> None:
    path = written(folder, name, {**LISTS, **PLAYLISTS}[name], visitors.port)
    done = read_standard_input(path.read_bytes())
    assert done.stdout == b""
    last = done.stderr.decode().splitlines()[-1]
    assert "StreamError: standard input: is a " in last
    assert visitors.count == 0


def test_a_session_description_on_standard_input_opens_no_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    content = LISTS["description.sdp"].format(port=port).encode()
    # However it begins: FFmpeg looks for the lines, not for the first one.
    done = read_standard_input(b"s=x\n" + content)
    assert done.stdout == b""
    assert "no video that can be read" in done.stderr.decode().splitlines()[-1]


def test_a_video_on_standard_input_is_read(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.ts", times=ramp(30))
    done = read_standard_input(video.read_bytes())
    assert (done.stdout, done.stderr) == (b"30\n", b"")


# -- streams


@pytest.mark.parametrize("name", [*LISTS, "root.m3u8", "web.m3u8"])
def test_what_a_stream_sends_is_not_followed(name: str, folder: Path, visitors: Visitors) -> None:
    content = written(folder, name, {**LISTS, **PLAYLISTS}[name], visitors.port).read_bytes()

    def send(listener: socket.socket) -> None:
        with listener.accept()[0] as viewer:
            viewer.sendall(content)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=send, args=(listener,), daemon=True).start()
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(StreamError, match=f"^{address}: (cannot be reached|what it sends is no video)"):
            open_source(address, outage=0)
    assert visitors.count == 0


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg, to serve RTMP")
def test_a_stream_over_rtmp_is_read(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", times=ramp(300))
    address = f"rtmp://127.0.0.1:{free_port()}/live2/SECRET"
    sending = [
        "ffmpeg",
        "-v",
        "error",
        "-re",
        "-i",
        str(video),
        "-c",
        "copy",
        "-f",
        "flv",
        "-listen",
        "1",
        address,
    ]
    server = subprocess.Popen(sending, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                source = open_source(address, outage=0)
                break
            except StreamError:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        with source:
            assert source.info.live
            assert source.info.name == address.removesuffix("/SECRET")
            assert len(list(itertools.islice(source, 10))) == 10
    finally:
        server.kill()
        server.wait()


def test_what_ffmpeg_lacks_is_said_before_anything_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_is_built_in", lambda scheme: scheme != "srt")
    with pytest.raises(StreamError) as error:
        open_source("srt://127.0.0.1:9?passphrase=SECRET")
    assert str(error.value) == (
        "srt://127.0.0.1:9: this PyAV is built without srt; there are http, https, rtsp, rtsps, rtmp, rtmps, "
        "tcp, udp, rtp"
    )


def test_what_ffmpeg_has_is_asked_of_ffmpeg() -> None:
    """By its own words, for every kind of address; nothing is contacted to find out."""
    for scheme in opening.SCHEMES:
        try:
            av.open(f"{scheme}://127.0.0.1:1", options={"protocol_whitelist": "none"})
        except av.error.ProtocolNotFoundError:
            lacks = scheme not in ("http", "https", "rtsps")
        except av.error.FFmpegError:
            lacks = False
        assert opening._is_built_in(scheme) is not lacks


def test_a_kind_that_nobody_knows() -> None:
    with pytest.raises(
        StreamError, match=r"^gopher://host/a: addresses of the kind gopher:// are not known; "
    ):
        open_source("gopher://host/a")
    with pytest.raises(StreamError, match=r"^…: no such file, and no address, of which there are http, "):
        open_source("cook:SECRET@host/kitchen")
    with pytest.raises(StreamError, match=r"^rtsp:…: no such file, and an address begins with rtsp://$"):
        open_source("rtsp:cook:SECRET@host")
