"""What is written can be played, read and trusted; what cannot be written is said before any work is done."""

from __future__ import annotations

import resource
import types
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import BEEP, beep_starts, grey_level, make_video, packets, ramp, shared_clips

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks import video as writers
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import open_source

CAMERA = SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False)


def copy(source: Path, target: Path, frames: int | None = None) -> VideoWriter:
    """Send a video through source and writer; stop as Ctrl-C would after so many frames."""
    with open_source(source) as video, VideoWriter(target, video.info) as writer:
        try:
            for frame in video:
                if frame.index == frames:
                    raise KeyboardInterrupt
                writer.write(frame.time, frame.image)
        except KeyboardInterrupt:
            writer.close(finished=False)
    return writer


def shown(path: Path) -> list[tuple[float, float]]:
    """(start, end) of each frame, in seconds."""
    return [
        (round(float(p.pts * p.time_base), 6), round(float((p.pts + p.duration) * p.time_base), 6))
        for p in packets(path, "video")
    ]


def payload(path: Path) -> list[tuple[Fraction, bytes]]:
    return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets(path, "audio")]


# Picture


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_every_frame_keeps_its_time(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "vfr.mp4", times=[0, 40, 500, 540, 1700])
    assert copy(source, tmp_path / f"out{suffix}").frames == 5
    assert [start for start, _ in shown(tmp_path / f"out{suffix}")] == [0.0, 0.04, 0.5, 0.54, 1.7]
    with open_source(tmp_path / f"out{suffix}") as out:
        for index, frame in enumerate(out):
            assert np.allclose(frame.image, grey_level(index), atol=4)


