"""Endings beyond the known ones: what FFmpeg's muxers turn out to do decides."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from sample_videos import make_video, packets, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.muxers import muxer_of
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.source import open_source

VARIABLE = [0, 100, 500, 600, 1700, 1800, 1900]  # milliseconds


@pytest.mark.parametrize("suffix", [".flv", ".f4v", ".m4v", ".3gp", ".nut", ".m2ts", ".wmv", ".avi"])
def test_times_and_sound_survive_in_what_is_taken(suffix: str, tmp_path: Path) -> None:
    source, target = make_video(tmp_path / "in.mp4", times=VARIABLE, sound="aac"), tmp_path / f"out{suffix}"
    with open_source(source) as frames, VideoWriter(target, frames.info) as writer:
        for frame in frames:
            writer.write(frame.time, frame.image)
    assert writer.warning is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", target.name]
    ticks = [p.pts if p.dts is None else p.dts for p in packets(target, "video") if p.size]
    with av.open(str(target)) as written:
        clock = written.streams.video[0].time_base
    times = [float((tick - ticks[0]) * clock) for tick in ticks]
    if suffix == ".avi":  # which counts frames
        assert times == sorted(set(times))
    else:
        assert times == pytest.approx([ms / 1000 for ms in VARIABLE], abs=0.002)
    with av.open(str(target)) as written:
        assert len(list(written.decode(video=0))) == len(VARIABLE)
        seconds = sum(frame.samples / frame.sample_rate for frame in av.open(str(target)).decode(audio=0))
    assert seconds == pytest.approx(sum(p.duration * p.time_base for p in packets(source, "audio")), abs=0.1)


def test_avi_keeps_the_times_of_a_constant_rate(tmp_path: Path) -> None:
    source, target = make_video(tmp_path / "in.mp4", times=ramp(20)), tmp_path / "out.avi"
    with open_source(source) as frames, VideoWriter(target, frames.info) as writer:
        for frame in frames:
            writer.write(frame.time, frame.image)
    with av.open(str(target)) as written:
        assert written.streams.video[0].average_rate == 10
        brightness = [frame.to_ndarray(format="rgb24").mean() for frame in written.decode(video=0)]
    assert len(brightness) == 20
    with open_source(source) as frames:
        assert brightness == pytest.approx([frame.image.mean() for frame in frames], abs=4)


@pytest.mark.parametrize(
    "suffix",
    [
        ".mpg",
        ".mxf",
        ".wtv",
        ".m3u8",
        ".mpd",
        ".h264",
        ".mjpg",
        ".mp3",
        ".wav",
        ".png",
        ".txt",
        ".unheard",
        "",
    ],
)
def test_what_fails_at_it_is_refused_before_any_work(suffix: str, tmp_path: Path) -> None:
    """FFmpeg's muxers of .mxf and .wtv say that they take H.264."""
    assert muxer_of(suffix) is None
    with pytest.raises(StreamError, match=r"an annotated video can be \.mp4, \.mov, \.mkv, "):
        make_writer(tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []


def make_writer(target: Path) -> VideoWriter:
    source = make_video(target.parent / "in.mp4")
    try:
        with open_source(source) as frames:
            return VideoWriter(target, frames.info)
    finally:
        source.unlink()


def test_what_has_no_sound_of_its_own_says_nothing_of_it(tmp_path: Path) -> None:
    assert (muxer_of(".ivf") or ("",))[1:] == ("libvpx-vp9", "")
    source, target = make_video(tmp_path / "in.mp4", sound="aac"), tmp_path / "out.ivf"
    with open_source(source) as frames, VideoWriter(target, frames.info) as writer:
        for frame in frames:
            writer.write(frame.time, frame.image)
    assert writer.warning == "in.mp4: its sound cannot be kept (.ivf holds none)"
    with av.open(str(target)) as written:
        assert [stream.type for stream in written.streams] == ["video"]
