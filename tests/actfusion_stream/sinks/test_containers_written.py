"""Containers besides .mp4: each with a picture and a sound that its players know, at the right times."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from sample_videos import make_video, ramp

from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.source import open_source


@pytest.mark.parametrize(
    ("suffix", "form", "picture", "sound"),
    [
        (".webm", "webm", "vp9", "opus"),
        (".ts", "mpegts", "h264", "aac"),
        (".mkv", "matroska", "h264", "aac"),
    ],
)
def test_picture_and_sound_by_the_ending(
    suffix: str, form: str, picture: str, sound: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_video(tmp_path / "source.mp4", times=ramp(20), sound="aac")
    target = tmp_path / f"written{suffix}"
    with open_source(source) as frames, VideoWriter(target, frames.info) as writer:
        means = []
        for frame in frames:
            writer.write(frame.time, frame.image)
            means.append(frame.image.mean())
    assert (writer.warning, caplog.messages) == (None, [])
    with av.open(str(target)) as written:
        assert form in written.format.name
        video, audio = written.streams.video[0], written.streams.audio[0]
        assert (video.codec_context.name.removeprefix("lib").split("-")[-1], video.width) == (picture, 64)
        assert audio.codec_context.codec.canonical_name == sound
        shown = list(written.decode(video=0))
        written.seek(0)
        heard = list(written.decode(audio=0))
    start = float(shown[0].time)
    assert [float(one.time) - start for one in shown] == pytest.approx([i / 10 for i in range(20)], abs=0.002)
    assert float(heard[0].time) - start == pytest.approx(0.0, abs=0.05)
    assert sum(one.samples for one in heard) / heard[0].sample_rate == pytest.approx(2.0, abs=0.1)
    brightness = [one.to_ndarray(format="rgb24").mean() for one in shown]
    assert brightness == pytest.approx(means, abs=4)