def test_it_is_h264_as_every_player_knows_it(tmp_path: Path) -> None:
    copy(make_video(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.codec.canonical_name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (64, 48)
        assert stream.average_rate == 10


def test_the_last_frame_lasts_as_long_as_the_one_before(tmp_path: Path) -> None:
    copy(make_video(tmp_path / "in.mp4", times=[0, 100, 300]), tmp_path / "out.mp4")
    assert shown(tmp_path / "out.mp4") == [(0.0, 0.1), (0.1, 0.3), (0.3, 0.5)]


def test_a_picture_that_starts_after_the_sound_stays_there_to_the_tick(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", times=[707, 800, 900], sound="aac")
    copy(source, tmp_path / "out.mp4")
    assert [start for start, _ in shown(tmp_path / "out.mp4")] == [0.707, 0.8, 0.9]


def test_a_clock_as_coarse_as_the_frames_is_refined(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "coarse.avi"), "w") as container:  # AVI counts frames
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(4):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
        for seconds in (0.0, 0.03, 0.1):
            writer.write(seconds, np.zeros((48, 64, 3), np.uint8))
    assert [start for start, _ in shown(tmp_path / "out.mp4")] == [0.0, 0.03, 0.1]


def test_an_odd_size_grows_by_a_copy_of_its_edge(tmp_path: Path) -> None:
    source = make_video(tmp_path / "odd.mkv", size=(65, 49), pixels="yuv444p")
    copy(source, tmp_path / "out.mp4")
    with open_source(tmp_path / "out.mp4") as out:
        image = next(out).image
    assert image.shape == (50, 66, 3)
    assert np.allclose(image, grey_level(0), atol=4)


@pytest.mark.parametrize("colour", [(200, 30, 60), (20, 160, 40), (255, 255, 255), (0, 0, 0)])
def test_colours_come_out_as_they_went_in(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
        writer.write(0.0, np.full((48, 64, 3), colour, np.uint8))
    with open_source(tmp_path / "out.mp4") as out:
        assert np.allclose(next(out).image, colour, atol=4)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).colorspace == 1  # BT.709


def test_a_camera_has_neither_sound_nor_time_base_to_keep(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
        for seconds in (0.0, 0.0337, 0.0661):
            writer.write(seconds, np.zeros((48, 64, 3), np.uint8))
    assert [start for start, _ in shown(tmp_path / "out.mp4")] == pytest.approx(
        [0.0, 0.0337, 0.0661], abs=1e-5
    )


def test_two_frames_of_one_instant_become_two_ticks(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
        writer.write(1.0, np.zeros((48, 64, 3), np.uint8))
        writer.write(1.0, np.zeros((48, 64, 3), np.uint8))
    first, second = packets(tmp_path / "out.mp4", "video")
    assert second.pts == first.pts + 1


def test_a_picture_of_another_size_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match=r"image of shape \(10, 10, 3\), expected \(48, 64, 3\)"),
        VideoWriter(tmp_path / "out.mp4", CAMERA) as writer,
    ):
        writer.write(0.0, np.zeros((10, 10, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


# Sound


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_sound_that_players_know_is_copied_bit_by_bit(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "in.mp4", times=ramp(30), sound="aac")
    writer = copy(source, tmp_path / f"out{suffix}")
    assert writer.warning is None
    assert payload(tmp_path / f"out{suffix}") == payload(source)


def test_sound_longer_than_the_picture_is_kept_to_its_end(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", sound="aac", seconds_of_sound=4.0)
    copy(source, tmp_path / "out.mp4")
    assert payload(tmp_path / "out.mp4") == payload(source)


@pytest.mark.parametrize(
    ("source_name", "sound"),
    [
        *((name, sound) for name in ("in.mp4", "in.ts") for sound in ("aac", "libmp3lame", "mp2")),
        *(
            (name, sound)
            for name in ("in.mkv", "in.mov")
            for sound in ("aac", "libmp3lame", "mp2", "pcm_s16le")
        ),
    ],
)
@pytest.mark.parametrize("target_name", ["out.mp4", "out.mov", "out.mkv"])
def test_picture_and_sound_stay_in_step(
    tmp_path: Path, source_name: str, sound: str, target_name: str
) -> None:
    source, target = tmp_path / source_name, tmp_path / target_name
    writer = copy(make_video(source, sound=sound), target)
    assert (writer.warning, writer.frames) == (None, 10)
    before = beep_starts(source) - float(
        packets(source, "video")[0].pts * packets(source, "video")[0].time_base
    )
    after = beep_starts(target) - float(
        packets(target, "video")[0].pts * packets(target, "video")[0].time_base
    )
    assert before == pytest.approx(BEEP, abs=0.03)
    assert after == pytest.approx(before, abs=0.002)


def test_sound_is_transcoded_where_the_container_does_not_take_it(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mkv", sound="pcm_s16le")
    copy(source, tmp_path / "out.mp4")
    copy(source, tmp_path / "out.mkv")
    codecs = {}
    for name in ("out.mp4", "out.mkv"):
        with av.open(str(tmp_path / name)) as container:
            codecs[name] = container.streams.audio[0].codec_context.codec.canonical_name
    assert codecs == {"out.mp4": "aac", "out.mkv": "pcm_s16le"}


@pytest.mark.parametrize("sound", ["aac", "pcm_s16le"])
def test_sound_is_interleaved_with_the_picture(tmp_path: Path, sound: str) -> None:
    """A player that streams the file never has to read far ahead for either."""
    copy(make_video(tmp_path / "in.mkv", times=ramp(60), sound=sound), tmp_path / "out.mp4")
    reached = {"video": 0.0, "audio": 0.0}
    with av.open(str(tmp_path / "out.mp4")) as container:
        stored = sorted((p for p in container.demux() if p.size), key=lambda packet: packet.pos)
        for packet in stored:
            reached[packet.stream.type] = float(packet.pts * packet.time_base)
            assert abs(reached["video"] - reached["audio"]) < 0.3


@pytest.mark.skipif(not shared_clips(), reason="needs ../shared/clips (or ACTFUSION_SHARED)")
@pytest.mark.parametrize("clip", shared_clips(), ids=lambda clip: clip.stem)
def test_real_clips_go_through_unchanged_in_time_and_sound(tmp_path: Path, clip: Path) -> None:
    copy(clip, tmp_path / "out.mp4")
    assert shown(tmp_path / "out.mp4") == shown(clip)
    assert payload(tmp_path / "out.mp4") == payload(clip)


# Stopping


def test_ctrl_c_leaves_a_playable_video_whose_sound_ends_with_the_picture(tmp_path: Path) -> None:
    def interrupted(source: Path) -> None:
        with open_source(source) as video, VideoWriter(tmp_path / "out.mp4", video.info) as writer:
            for frame in video:
                writer.write(frame.time, frame.image)
                if frame.index == 19:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(make_video(tmp_path / "in.mp4", times=ramp(60), sound="aac"))
    assert len(shown(tmp_path / "out.mp4")) == 20
    assert shown(tmp_path / "out.mp4")[-1] == (1.9, 2.0)
    assert float(payload(tmp_path / "out.mp4")[-1][0]) == pytest.approx(2.0, abs=0.03)
    with open_source(tmp_path / "out.mp4") as out:
        assert len(list(out)) == 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_any_other_exception_leaves_what_was_there_before(tmp_path: Path) -> None:
    def broken(target: Path) -> None:
        with VideoWriter(target, CAMERA) as writer:
            writer.write(0.0, np.zeros((48, 64, 3), np.uint8))
            raise RuntimeError("a bug")

    target = tmp_path / "out.mp4"
    target.write_text("yesterday's video")
    with pytest.raises(RuntimeError, match="a bug"):
        broken(target)
    assert target.read_text() == "yesterday's video"
    assert list(tmp_path.iterdir()) == [target]


def test_the_final_name_appears_only_when_the_video_is_complete(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", CAMERA)
    writer.write(0.0, np.zeros((48, 64, 3), np.uint8))
    assert not (tmp_path / "out.mp4").exists()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", CAMERA):
        pass
    assert list(tmp_path.iterdir()) == []


def test_closing_and_aborting_again_changes_nothing(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "out.mp4", CAMERA)
    writer.write(0.0, np.zeros((48, 64, 3), np.uint8))
    writer.close()
    writer.abort()
    with pytest.raises(ValueError, match=r"out\.mp4 has been closed"):
        writer.write(1.0, np.zeros((48, 64, 3), np.uint8))
    assert len(shown(tmp_path / "out.mp4")) == 1


def test_a_full_disk_is_one_line_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    def fill() -> None:
        noise = np.random.default_rng(0)
        with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
            for index in range(300):
                writer.write(index / 30, noise.integers(0, 256, (48, 64, 3), np.uint8))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(
            StreamError, match=r"out\.mp4: cannot be written \(File too large\); what was rec"
        ):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (kept,) = tmp_path.iterdir()
    assert len(shown(kept)) > 5


def test_a_nearly_full_disk_ends_the_video_while_it_can_still_be_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [100 << 20]
    monkeypatch.setattr(writers.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=free[0]))
    message = r"out\.mp4: only 7\.0 MiB are left on the disk; the video ends at 1\.0 s$"

    def fill() -> None:
        with VideoWriter(tmp_path / "out.mp4", CAMERA) as writer:
            for index in range(300):
                free[0] = (100 if index < 30 else 7) << 20
                writer.write(index / 30, np.zeros((48, 64, 3), np.uint8))

    with pytest.raises(StreamError, match=message):
        fill()
    assert len(shown(tmp_path / "out.mp4")) == 30
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_disk_that_is_full_from_the_start_gets_no_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=0))
    with (
        VideoWriter(tmp_path / "out.mp4", CAMERA) as writer,
        pytest.raises(StreamError, match=r"only 0\.0 MiB are left on the disk; there is no video$"),
    ):
        writer.write(0.0, np.zeros((48, 64, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_sound_that_cannot_be_read_to_the_end_does_not_stop_the_picture(tmp_path: Path) -> None:
    whole = make_video(
        tmp_path / "in.mkv", times=ramp(60), sound="pcm_s16le", coding={"bf": "0"}
    ).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    writer = copy(tmp_path / "cut.mkv", tmp_path / "out.mp4")
    assert 10 < writer.frames < 60
    assert float(payload(tmp_path / "out.mp4")[-1][0]) == pytest.approx(writer.frames / 10, abs=0.3)
