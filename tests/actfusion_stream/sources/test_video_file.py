"""A video file gives what a player would show, when it would show it; or says in one line why it cannot."""

from __future__ import annotations

import struct
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import grey_level, make_video, packets, ramp, shared_clips

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.picture import Colors
from actfusion_stream.sources.source import open_source
from actfusion_stream.sources.video_file import VideoFile


def read(path: Path) -> tuple[list[Frame], str | None]:
    with open_source(path) as source:
        return list(source), source.warning


def times(frames: list[Frame]) -> list[float]:
    return [round(frame.time, 6) for frame in frames]


# What is delivered


def test_info_is_known_before_reading(tmp_path: Path) -> None:
    video = make_video(tmp_path / "kitchen.mp4", sound="aac")
    with open_source(str(video)) as source:
        sound = source.info.sound
        assert sound is not None
        assert sound.stream.codec_context.name == "aac"
        assert replace(source.info, sound=None) == SourceInfo(
            name="kitchen.mp4",
            width=64,
            height=48,
            duration=1.0,
            rate=10.0,
            live=False,
            has_audio=True,
            clock=Fraction(1, 16_000),
            colors=Colors("yuv420p", matrix=2, range=0, transfer=2, primaries=2),  # it says nothing
        )


def test_frames_are_upright_rgb_with_their_times(tmp_path: Path) -> None:
    before = time.perf_counter()
    frames, warning = read(make_video(tmp_path / "a.mp4"))
    assert warning is None
    assert times(frames) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert [frame.index for frame in frames] == list(range(10))
    assert all(before < frame.arrived < time.perf_counter() for frame in frames)
    for index, frame in enumerate(frames):
        assert frame.image.shape == (48, 64, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
        assert np.allclose(frame.image, grey_level(index), atol=4)


def test_channels_are_in_the_order_red_green_blue(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "red.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        red = np.full((48, 64, 3), (200, 30, 60), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(red)))
        container.mux(stream.encode(None))
    frames, _ = read(tmp_path / "red.mp4")
    assert np.allclose(frames[0].image, (200, 30, 60), atol=6)


def test_a_variable_frame_rate_is_kept(tmp_path: Path) -> None:
    frames, _ = read(make_video(tmp_path / "vfr.mp4", times=[0, 40, 500, 540, 1700]))
    assert times(frames) == [0.0, 0.04, 0.5, 0.54, 1.7]


def test_b_frames_come_in_presentation_order(tmp_path: Path) -> None:
    coding = {"bf": "3", "b-adapt": "0", "x264-params": "scenecut=0"}
    video = make_video(tmp_path / "b.mp4", times=ramp(12), coding=coding)
    with av.open(str(video)) as container:  # the file does hold them out of order
        stored = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert stored != sorted(stored)
    frames, _ = read(video)
    assert times(frames) == [i / 10 for i in range(12)]
    assert [round(float(frame.image.mean()) / 12) for frame in frames] == [
        round(grey_level(i) / 12) for i in range(12)
    ]


def test_zero_is_where_the_picture_starts_without_sound(tmp_path: Path) -> None:
    frames, _ = read(make_video(tmp_path / "late.mp4", times=[700, 800, 900]))
    assert times(frames) == [0.0, 0.1, 0.2]


def test_zero_is_where_the_sound_starts_if_that_is_earlier(tmp_path: Path) -> None:
    frames, _ = read(make_video(tmp_path / "late.mp4", times=[700, 800, 900], sound="aac"))
    assert times(frames) == [0.7, 0.8, 0.9]


def test_transport_streams_start_late_but_are_shown_from_zero(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.ts")
    assert packets(video, "video")[0].pts > 0
    frames, _ = read(video)
    assert times(frames) == [i / 10 for i in range(10)]


def test_an_odd_size_is_delivered_as_it_is(tmp_path: Path) -> None:
    video = make_video(tmp_path / "odd.mkv", size=(65, 49), pixels="yuv444p")
    with open_source(video) as source:
        assert (source.info.width, source.info.height) == (65, 49)
        assert next(source).image.shape == (49, 65, 3)


@pytest.mark.parametrize(("rotation", "corner"), [(90, (-5, 5)), (-90, (5, -5)), (180, (-5, -5))])
def test_frames_are_turned_as_a_player_turns_them(
    tmp_path: Path, rotation: int, corner: tuple[int, int]
) -> None:
    """A recording whose top left corner is white, turned counterclockwise by so many degrees."""
    with av.open(str(tmp_path / "turned.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV cannot write a rotation")
        stream.set_display_rotation(rotation)
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[:16, :16] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    with open_source(tmp_path / "turned.mp4") as source:
        image = next(source).image
        assert image.shape == (source.info.height, source.info.width, 3)
    assert image.shape == ((48, 64, 3) if rotation == 180 else (64, 48, 3))
    assert image[corner].mean() > 240
    assert (image > 128).mean() == pytest.approx(16 * 16 / (64 * 48), rel=0.1)


def test_frames_without_timestamps_follow_at_the_rate(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", coding={"bf": "0"})
    with av.open(str(tmp_path / "a.mp4")) as container, open(tmp_path / "raw.mjpeg", "wb") as raw:
        codec = av.CodecContext.create("mjpeg", "w")
        codec.width, codec.height, codec.pix_fmt, codec.time_base = 64, 48, "yuvj420p", Fraction(1, 25)
        for index, frame in enumerate(container.decode(video=0)):
            frame = frame.reformat(format="yuvj420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in codec.encode(frame):
                raw.write(bytes(packet))
    frames, _ = read(tmp_path / "raw.mjpeg")
    assert times(frames) == [i / 25 for i in range(10)]


def stamped(path: Path, stamps: list[int]) -> Path:
    """Black pictures with these time stamps, thousandths of a second, in this order."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for dts, pts in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = dts, Fraction(1, 1000)
            for packet in stream.encode(frame):
                packet.pts = pts
                container.mux(packet)
    return path


def test_frames_that_go_back_in_time_are_put_right_behind(tmp_path: Path) -> None:
    path = stamped(tmp_path / "back.mkv", [0, 100, 300, 200, 400])
    frames, warning = read(path)
    assert times(frames) == [0.0, 0.1, 0.3, 0.301, 0.4]
    assert warning is None
    video = VideoFile(path)
    assert len(list(video.frames())) == 5
    video.close()
    assert video.remark == (
        "back.mkv: its pictures were put behind the one before in 1 place, where time goes back"
    )


def test_recordings_joined_are_all_seen(tmp_path: Path) -> None:
    one = make_video(tmp_path / "one.ts", times=ramp(50, 40), coding={"bf": "0"}).read_bytes()
    (tmp_path / "three.ts").write_bytes(one + one + one)
    frames, warning = read(tmp_path / "three.ts")
    assert len(frames) >= 147  # a decoder may miss a picture at a joint
    steps = np.diff(times(frames))
    assert steps.min() > 0.03
    assert steps.max() < 0.13
    assert warning is not None
    assert "its time begins anew at 2.0, 3.9 s" in warning or "its time begins anew at 2.0, 4.0 s" in warning


def test_one_wild_time_stamp_moves_nothing_after_it(tmp_path: Path) -> None:
    frames, _ = read(stamped(tmp_path / "wild.mkv", [5000, 5100, 5200, 1000, 5400, 5500]))
    assert times(frames) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.skipif(not shared_clips(), reason="needs ../shared/clips (or ACTFUSION_SHARED)")
def test_real_clips_come_whole() -> None:
    found = {}
    for clip in shared_clips():
        with open_source(clip) as source:
            seen = [frame.time for frame in source]
        found[clip.name] = (len(seen), round(seen[-1], 6), source.warning)
    assert found == {
        "coffee.mp4": (287, 9.542867, None),
        "cups.mp4": (300, 9.976633, None),
        "gym.mp4": (280, 9.964286, None),
    }


# What is broken


def test_a_file_that_stops_in_the_middle_gives_what_it_has(tmp_path: Path, capfd) -> None:
    index_first = make_video(
        tmp_path / "whole.mp4", times=ramp(60), coding={"bf": "0"}, muxing={"movflags": "faststart"}
    )
    whole = index_first.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 3 // 4])
    frames, warning = read(tmp_path / "cut.mp4")
    assert 5 < len(frames) < 60
    assert times(frames) == [i / 10 for i in range(len(frames))]
    assert warning is not None
    assert warning.startswith("cut.mp4: it stops at ")
    assert "but promises 6.0 s" in warning
    assert capfd.readouterr() == ("", "")


def test_a_cut_matroska_file_is_noticed_by_its_promised_duration(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mkv", times=ramp(60), sound="aac").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    frames, warning = read(tmp_path / "cut.mkv")
    assert 5 < len(frames) < 60
    assert warning is not None
    assert "but promises 6.0" in warning


def test_sound_longer_than_the_picture_is_no_early_stop(tmp_path: Path) -> None:
    for name in ("a.mkv", "a.mp4"):
        _, warning = read(make_video(tmp_path / name, sound="aac", seconds_of_sound=5.0))
        assert warning is None


def test_one_damaged_packet_does_not_stop_the_rest(tmp_path: Path, capfd) -> None:
    video = make_video(tmp_path / "hurt.mp4", times=ramp(30), coding={"bf": "0", "g": "1"})
    victim = packets(video, "video")[12]
    data = bytearray(video.read_bytes())
    data[victim.pos : victim.pos + victim.size] = bytes(victim.size)
    video.write_bytes(data)
    frames, warning = read(video)
    assert times(frames) == [i / 10 for i in range(30) if i != 12]
    assert warning == (
        "hurt.mp4: it is damaged in 1 place, 1 of its 30 pictures cannot be decoded; all the rest was read"
    )
    assert capfd.readouterr() == ("", "")


def _cut_without_index(path: Path) -> None:
    whole = make_video(path, times=ramp(60)).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _only_sound(path: Path) -> None:
    make_video(path.with_suffix(".mp4"), sound="aac")
    with av.open(str(path.with_suffix(".mp4"))) as video, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(video.streams.audio[0])
        for packet in video.demux(audio=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)


def _no_frames(path: Path) -> None:
    """Every packet of the video blotted out."""
    make_video(path)
    data = bytearray(path.read_bytes())
    for packet in packets(path, "video"):
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)


def _picture(path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
    frame.save(str(path))


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        ("gone.mp4", lambda path: None, "no such file"),
        (
            "folder.mp4",
            lambda path: path.mkdir(),
            "no picture in that folder (of .bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp)",
        ),
        ("empty.mp4", lambda path: path.touch(), "the file is empty (0 bytes)"),
        ("notes.txt", lambda path: path.write_text("not a video\n" * 50), "is text, not a video"),
        (
            "noise.mp4",
            lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
            "not a video that can be read, or a recording cut off before its index was written",
        ),
        (
            "cut.mp4",
            _cut_without_index,
            "not a video that can be read, or a recording cut off before its index was written",
        ),
        ("photo.png", _picture, "is a picture, not a video"),
        ("song.m4a", _only_sound, "no video in it (only sound); give a video file"),
        ("blank.mp4", _no_frames, "has a video stream, but no frame of it can be decoded"),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path, capfd, name, make, message) -> None:
    make(tmp_path / name)
    with pytest.raises(StreamError) as error:
        open_source(tmp_path / name)
    assert str(error.value) == f"{tmp_path / name}: {message}"
    assert capfd.readouterr() == ("", "")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read ")]


def test_no_picture_lies_before_0_00(tmp_path: Path) -> None:
    """Composition times do not fit the edit list; in an export a player would hide such a picture."""
    path = make_video(tmp_path / "in.mp4", ramp(20), sound="aac", coding={"bf": "2"})
    data = bytearray(path.read_bytes())
    entry = data.find(b"ctts") + 12
    data[entry : entry + 8] = struct.pack(">Ii", 127, -512)
    path.write_bytes(data)
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        assert first.pts * first.time_base < container.streams.video[0].start_time * first.time_base
    with open_source(path) as source:
        assert times(list(source))[:2] == [0.0, 0.2]
        assert source.info.sound is not None
        assert source.info.sound.zero == first.pts * first.time_base  # so it stays in step
