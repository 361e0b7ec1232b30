"""HLS over HTTP is read whole, what goes wrong is said, and no playlist takes memory or requests for ever."""

from __future__ import annotations

import itertools
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sample_videos import make_video, packets, ramp
from video_server import Handler, Respond, Served, VideoServer, serving

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import fetching, network, web_file
from actfusion_stream.sources.live import LiveReader
from actfusion_stream.sources.network import NetworkConnection
from actfusion_stream.sources.source import Source, open_source

FRAMES = 120  # in six segments
KEY = bytes(range(16))


def make_hls(folder: Path, **options: str) -> dict[str, Served]:
    muxing = {"hls_time": "2", "hls_playlist_type": "vod", **options}
    make_video(folder / "index.m3u8", times=ramp(FRAMES), muxing=muxing, coding={"g": "10"})
    return {f"/{path.name}": Served(path.read_bytes()) for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Served]:
    """By path: index.m3u8, and index0.ts to index5.ts."""
    return make_hls(tmp_path)


@contextmanager
def served(files: dict[str, Served] | dict[str, Served | Respond]) -> Iterator[VideoServer]:
    with serving() as server:
        server.files.update(files)
        yield server


def read(server: VideoServer, name: str = "index.m3u8", outage: float = 5.0) -> tuple[int, str | None]:
    """How many frames came, and the warning."""
    with open_source(f"{server.base}/{name}", outage=outage) as source:
        assert not source.info.live
        return len(list(source)), source.warning


@pytest.mark.parametrize(
    "options",
    [{}, {"hls_segment_type": "fmp4"}, {"hls_segment_type": "fmp4", "hls_flags": "single_file"}],
    ids=["transport stream", "fragments", "parts of one file"],
)
def test_a_recording_is_read_whole(options: dict[str, str], tmp_path: Path) -> None:
    with served(make_hls(tmp_path, **options)) as server:
        assert read(server) == (FRAMES, None)


def test_an_encrypted_recording_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "k.key").write_bytes(KEY)
    (tmp_path / "info").write_text(f"k.key\n{tmp_path / 'k.key'}\n")
    files = make_hls(tmp_path, hls_key_info_file=str(tmp_path / "info"))
    assert b"AES-128" in files["/index.m3u8"].body
    assert files["/index0.ts"].body[:1] != b"G"
    with served(files) as server:
        assert read(server) == (FRAMES, None)
    assert [path for path, _ in server.asked].count("/k.key") == 1


def test_a_recording_without_lengths_is_read_whole(files: dict[str, Served]) -> None:
    for file in files.values():
        file.length = file.ranges = False
    with served(files) as server:
        assert read(server) == (FRAMES, None)


