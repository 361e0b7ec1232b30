"""The video is drawn and encoded beside the model; what goes wrong there comes out here; nothing hangs."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from laid_over import laid_over
from sample_videos import make_video, packets, ramp
from sinks_of_tests import beginning

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import open_source
from actfusion_stream.views.overlay import Overlay

INFO = SourceInfo("camera 0", 320, 240, None, 10.0, live=True, has_audio=False)
TICK = Tick(0.5, 0.4, (Segment("cut", 0.0, 0.4, 0.9),), (Segment("mix", 0.4, 0.6, 0.8),))


def frame(index: int, size: tuple[int, int] = (240, 320)) -> Frame:
    noise = np.random.default_rng(index).integers(0, 256, (*size, 3), np.uint8)  # noise fills a disk
    return Frame(index / 10, noise, index, 0.0)


@contextmanager
def annotated(
    path: Path, source: Path | None = None, info: SourceInfo = INFO, *, interrupted: bool = False
) -> Iterator[AnnotatedVideo]:
    """A video between its beginning and its end; closed, as a run would close it, whatever happens."""
    video = AnnotatedVideo(path, source)
    video.start(beginning(info))
    try:
        yield video
        video.end(interrupted=interrupted)
    finally:
        video.close()


def assert_kept(folder: Path) -> None:
    """What was recorded before the disk was full lies there, and plays."""
    (kept,) = folder.iterdir()
    assert kept.name.endswith(".partial.mkv")
    with open_source(kept) as source:
        assert next(iter(source)).image.shape == (240, 320, 3)


def differing(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the pixels that nobody would take for the same."""
    return float((np.abs(one.astype(int) - other).max(axis=2) > 24).mean())


def exporter_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "exporter"]


@pytest.fixture
def small_disk() -> Iterator[None]:
    """A disk that takes no more than 100 kB of a file."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_every_frame_is_written_in_its_time(tmp_path: Path) -> None:
    with annotated(tmp_path / "out.mp4") as video:
        for index in range(25):  # more than wait for the encoder at once
            video.frame(frame(index), TICK if index >= 5 else None)
    times = [
        round(float(packet.pts * packet.time_base), 3) for packet in packets(tmp_path / "out.mp4", "video")
    ]
    assert times == [index / 10 for index in range(25)]
    assert exporter_threads() == []


def test_each_frame_is_drawn_with_the_tick_that_it_came_with(tmp_path: Path) -> None:
    grey = np.full((240, 320, 3), 90, np.uint8)
    with annotated(tmp_path / "out.mp4") as video:
        video.frame(Frame(0.0, grey, 0, 0.0), None)
        video.frame(Frame(0.5, grey, 1, 0.0), TICK)
    overlay = Overlay(("cut", "mix"))
    without, drawn = (
        laid_over(overlay, grey, time, tick).astype(int) for time, tick in ((0.0, None), (0.5, TICK))
    )
    with open_source(tmp_path / "out.mp4") as source:
        first, second = (shown.image for shown in source)
    assert 10 * differing(first, without) < differing(first, drawn)
    assert 10 * differing(second, drawn) < differing(second, without)


# What goes wrong


@pytest.mark.parametrize("frames", [1, 3, 60])
def test_an_error_of_the_encoder_comes_out_and_nothing_is_left(tmp_path: Path, frames: int) -> None:
    def fill() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(frames):
                video.frame(frame(index, size=(100, 100)), None)

    with pytest.raises(ValueError, match=r"image of shape \(100, 100, 3\), expected \(240, 320, 3\)"):
        fill()
    assert list(tmp_path.iterdir()) == []
    assert exporter_threads() == []


def test_a_full_disk_comes_out_while_frames_still_wait(tmp_path: Path, small_disk: None) -> None:
    def fill() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(200):
                video.frame(frame(index), None)

    with pytest.raises(
        StreamError, match=r"out\.mp4: cannot be written \(File too large\); what was recorded is"
    ):
        fill()
    assert_kept(tmp_path)
    assert exporter_threads() == []


def test_a_disk_that_is_full_only_at_the_end_comes_out_too(tmp_path: Path, small_disk: None) -> None:
    def fill() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(8):  # the encoder holds them back until it is closed
                video.frame(frame(index), None)

    with pytest.raises(
        StreamError, match=r"out\.mp4: cannot be written \(File too large\); what was recorded is"
    ):
        fill()
    assert_kept(tmp_path)


def test_a_full_disk_on_stopping_comes_out_too(tmp_path: Path, small_disk: None) -> None:
    def fill() -> None:
        with annotated(tmp_path / "out.mp4", interrupted=True) as video:
            for index in range(8):
                video.frame(frame(index), None)

    with pytest.raises(
        StreamError, match=r"out\.mp4: cannot be written \(File too large\); what was recorded is"
    ):
        fill()
    assert_kept(tmp_path)


@pytest.mark.parametrize("error", [RuntimeError("the model failed"), StreamError("the source failed")])
def test_another_error_leaves_what_was_written(tmp_path: Path, error: Exception) -> None:
    def run() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(20):
                video.frame(frame(index), None)
            raise error

    with pytest.raises(type(error), match="failed"):
        run()
    assert len(packets(tmp_path / "out.mp4", "video")) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert exporter_threads() == []


def test_a_frame_that_cannot_be_drawn_leaves_what_came_before(tmp_path: Path) -> None:
    def run() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(20):
                video.frame(frame(index, size=(240, 320) if index < 5 else (100, 100)), None)

    with pytest.raises(ValueError, match="image of shape"):
        run()
    assert len(packets(tmp_path / "out.mp4", "video")) == 5


# Stopping early


def test_stopping_leaves_a_whole_video_whose_sound_ends_with_the_picture(tmp_path: Path) -> None:
    source = make_video(tmp_path / "in.mp4", times=ramp(40), sound="aac")
    with (
        open_source(source) as frames,
        annotated(tmp_path / "out.mp4", source, frames.info, interrupted=True) as video,
    ):
        for shown in frames:
            video.frame(shown, None)
            if shown.index == 14:
                break
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]
    assert len(packets(tmp_path / "out.mp4", "video")) == 15
    last = packets(tmp_path / "out.mp4", "audio")[-1]
    assert float(last.pts * last.time_base) == pytest.approx(1.5, abs=0.05)


def test_ctrl_c_leaves_a_whole_video(tmp_path: Path) -> None:
    def run() -> None:
        with annotated(tmp_path / "out.mp4") as video:
            for index in range(5):
                video.frame(frame(index), None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(packets(tmp_path / "out.mp4", "video")) == 5


def test_without_a_frame_there_is_no_video(tmp_path: Path) -> None:
    for interrupted in (False, True):
        with annotated(tmp_path / "out.mp4", interrupted=interrupted):
            pass
    assert list(tmp_path.iterdir()) == []
