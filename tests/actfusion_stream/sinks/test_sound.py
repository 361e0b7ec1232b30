"""Sound is kept in step, or named as left out, and never costs a picture."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from pathlib import Path

import av
import numpy as np
import pytest
from film import film, needs_ffmpeg
from sample_videos import BEEP, beep_starts, make_video, packets, ramp

from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.source import Source, open_source
from actfusion_stream.sources.video_file import VideoFile


def exported(source: Path | Source, target: Path) -> VideoWriter:
    """Send a video through source and writer, to its end."""
    opened = source if isinstance(source, Source) else open_source(source)
    with opened as video, VideoWriter(target, video.info) as writer:
        for frame in video:
            writer.write(frame.time, frame.image)
    return writer


def pictures(path: Path) -> int:
    return len(packets(path, "video"))


def loudness(path: Path, start: float, end: float) -> float:
    """Root mean square of the samples in between, in a player's time."""
    found = []
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            with contextlib.suppress(av.error.FFmpegError):  # what is copied may be damaged
                for frame in packet.decode():
                    if frame.time is not None and start <= frame.time < end:
                        samples = frame.to_ndarray().astype(float)
                        found.append(samples / (1.0 if "flt" in frame.format.name else 32768.0))
    return float(np.sqrt(np.mean(np.concatenate(found, axis=1) ** 2))) if found else 0.0


TONE_AND_PICTURE = {
    "picture": ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=10"),
    "tone": ("-f", "lavfi", "-i", "sine=d=10"),
}


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_lossless_trim_keeps_its_sound(tmp_path: Path, suffix: str) -> None:
    """Its sound starts before 0:00 and is marked to be thrown away up to there."""
    whole = film(tmp_path / "long.mp4", "-c:v", "libx264", "-g", "250", "-pix_fmt", "yuv420p", "-c:a", "aac",
                 **TONE_AND_PICTURE)  # fmt: skip
    cut = (
        "ffmpeg",
        "-loglevel",
        "error",
        "-ss",
        "6",
        "-i",
        str(whole),
        "-c",
        "copy",
        str(tmp_path / "cut.mp4"),
    )
    subprocess.run(cut, check=True)
    writer = exported(tmp_path / "cut.mp4", tmp_path / f"out{suffix}")
    assert (writer.frames, writer.warning) == (100, None)
    assert pictures(tmp_path / f"out{suffix}") == 100
    for second in range(4):
        original, kept = (
            loudness(p, second, second + 0.9) for p in (tmp_path / "cut.mp4", tmp_path / f"out{suffix}")
        )
        assert kept == pytest.approx(original, rel=0.1)


def test_a_pipe_is_read_once_and_keeps_its_sound(tmp_path: Path) -> None:
    video = make_video(tmp_path / "in.ts", times=ramp(30), sound="mp2")
    os.mkfifo(tmp_path / "pipe")
    feeder = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(video.read_bytes()))
    feeder.start()
    writer = exported(tmp_path / "pipe", tmp_path / "out.mp4")
    feeder.join(10)
    assert (writer.frames, writer.warning) == (30, None)
    assert beep_starts(tmp_path / "out.mp4") == pytest.approx(BEEP, abs=0.03)


def test_a_container_that_was_opened_elsewhere_keeps_its_sound(tmp_path: Path) -> None:
    """As of standard input and the web."""
    video = make_video(tmp_path / "in.mp4", times=ramp(30), sound="aac")
    with video.open("rb") as file:
        writer = exported(Source(VideoFile("standard input", av.open(file))), tmp_path / "out.mp4")
    assert (writer.frames, writer.warning) == (30, None)
    assert beep_starts(tmp_path / "out.mp4") == pytest.approx(beep_starts(video), abs=0.03)


def test_nobody_collects_sound_that_is_not_wanted(tmp_path: Path) -> None:
    with open_source(make_video(tmp_path / "in.mp4", times=ramp(30), sound="aac")) as source:
        assert len(list(source)) == 30
    assert source.info.sound is not None
    assert source.info.sound.take() is None