def test_a_playlist_of_qualities_and_redirects(files: dict[str, Served]) -> None:
    """What a playlist leads to is reckoned from where it was found."""

    def elsewhere(handler: Handler) -> None:
        handler.answer(302, b"moved", Location="/deep/down/index.m3u8")

    deep = {f"/deep/down{path}": file for path, file in files.items()}
    master = Served(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\nlow/index.m3u8?key=1\n")
    with served({**deep, "/low/index.m3u8": elsewhere, "/all.m3u8": master}) as server:
        assert read(server, "all.m3u8") == (FRAMES, None)


def test_a_segment_that_breaks_off_is_gone_on_with(files: dict[str, Served]) -> None:
    half = len(files["/index3.ts"].body) // 2
    files["/index3.ts"].break_at.append(half)
    with served(files) as server:
        assert read(server) == (FRAMES, None)
    assert ("/index3.ts", f"bytes={half}-") in server.asked


def test_a_segment_that_cannot_be_gone_on_with_is_said(files: dict[str, Served]) -> None:
    files["/index3.ts"].break_at.append(len(files["/index3.ts"].body) // 2)
    files["/index3.ts"].ranges = False
    with served(files) as server, open_source(f"{server.base}/index.m3u8", outage=5) as source:
        frames = []
        with pytest.raises(StreamError) as error:
            frames.extend(iter(source))
    assert 60 <= len(frames) < 90
    assert "broke off after " in str(error.value)
    assert str(error.value).endswith(f"; what follows {frames[-1].time:.1f} s is missing")


def test_segments_that_the_server_lacks_are_counted(files: dict[str, Served], tmp_path: Path) -> None:
    lost = 0
    for name in ("index1.ts", "index4.ts"):
        lost += len(packets(tmp_path / name, "video"))
        del files[f"/{name}"]
    with served(files) as server:
        frames, warning = read(server)
    assert frames == FRAMES - lost
    assert warning == f"{server.base}/index.m3u8: its server lacks 2 files of its playlist"


# -- hostile ones


def growing(pause: float) -> Respond:
    """A playlist that goes on for ever, a thousand segments at a time or, with a pause, one."""

    def grow(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n")
        for start in itertools.count(0, 1000):
            lines = [b"#EXTINF:1,\ns%d.ts\n" % (start + index) for index in range(1 if pause else 1000)]
            handler.wfile.write(b"".join(lines))
            handler.wfile.flush()
            time.sleep(pause)

    return grow


def playlist(*lines: str, end: str = "#EXT-X-ENDLIST") -> Served:
    return Served("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:0", *lines, end, ""]).encode())


MASTER = "#EXT-X-STREAM-INF:BANDWIDTH=9"
ITSELF = "its playlist leads to itself"
ANOTHER = "its playlist leads to a playlist where video should be"
AWAY = "its playlist leads to what is not on the web, which is not followed"


@pytest.mark.parametrize(
    ("files", "cause"),
    [
        ({"a": growing(0)}, "its playlist has more than 8 MB"),
        ({"a": growing(0.05)}, "its playlist has not ended after 1 s"),
        ({"a": playlist("#EXTINF:0,", "a.m3u8", end="")}, ANOTHER),
        ({"a": playlist("#EXTINF:0,", "a.m3u8?x=1")}, ANOTHER),
        ({"a": playlist(MASTER, "a.m3u8")}, ANOTHER),
        ({"a": playlist(MASTER, "b.m3u8"), "b": playlist("#EXTINF:0,", "b.m3u8", end="")}, ITSELF),
        ({"a": playlist(MASTER, "b.m3u8"), "b": playlist(MASTER, "a.m3u8")}, ANOTHER),
        (
            {"a": playlist(MASTER, "b.m3u8", MASTER, "c.m3u8"), "b": playlist("#EXTINF:0,", "c.m3u8")},
            ITSELF,
        ),
        ({"a": playlist("#EXTINF:0,", "file:///etc/hostname")}, AWAY),
        ({"a": playlist("#EXTINF:0,", "tcp://127.0.0.1:9/a.ts")}, AWAY),
        ({"a": playlist('#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/hostname"', "#EXTINF:0,", "b.ts")}, AWAY),
        ({"a": playlist("#EXTINF:0,", "http://[/a.ts")}, "its playlist has an address that is none"),
        (
            {"a": playlist(*itertools.chain.from_iterable(("#EXTINF:1,", f"{n}.ts") for n in range(5000)))},
            "asks for ever more files without video (200)",
        ),
        (
            {"a": playlist(*itertools.chain.from_iterable((MASTER, f"{n}.m3u8") for n in range(5000)))},
            "asks for ever more files without video (200)",
        ),
    ],
)  # fmt: skip
def test_a_hostile_playlist_is_refused_in_one_line(
    files: dict[str, Served | Respond], cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_file, "_WHOLE_SECONDS", 1.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with served({f"/{name}.m3u8": file for name, file in files.items()}) as server:
        began = time.monotonic()
        with pytest.raises(StreamError) as error:
            open_source(f"{server.base}/a.m3u8")
        assert time.monotonic() - began < 8
    assert str(error.value) == f"{server.base}/a.m3u8: {cause}"
    assert len(server.asked) <= 200
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


def test_addresses_that_are_long_by_their_place_are_counted_in_full() -> None:
    path = f"/{'y' * 3000}/a.m3u8"
    lines = itertools.chain.from_iterable(("#EXTINF:1,", "a.ts") for _ in range(20_000))
    with served({path: playlist(*lines)}) as server, pytest.raises(StreamError) as error:
        open_source(server.base + path)
    assert str(error.value) == f"{server.base}/…: its playlist has more than 32 MB of addresses"


def test_a_live_playlist_is_not_looked_at_without_a_pause(files: dict[str, Served]) -> None:
    """It says that its segments have no length, so that FFmpeg would ask as fast as it can."""
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:0,\nindex0.ts\n"
    with served({**files, "/index.m3u8": Served(text.encode())}) as server:
        began = time.monotonic()
        with open_source(f"{server.base}/index.m3u8", outage=0) as source:
            assert source.info.live
            threading.Timer(2.0, source.stop).start()
            for _ in source:
                pass
        looks = [path for path, _ in server.asked].count("/index.m3u8")
        assert looks <= 2 + (time.monotonic() - began) / 0.2


def test_redirects_that_never_end_are_not_followed_for_ever() -> None:
    asked = 0

    def on(handler: Handler) -> None:
        nonlocal asked
        asked += 1
        handler.answer(302, b"", Location=f"/{asked}.mp4")

    loop: dict[str, Respond] = {f"/{index}.mp4": on for index in range(100)}
    refused = pytest.raises(StreamError, match=r": cannot be reached \(302 Found\)$")
    with served(loop) as server, refused:
        open_source(f"{server.base}/0.mp4")
    assert asked <= 12


def test_the_text_beside_a_redirect_is_not_read(files: dict[str, Served]) -> None:
    sent = 0

    def moved(handler: Handler) -> None:
        nonlocal sent
        handler.send_response(302)
        handler.send_header("Location", "/index.m3u8")
        handler.end_headers()
        while sent < 1 << 30:
            sent += handler.wfile.write(bytes(1 << 20))

    with served({**files, "/moved.m3u8": moved}) as server:
        assert read(server, "moved.m3u8") == (FRAMES, None)
    assert sent < 100 << 20


@pytest.mark.parametrize("place", ["file:///etc/hostname", "tcp://127.0.0.1:9", "data:text/plain,x"])
def test_redirects_lead_to_the_web_only(place: str) -> None:
    def moved(handler: Handler) -> None:
        handler.answer(302, b"", Location=place)

    with served({"/a.mp4": moved}) as server, pytest.raises(StreamError) as error:
        open_source(f"{server.base}/a.mp4")
    assert str(error.value).startswith(f"{server.base}/a.mp4: cannot be reached ")


def test_a_server_that_begins_no_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte of its headers after the other would keep a connection alive for days."""
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 1.0)

    def drip(handler: Handler) -> None:
        for index in range(200):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: "[index : index + 1] or b"x")
            handler.wfile.flush()
            time.sleep(0.1)

    with served({"/a.mp4": drip}) as server:
        began = time.monotonic()
        with pytest.raises(StreamError, match=f"^{server.base}/a.mp4: cannot be reached "):
            open_source(f"{server.base}/a.mp4")
        assert time.monotonic() - began < 3


def test_a_live_stream_that_ends_is_not_watched_again(
    files: dict[str, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its playlist gets an end mark; from then on it is a recording, which begins at the beginning."""
    monkeypatch.setattr(network, "_LONGEST_HOLD", 0.0)
    whole = files["/index.m3u8"].body.decode()
    begun = "".join(whole.partition("index3.ts\n")[:2]).replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "")
    begun = begun.replace("#EXT-X-TARGETDURATION:3", "#EXT-X-TARGETDURATION:1")
    assert "#EXT-X-ENDLIST" in whole
    assert "#EXT-X-ENDLIST" not in begun
    looks = 0

    def grow(handler: Handler) -> None:
        nonlocal looks
        looks += 1
        handler.answer(200, (begun if looks == 1 else whole).encode())

    with served({**files, "/index.m3u8": grow}) as server:
        with open_source(f"{server.base}/index.m3u8", outage=5) as source:
            assert source.info.live
            frames = list(source)
        assert source.warning is None
        assert looks == 2
        # A live stream is begun with its last three segments; what comes while nobody reads is dropped.
        assert 40 < len(frames) <= FRAMES - 28
        assert len({path for path, _ in server.asked}) == 6


def test_a_live_stream_in_long_segments_is_not_silent_between_them(files: dict[str, Served]) -> None:
    """A segment comes at once, and then none for as long as it lasts; players hand it on at its own pace."""
    *head, last = (
        files["/index.m3u8"].body.decode().replace("#EXT-X-PLAYLIST-TYPE:VOD\n", "").split("#EXTINF")
    )
    segments = [f"#EXTINF{part}" for part in [*head[1:], last.partition("#EXT-X-ENDLIST")[0]]]
    began = time.monotonic()

    def grow(handler: Handler) -> None:
        there = min(3 + int((time.monotonic() - began) / 1.8), len(segments))
        handler.answer(200, (head[0] + "".join(segments[:there])).encode())

    with served({**files, "/index.m3u8": grow}) as server:
        address = f"{server.base}/index.m3u8"
        reader = LiveReader(address, lambda: NetworkConnection(address), silence=1.0, outage=0)
        with Source(reader, max_staleness=10) as source:
            frames = []
            for frame in source:
                frames.append(frame)
                if frame.time > 4:
                    break
        assert reader.connections == 1
    assert reader.warning is None
    assert not [frame.gap for frame in frames if frame.gap]
    taken = frames[-1].arrived - frames[0].arrived
    assert taken == pytest.approx(frames[-1].time, abs=0.5)
