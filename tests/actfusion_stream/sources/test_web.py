"""A file on a web server is read to its end, over whatever happens on the way; what is lost is said."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from command_line import events_of
from sample_videos import make_video, ramp
from video_server import Handler, Served, VideoServer, serving

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import fetching, web_file
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.source import open_source

FRAMES = 300
INTRA = {"g": "1", "preset": "ultrafast"}  # every picture by itself: a file of some size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("web")


@pytest.fixture(scope="module")
def mp4(folder: Path) -> bytes:
    """30 s with its index at the beginning."""
    muxing = {"movflags": "faststart"}
    return make_video(folder / "a.mp4", times=ramp(FRAMES), muxing=muxing, coding=INTRA).read_bytes()


@pytest.fixture(scope="module")
def mp4_index_last(folder: Path) -> bytes:
    return make_video(folder / "b.mp4", times=ramp(FRAMES), coding=INTRA).read_bytes()


@pytest.fixture(scope="module")
def ts(folder: Path) -> bytes:
    """30 s in a format without an index, whose length is not written anywhere."""
    return make_video(folder / "a.ts", times=ramp(FRAMES), coding=INTRA).read_bytes()


def read(server: VideoServer, name: str = "a.mp4", outage: float = 10.0) -> list[Frame]:
    with open_source(f"{server.base}/{name}", outage=outage) as source:
        assert not source.info.live
        frames = list(source)
        assert source.warning is None
    return frames


def read_in_part(server: VideoServer, outage: float = 10.0) -> tuple[list[Frame], str]:
    """The frames that came, and why no more did."""
    frames: list[Frame] = []
    with open_source(f"{server.base}/a.mp4", outage=outage) as source:
        with pytest.raises(StreamError) as error:
            frames.extend(iter(source))
        return frames, str(error.value).removeprefix(f"{source.info.name}: reading failed: ")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second of silence is enough."""
    monkeypatch.setattr(fetching, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(web_file, "SILENT_SECONDS", 0.5)


def assert_whole(frames: list[Frame]) -> None:
    assert [round(frame.time, 3) for frame in frames] == [index / 10 for index in range(FRAMES)]


def test_connections_that_break_off_are_gone_on_with(mp4: bytes) -> None:
    third = len(mp4) // 3
    with serving(a_mp4=Served(mp4, break_at=[third, third + 1, 2 * third])) as server:
        assert_whole(read(server))
    ranges = [wanted for _, wanted in server.asked]
    assert ranges == ["bytes=0-", f"bytes={third}-", f"bytes={third + 1}-", f"bytes={2 * third}-"]


def test_silence_is_gone_on_from(mp4: bytes, impatient: None) -> None:
    half = len(mp4) // 2
    with serving(a_mp4=Served(mp4, stall_at={half: 5.0})) as server:
        began = time.monotonic()
        assert_whole(read(server))
        assert time.monotonic() - began < 4.0
    assert [wanted for _, wanted in server.asked] == ["bytes=0-", f"bytes={half}-"]


def test_silence_is_waited_for_where_nothing_else_helps(mp4: bytes, impatient: None) -> None:
    with serving(a_mp4=Served(mp4, ranges=False, stall_at={len(mp4) // 2: 1.5})) as server:
        assert_whole(read(server))
    assert len(server.asked) == 1


def test_a_server_may_be_away_for_a_while(mp4: bytes) -> None:
    with serving(a_mp4=Served(mp4, break_at=[len(mp4) // 2], away=2)) as server:
        assert_whole(read(server))
    assert len(server.asked) == 4


def test_an_index_at_the_end_is_fetched_first(mp4_index_last: bytes) -> None:
    with serving(a_mp4=Served(mp4_index_last)) as server:
        assert_whole(read(server))
    assert len(server.asked) <= 4


def test_what_cannot_be_gone_on_with_is_said(mp4: bytes) -> None:
    half = len(mp4) // 2
    with serving(a_mp4=Served(mp4, ranges=False, break_at=[half])) as server:
        frames, cause = read_in_part(server)
    assert 50 < len(frames) < 200
    assert cause == (
        "broke off after 50 % of it (the connection ended), and its server cannot go on in the middle of a "
        f"file; what follows {frames[-1].time:.1f} s is missing"
    )
    assert [frame.index for frame in frames] == list(range(len(frames)))


@pytest.mark.parametrize(("outage", "tried"), [(1.0, ", and did not come back within 1 s"), (0.0, "")])
def test_a_server_that_does_not_come_back_is_given_up(mp4: bytes, outage: float, tried: str) -> None:
    with serving(a_mp4=Served(mp4, break_at=[len(mp4) // 2], away=1000)) as server:
        began = time.monotonic()
        frames, cause = read_in_part(server, outage)
        assert time.monotonic() - began < outage + 2
    assert 50 < len(frames) < 200
    why = "503 Service Unavailable" if outage else "the connection ended"
    assert f"({why}){tried}; what follows {frames[-1].time:.1f} s is missing" in cause


@pytest.mark.parametrize("fault", ["another ETag", "another length", "another part", "gone", "no part"])
def test_two_files_are_never_made_one(mp4: bytes, fault: str) -> None:
    """What the server says when it is asked to go on does not fit what came before."""
    half = len(mp4) // 2
    asked = 0

    def answer(handler: Handler) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            handler.answer(200, mp4[:half], Content_Length=str(len(mp4)), Accept_Ranges="bytes", ETag='"1"')
        elif fault == "gone":
            handler.answer(404, b"")
        elif fault == "no part":
            handler.answer(200, mp4, ETag='"1"')
        else:
            start = half + 1 if fault == "another part" else half
            size = len(mp4) + 1 if fault == "another length" else len(mp4)
            etag = '"2"' if fault == "another ETag" else '"1"'
            handler.answer(206, mp4[start:], Content_Range=f"bytes {start}-{size - 1}/{size}", ETag=etag)

    with serving(a_mp4=answer) as server:
        frames, cause = read_in_part(server)
    assert 50 < len(frames) < 200
    expected = {
        "gone": "404 Not Found",
        "no part": "its server cannot go on in the middle of a file",
        "another part": "its server sends another part than was asked for",
    }.get(fault, "it is another file than before")
    assert f"({expected}); what follows " in cause
    assert asked == 2


def test_servers_behind_one_address_may_name_one_version_differently(mp4: bytes) -> None:
    half = len(mp4) // 2

    def answer(handler: Handler) -> None:
        start = int((handler.headers["Range"] or "bytes=0-")[6:-1])
        headers = {"ETag": f'"{start}"', "Last_Modified": "Wed, 25 Nov 2026 08:00:00 GMT"}
        place = f"bytes {start}-{len(mp4) - 1}/{len(mp4)}"
        part = mp4[start : half if start == 0 else None]
        handler.answer(206, part, Content_Range=place, Content_Length=str(len(mp4) - start), **headers)

    with serving(a_mp4=answer) as server:
        assert_whole(read(server))


def test_a_server_that_sends_crumbs_is_not_asked_for_ever(
    mp4: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_file, "_FIRST_PAUSE", 0.0)
    start = len(mp4) // 2
    with serving(a_mp4=Served(mp4, break_at=list(range(start, start + 2000)))) as server:
        _, cause = read_in_part(server)
    assert "asks for ever more files without video" in cause
    assert len(server.asked) < 400


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transport_stream_of_known_length_has_an_end(ts: bytes, ranges: bool) -> None:
    with serving(a_ts=Served(ts, ranges=ranges)) as server:
        began = time.monotonic()
        frames = read(server, "a.ts")
        assert time.monotonic() - began < 5
    assert len(frames) == FRAMES
    assert len(server.asked) <= (6 if ranges else 1)  # where it can, FFmpeg looks for the last time stamp


def test_what_has_no_length_is_live(ts: bytes) -> None:
    with (
        serving(a_ts=Served(ts, ranges=False, length=False)) as server,
        open_source(f"{server.base}/a.ts", outage=0) as source,
    ):
        assert source.info.live
        assert len(list(source)) > FRAMES - 5
        assert source.warning is not None
        assert source.warning.startswith(f"{server.base}/a.ts: the connection ended after 29.")


def test_pictures_one_after_the_other_are_live_whatever_length_they_claim(folder: Path) -> None:
    """So cameras send Motion JPEG, and some of them a length that means nothing."""
    import av

    parts = []
    for index in range(60):
        picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * index, np.uint8)).to_image()
        picture.save(folder / "p.jpg")
        image = (folder / "p.jpg").read_bytes()
        parts.append(b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(image) + image)
    body = b"\r\n".join(parts)

    def answer(handler: Handler) -> None:
        kind = "multipart/x-mixed-replace; boundary=x"
        handler.answer(200, body, Content_Type=kind, Content_Length="99999999")

    with serving(video=answer) as server, open_source(f"{server.base}/video", outage=0) as source:
        assert source.info.live
        assert len(list(source)) > 50
        assert source.warning is not None
        assert source.warning.startswith(f"{server.base}/video: the connection ended after ")


def test_an_index_that_cannot_be_reached_is_said(mp4_index_last: bytes) -> None:
    with serving(a_mp4=Served(mp4_index_last, ranges=False)) as server:
        with pytest.raises(StreamError) as error:
            open_source(f"{server.base}/a.mp4")
        assert str(error.value) == (
            f"{server.base}/a.mp4: has a video stream, but no frame of it can be decoded; its index may lie "
            "at its end, where its server cannot go: download it first"
        )


def test_a_wait_for_a_server_ends_when_it_is_stopped(mp4: bytes) -> None:
    with (
        serving(a_mp4=Served(mp4, break_at=[len(mp4) // 2], away=1000)) as server,
        open_source(f"{server.base}/a.mp4", outage=60) as source,
    ):
        for frame in source:
            if frame.time > 5:
                break
        time.sleep(1.0)  # it is waiting now
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 1.0


def test_silence_ends_when_it_is_stopped(mp4: bytes) -> None:
    with (
        serving(a_mp4=Served(mp4, ranges=False, stall_at={len(mp4) // 2: 8.0})) as server,
        open_source(f"{server.base}/a.mp4", outage=60) as source,
    ):
        for frame in source:
            if frame.time > 5:
                break
        time.sleep(0.5)
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 1.0


def test_the_command_keeps_what_came_and_says_what_did_not(run, ts: bytes, tmp_path: Path) -> None:
    events, segments = tmp_path / "events.jsonl", tmp_path / "s.csv"
    with serving(a_ts=Served(ts, ranges=False, break_at=[len(ts) // 2])) as server:
        status, out, err = run(
            "--events", events, "--segments", segments, "--display", "none", video=f"{server.base}/a.ts"
        )  # fmt: skip
    assert (status, out) == (1, "")
    assert err.startswith(f"actfusion-stream: {server.base}/a.ts: reading failed: broke off after ")
    assert err.endswith(" s is missing\n")
    assert err.count("\n") == 1
    summary = events_of(events.read_text())[-1]
    assert 100 < summary["frames"] < 200
    assert segments.read_text().startswith("video,label,start,end,confidence\n")
