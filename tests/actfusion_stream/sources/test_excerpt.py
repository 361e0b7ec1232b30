"""A part of a source: which frames, when, and what a video of it holds."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import make_video, packets, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.source import open_source


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds, ten frames a second, a key picture every second, with sound."""
    coding = {"g": "10", "bf": "2"}
    return make_video(tmp_path_factory.mktemp("v") / "v.mp4", times=ramp(200), sound="aac", coding=coding)


@pytest.mark.parametrize(
    ("start", "duration", "first", "last"),
    [(0.0, 2.0, 0.0, 1.9), (1.25, None, 1.3, 19.9), (12.35, 3.0, 12.4, 15.3), (19.9, 9.0, 19.9, 19.9)],
)
def test_frames_of_a_part_are_those_of_the_whole(
    start: float, duration: float | None, first: float, last: float, video: Path
) -> None:
    with open_source(video) as source:
        whole = {round(frame.time, 3): frame.image for frame in source}
    with open_source(video, start=start, duration=duration) as source:
        part = {round(frame.time, 3): frame.image for frame in source}
        assert source.info.duration == pytest.approx(min(20.0, start + (duration or 20.0)))
        assert (source.warning, source.remark) == (None, None)
    assert list(part) == [time for time in whole if first <= time <= last]
    assert all(np.array_equal(part[time], whole[time]) for time in part)


def test_what_lies_well_before_is_not_decoded(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actfusion_stream.sources.timestamps import Timeline

    placed: list[object] = []
    place = Timeline.place
    monkeypatch.setattr(Timeline, "place", lambda self, time: placed.append(time) or place(self, time))
    with open_source(video, start=12.35) as source:
        assert round(next(source).time, 3) == 12.4
        assert sum(1 for _ in source) == 75
    assert len(placed) <= 90, "nothing was left out"


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".avi"])
def test_other_containers_begin_at_the_same_picture(suffix: str, tmp_path: Path) -> None:
    path = make_video(tmp_path / f"v{suffix}", times=ramp(200), coding={"g": "30"})
    with open_source(path) as source:
        whole = [frame for frame in source if frame.time >= 11.0]
    with open_source(path, start=11.0, duration=3.0) as source:
        part = list(source)
    assert [frame.time for frame in part] == [frame.time for frame in whole if frame.time < 13.9995]
    assert np.array_equal(part[0].image, whole[0].image)


def test_a_video_of_a_part_begins_at_0_and_its_sound_is_in_step(video: Path, tmp_path: Path) -> None:
    target = tmp_path / "part.mp4"
    with open_source(video, start=12.0, duration=3.0) as source, VideoWriter(target, source.info) as writer:
        for frame in source:
            writer.write(frame.time, frame.image)
        writer.close(finished=False)
    with av.open(str(target)) as part:
        pictures = [float(frame.time) for frame in part.decode(video=0)]
    assert pictures == pytest.approx([index / 10 for index in range(30)])
    # The sound is copied: its packets tell where it comes from.
    whole, part = (
        {round(p.pts * p.time_base, 4): bytes(p) for p in packets(path, "audio")} for path in (video, target)
    )
    assert min(part) == pytest.approx(0.0, abs=0.03)
    assert max(part) == pytest.approx(3.0, abs=0.05)
    assert all(bytes_ == whole[round(time + 12, 4)] for time, bytes_ in part.items())


@pytest.mark.parametrize(
    ("start", "duration", "complaint"),
    [
        (25.0, None, "start 25: v.mp4 ends at 20.0 s"),
        (-1.0, None, "start -1: give seconds from 0 to 1e+06"),
        (0.0, 0.0, "duration 0: give seconds above 0, up to 1e+06"),
    ],
)
def test_a_part_that_is_none(start: float, duration: float | None, complaint: str, video: Path) -> None:
    with pytest.raises(StreamError) as refused:
        open_source(video, start=start, duration=duration)
    assert str(refused.value) == complaint


def test_what_is_live_has_no_beginning(video: Path) -> None:
    from actfusion_stream.sources.camera import CameraConnection
    from actfusion_stream.sources.excerpt import Excerpt
    from actfusion_stream.sources.live import LiveReader

    camera = LiveReader("camera 0", lambda: CameraConnection(video), outage=0)
    with pytest.raises(StreamError, match="start 3: camera 0 is live, and begins when it is opened"):
        Excerpt(camera, 3.0)


def test_a_camera_that_has_other_sizes_says_so(video: Path) -> None:
    from actfusion_stream.sources.camera import CameraConnection
    from actfusion_stream.sources.live import LiveReader

    camera = LiveReader("camera 0", lambda: CameraConnection(video, (1280, 720), 30.0), outage=0)
    assert sum(1 for _ in camera.frames()) > 10
    camera.close()
    assert camera.remark == "camera 0: asked for 1280x720, 30 fps, it delivers 64x48, 10 fps"


def test_only_a_camera_is_asked_for_a_size(video: Path) -> None:
    with pytest.raises(StreamError, match="camera-size 640x480: for a camera; a video has its own"):
        open_source(video, size=(640, 480))
