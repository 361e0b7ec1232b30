"""Short clips as GIFs: in their time, in colours that are theirs, and refused where they are not short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import make_video, ramp
from sinks_of_tests import beginning

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks import gif
from actfusion_stream.sinks.hindsight import HindsightVideo
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import open_source

CAMERA = SourceInfo("camera 0", 64, 48, None, 25.0, live=True, has_audio=False)


def shown(path: Path) -> list[tuple[float, np.ndarray]]:
    """Times and pictures."""
    with av.open(str(path)) as written:
        frames = list(written.decode(video=0))
    return [(float(frame.time or 0.0), frame.to_ndarray(format="rgb24")) for frame in frames]


def test_a_gif_has_the_pictures_at_their_times_and_no_sound(tmp_path: Path) -> None:
    source, target = make_video(tmp_path / "in.mp4", times=ramp(20), sound="aac"), tmp_path / "out.GIF"
    with open_source(source) as frames, VideoWriter(target, frames.info) as writer:
        means = []
        for frame in frames:
            writer.write(frame.time, frame.image)
            means.append(frame.image.mean())
    assert writer.warning is None  # nobody looks for it in a GIF
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.GIF"]
    assert target.read_bytes()[:6] == b"GIF89a"
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in target.read_bytes()  # over and over
    pictures = shown(target)
    assert [time for time, _ in pictures] == pytest.approx([i / 10 for i in range(20)])
    assert [image.mean() for _, image in pictures] == pytest.approx(means, abs=4)


def test_colours_are_those_of_the_clip(tmp_path: Path) -> None:
    colors = [(200, 30, 60), (20, 160, 40), (250, 250, 250), (30, 60, 220)]
    with VideoWriter(tmp_path / "out.gif", CAMERA) as writer:
        for index, color in enumerate(colors):
            writer.write(index / 5, np.full((48, 64, 3), color, np.uint8))
    for (_, image), color in zip(shown(tmp_path / "out.gif"), colors, strict=True):
        assert image.reshape(-1, 3).mean(axis=0) == pytest.approx(color, abs=8)


def test_a_gif_has_every_second_picture_of_25_and_no_more_than_640_pixels(tmp_path: Path) -> None:
    info = replace(CAMERA, width=800, height=200)
    with VideoWriter(tmp_path / "out.gif", info) as writer:
        for index in range(10):
            writer.write(index / 25, np.full((200, 800, 3), 20 * index, np.uint8))
    pictures = shown(tmp_path / "out.gif")
    assert [time for time, _ in pictures] == pytest.approx([0.0, 0.08, 0.16, 0.24, 0.32])
    assert pictures[0][1].shape == (160, 640, 3)


@pytest.mark.parametrize(("begins", "duration"), [(0.0, 61.0), (30.0, 95.0)])
def test_what_is_not_short_is_refused_before_any_work(begins: float, duration: float, tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4")
    with open_source(source) as frames:
        info = replace(frames.info, duration=duration, begins=begins)
    line = (
        f"{tmp_path}/out.gif: in.mp4 has {duration - begins:.0f} s, and a GIF at most 60; "
        r"give --duration 60, or write \.mp4"
    )
    with pytest.raises(StreamError, match=line):
        VideoWriter(tmp_path / "out.gif", info)
    hindsight = HindsightVideo(tmp_path / "out.gif", source)
    with pytest.raises(StreamError, match=line):
        hindsight.start(replace(beginning(info, ("cut", "mix")), again=lambda: open_source(source)))
    VideoWriter(tmp_path / "out.gif", replace(info, duration=begins + 60.0)).abort()
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_what_turns_out_to_be_too_long_is_kept_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actfusion_stream.sinks.video.LONGEST", 1)
    writer = VideoWriter(tmp_path / "out.gif", CAMERA)
    for index in range(10):
        writer.write(index / 10, np.full((48, 64, 3), 20 * index, np.uint8))
    with pytest.raises(StreamError, match=r"out\.gif: ends at 1 s, as long as a GIF is made here"):
        writer.write(1.0, np.zeros((48, 64, 3), np.uint8))
    assert len(shown(tmp_path / "out.gif")) == 10
    assert gif.LONGEST == 60