# Damage


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["aac", "mp2", "ac3"])
@pytest.mark.parametrize("lost", range(0, 60, 7))
def test_a_transport_packet_of_sound_that_is_lost_costs_no_picture(
    tmp_path: Path, codec: str, lost: int
) -> None:
    whole = film(tmp_path / "in.ts", "-c:v", "mpeg2video", "-c:a", codec, "-f", "mpegts")
    stream = bytearray(whole.read_bytes())
    cells = [i for i in range(0, len(stream), 188) if (stream[i + 1] & 0x1F) << 8 | stream[i + 2] == 0x101]
    cell = cells[(5 + lost) % len(cells)]
    del stream[cell : cell + 188]
    whole.write_bytes(bytes(stream))
    writer = exported(whole, tmp_path / "out.mp4")
    assert pictures(tmp_path / "out.mp4") == writer.frames == 50
    assert writer.warning is None or "sound is damaged in" in writer.warning
    assert loudness(tmp_path / "out.mp4", 0.2, 1.8) > 0.03


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("seed", range(6))
def test_holes_in_a_file_cost_no_picture_that_can_be_decoded(tmp_path: Path, suffix: str, seed: int) -> None:
    codec = ("-c:v", "mjpeg", "-c:a", "aac") if suffix == ".mov" else ("-c:v", "libx264", "-c:a", "aac")
    whole = film(tmp_path / f"in{suffix}", *codec, "-pix_fmt", "yuvj420p")
    stream = bytearray(whole.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(stream) // 4, 3 * len(stream) // 4, 8):
        stream[at : at + 40] = rng.bytes(40)
    whole.write_bytes(bytes(stream))
    with open_source(whole) as video:
        decoded = sum(1 for _ in video)
    writer = exported(whole, tmp_path / "out.mp4")
    assert pictures(tmp_path / "out.mp4") == writer.frames == decoded


def transport(path: Path, offset: float, *sound: str) -> bytes:
    """Three seconds of MPEG-TS that start at `offset`, to be joined."""
    picture = ("-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=3")
    film(
        path, "-c:v", "mpeg2video", "-c:a", "mp2", *sound, "-output_ts_offset", str(offset), "-f", "mpegts",
        picture=picture, tone=("-f", "lavfi", "-i", "sine=d=3"),
    )  # fmt: skip
    return path.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    "second", [("-ar", "48000", "-ac", "1"), ("-ar", "32000", "-ac", "2"), ("-ar", "44100", "-ac", "1")]
)
def test_sound_that_changes_in_the_middle_goes_on(
    tmp_path: Path, second: tuple[str, ...], suffix: str
) -> None:
    joined = transport(tmp_path / "1.ts", 0, "-ar", "48000", "-ac", "2") + transport(
        tmp_path / "2.ts", 3, *second
    )
    (tmp_path / "in.ts").write_bytes(joined)
    writer = exported(tmp_path / "in.ts", tmp_path / f"out{suffix}")
    assert pictures(tmp_path / f"out{suffix}") == writer.frames >= 148
    if suffix == ".mp4":  # turned into AAC; in Matroska it is copied, and its player has to follow
        assert loudness(tmp_path / "out.mp4", 0.5, 2.5) > 0.03
        assert loudness(tmp_path / "out.mp4", 3.5, 5.5) > 0.03


@needs_ffmpeg
def test_sound_that_begins_late_and_unannounced_is_left_out_and_named(tmp_path: Path) -> None:
    """An FLV file whose header knows nothing of the sound that begins after 12 s."""
    flash = ("-c:v", "flv1", "-q:v", "3")
    silent = film(
        tmp_path / "v.flv", *flash, picture=("-f", "lavfi", "-i", "testsrc=s=64x48:r=15:d=12"), tone=()
    )
    loud = film(tmp_path / "av.flv", *flash, "-c:a", "mp3", "-ar", "44100").read_bytes()
    joined, at = bytearray(silent.read_bytes()), 13
    while at + 11 < len(loud):
        size = int.from_bytes(loud[at + 1 : at + 4], "big")
        time = (int.from_bytes(loud[at + 4 : at + 7], "big") | loud[at + 7] << 24) + 12_000
        tag = bytearray(loud[at : at + 15 + size])
        tag[4:7], tag[7] = (time & 0xFFFFFF).to_bytes(3, "big"), time >> 24
        if tag[0] in (8, 9):
            joined += tag
        at += 15 + size
    (tmp_path / "in.flv").write_bytes(joined)
    video = VideoFile(tmp_path / "in.flv")
    frames = len(list(video.frames()))
    video.close()
    assert frames >= 12 * 15 + 2 * 15
    assert video.remark is not None
    assert "left without a sound that begins unannounced" in video.remark
    assert exported(tmp_path / "in.flv", tmp_path / "out.mp4").frames == frames


def test_two_recordings_joined_say_where_the_sound_ends(tmp_path: Path) -> None:
    parts = [make_video(tmp_path / f"{n}.ts", times=ramp(30), sound="mp2").read_bytes() for n in range(2)]
    (tmp_path / "in.ts").write_bytes(b"".join(parts))
    writer = exported(tmp_path / "in.ts", tmp_path / "out.mp4")
    assert writer.frames == 60
    assert writer.warning is not None
    assert "its sound ends at 3.0 s (another recording follows)" in writer.warning


def test_a_stream_of_sound_that_stays_empty_costs_no_picture(tmp_path: Path) -> None:
    """Nothing says its rate and channels: broadcasts announce sound that never comes."""
    for codec in ("aac", "ac3", "mp2"):
        with av.open(str(tmp_path / "in.ts"), "w") as container:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            container.add_stream(codec, rate=48_000, layout="mono")
            for _ in range(20):
                container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
            container.mux(video.encode(None))
        for suffix in (".mp4", ".mov", ".mkv"):
            assert exported(tmp_path / "in.ts", tmp_path / f"out{suffix}").frames == 20
            assert pictures(tmp_path / f"out{suffix}") == 20


def test_sound_that_ffmpeg_does_not_know_how_to_copy_costs_no_picture(tmp_path: Path) -> None:
    """A bit in the header of an AAC frame says "several blocks, with checksums": an error of its own kind."""
    source = make_video(tmp_path / "in.ts", ramp(40), sound="aac")
    stream = bytearray(source.read_bytes())
    frame = stream.find(b"\xff\xf1", len(stream) // 2)
    stream[frame + 1], stream[frame + 6] = 0xF0, stream[frame + 6] | 1
    source.write_bytes(stream)
    writer = exported(source, tmp_path / "out.mp4")
    assert (writer.frames, pictures(tmp_path / "out.mp4")) == (40, 40)
    assert writer.warning is not None
    assert writer.warning.startswith("in.ts: its sound is damaged in 1 place, first at 2.")
