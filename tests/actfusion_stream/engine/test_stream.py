"""Frames in, ticks out: what is said, when it is said, and that it knows nothing from later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import make_video

from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.settings import FUTURES
from actfusion_stream.engine.stream import Stream, open_stream
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.picture import rgb
from actfusion_stream.sources.source import open_source
from actfusion_stream.weights.checkpoint import load_checkpoint

PERIOD = 4 / 15  # seconds from one feature of the tiny extractor to the next
LOOKAHEAD = 3 / 15


def draw(path: Path, times: Sequence[float]) -> Path:
    """A video of a bright bar that moves with time, at any times."""
    info = SourceInfo("drawn", 64, 48, None, 15.0, live=False, has_audio=False)
    with VideoWriter(path, info) as writer:
        for time in times:
            image = np.full((48, 64, 3), 40, np.uint8)
            column = int(20 * time) % 48
            image[:, column : column + 16] = (255, 130, int(40 * time) % 256)
            writer.write(time, image)
    return path


def steady(seconds: float, rate: float = 15.0, start: float = 0.0) -> list[float]:
    return [start + index / rate for index in range(round(seconds * rate))]


def run(
    path: Path, checkpoint: Path, horizon: str | float = 0.5, tick: float = 1.0, memory: float = 600.0
) -> tuple[list[Tick], tuple[Segment, ...], Stream]:
    with open_stream(
        path, checkpoint=checkpoint, horizon=horizon, tick=tick, device="cpu", memory=memory
    ) as stream:
        ticks = list(stream)
    return ticks, stream.finish(), stream


def said(ticks: list[Tick]) -> list[Tick]:
    """Ticks without how long they took."""
    return [replace(tick, latency_ms={}) for tick in ticks]


def seen(ticks: list[Tick]) -> list[float]:
    return [round(tick.seen_until, 3) for tick in ticks]


def assert_whole(segments: Sequence[Segment], start: float, end: float) -> None:
    """Segments go from `start` to `end` without holes, and neighbours differ."""
    assert segments[0].start == pytest.approx(start, abs=1e-9)
    assert segments[-1].end == pytest.approx(end, abs=1e-9)
    for one, next_one in pairwise(segments):
        assert one.end == next_one.start
        assert one.label != next_one.label
    assert all(segment.start < segment.end for segment in segments)
    assert all(0 < segment.confidence <= 1 for segment in segments)


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 seconds at 15 frames a second."""
    return draw(tmp_path_factory.mktemp("drawn") / "moving.mp4", steady(12))


# What a tick says


def test_past_and_future_have_no_holes(moving: Path, tiny_checkpoint: Path) -> None:
    ticks, _, _ = run(moving, tiny_checkpoint, horizon=0.5)
    assert len(ticks) == 11
    assert len({segment.label for tick in ticks for segment in tick.past}) > 1, "a model worth a test"
    for tick in ticks:
        assert_whole(tick.past, 0.0, tick.observed_until)
        features = round(tick.observed_until / PERIOD + 0.5)
        horizon = max(1, round(0.5 * features)) * PERIOD
        assert_whole(tick.future, tick.observed_until, tick.observed_until + horizon)
        assert tick.current == tick.past[-1]


@pytest.mark.parametrize(
    ("horizon", "steps"),
    [("2s", 8), ("0.1s", 1), ("20s", 75), (1, 15), (0.25, 4), ("0.01", 1), (10, 150)],
)
def test_the_future_is_as_long_as_asked(
    moving: Path, tiny_checkpoint: Path, horizon: str | float, steps: int
) -> None:
    ticks, _, _ = run(moving, tiny_checkpoint, horizon=horizon, tick=4)
    first = ticks[0]  # has seen 4 s, and 15 features
    assert first.observed_until == pytest.approx(14.5 * PERIOD)
    assert first.future[-1].end - first.observed_until == pytest.approx(steps * PERIOD)


def test_the_past_trails_by_the_look_ahead(moving: Path, tiny_checkpoint: Path) -> None:
    ticks, _, stream = run(moving, tiny_checkpoint, tick=0.04)  # at every frame
    assert stream.lookahead == pytest.approx(LOOKAHEAD)
    assert seen(ticks) == [round(3 / 15 + index / 15, 3) for index in range(180 - 3)]
    for tick in ticks:
        newest = np.floor((tick.seen_until - LOOKAHEAD + 1e-6) / PERIOD) * PERIOD  # its window has been seen
        assert tick.observed_until == pytest.approx(newest + PERIOD / 2)
        assert tick.observed_until <= tick.seen_until


def test_every_stage_is_timed(moving: Path, tiny_checkpoint: Path) -> None:
    ticks, _, stream = run(moving, tiny_checkpoint)
    for tick in ticks:
        assert tick.latency_ms.keys() == {"taken", "feature", "prediction"}
        assert all(milliseconds > 0 for milliseconds in tick.latency_ms.values())
    assert (stream.stats.frames, stream.stats.features, stream.stats.ticks) == (180, 45, 11)
    assert stream.stats.dropped == 0
    assert stream.stats.seen_until == pytest.approx(179 / 15)
    assert 0 < stream.stats.latency(50) <= stream.stats.latency(95)


def test_two_runs_say_the_same(moving: Path, tiny_checkpoint: Path) -> None:
    one, other = run(moving, tiny_checkpoint), run(moving, tiny_checkpoint)
    assert said(one[0]) == said(other[0])
    assert one[1] == other[1]


# Online means online


@pytest.mark.parametrize("frames", [31, 74, 150])
def test_a_video_cut_short_says_the_same_up_to_there(
    moving: Path, tiny_checkpoint: Path, tmp_path: Path, frames: int
) -> None:
    whole, _, _ = run(moving, tiny_checkpoint, horizon="3s", tick=0.5)
    short, _, _ = run(cut(moving, tmp_path / "short.mp4", frames), tiny_checkpoint, horizon="3s", tick=0.5)
    assert len(short) == int((frames - 1) / 7.5)
    assert said(short) == said(whole[: len(short)])


def test_another_ending_changes_nothing_said_before(tiny_checkpoint: Path, tmp_path: Path) -> None:
    times = steady(8)
    one = draw(tmp_path / "one.mp4", times)
    other = draw(tmp_path / "other.mp4", [*times[:75], *(time + 30 for time in times[75:])])
    said_of_one, said_of_other = (said(run(path, tiny_checkpoint)[0]) for path in (one, other))
    assert said_of_one[:4] == said_of_other[:4]
    assert said_of_one[4:] != said_of_other[4:]


def cut(source: Path, target: Path, frames: int) -> Path:
    """The first frames of a video, not encoded anew: the very same pictures."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as short:
        stream = short.add_stream_from_template(whole.streams.video[0])
        packets = [packet for packet in whole.demux(whole.streams.video[0]) if packet.size]
        for packet in packets[:frames]:
            packet.stream = stream
            short.mux(packet)
    return target


# When ticks come


@pytest.mark.parametrize(
    ("tick", "expected"),
    [
        (1.0, [1.0, 2.0, 3.0, 4.0, 5.0]),
        (2.5, [2.533, 5.0]),  # with the first frame that is not too early
        (1 / 3, [round(i / 3, 3) for i in range(1, 18)]),
        (0.2, [round(i / 5, 3) for i in range(1, 30)]),  # sums of 0.2 in floats must not miss a frame
        (60.0, []),
    ],
)
def test_ticks_come_at_their_spacing(
    tiny_video: Path, tiny_checkpoint: Path, tick: float, expected: list[float]
) -> None:
    assert seen(run(tiny_video, tiny_checkpoint, tick=tick)[0]) == expected


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])  # Matroska rounds times to milliseconds
def test_rounded_times_give_the_same_ticks(tiny_checkpoint: Path, tmp_path: Path, suffix: str) -> None:
    video = draw(tmp_path / f"drawn{suffix}", steady(4, rate=30))
    ticks, _, _ = run(video, tiny_checkpoint, tick=1 / 3)
    assert seen(ticks) == [round(i / 3, 3) for i in range(1, 12)]


def test_ticks_count_from_the_first_frame(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "late.mp4", times=range(2000, 5000, 100), sound="aac")  # sound from 0 on
    ticks, segments, stream = run(video, tiny_checkpoint)
    assert seen(ticks) == [3.0, 4.0]
    for tick in ticks:
        assert_whole(tick.past, 2.0, tick.observed_until)
    assert_whole(segments, 2.0, 5.0)
    np.testing.assert_allclose(stream.features()[1][:2], [2.0, 2.0 + PERIOD])


def test_there_is_no_tick_in_a_gap(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = draw(tmp_path / "gap.mp4", [*steady(3), *steady(3, start=20.2)])
    ticks, segments, stream = run(video, tiny_checkpoint)
    assert seen(ticks) == [1.0, 2.0, 20.2, 21.0, 22.0, 23.0]
    for tick in ticks:
        assert_whole(tick.past, 0.0, tick.observed_until)
        assert tick.observed_until <= tick.seen_until
        assert tick.seen_until - tick.observed_until <= LOOKAHEAD + PERIOD
    assert len(stream.features()[1]) == -(-(round(23.1333 * 15) + 1) // 4)
    assert segments[-1].end == pytest.approx(23.2, abs=0.2)


@pytest.mark.parametrize(
    ("times", "features"),
    [
        (steady(6, rate=15), 23),
        (steady(6, rate=30), 23),
        (steady(6, rate=60), 23),
        (steady(6, rate=30000 / 1001), 23),
        (steady(6, rate=25), 23),
        ([float(second) for second in range(6)], 19),
        ([0.0, 0.07, 0.5, 0.51, 2.0, 2.2, 3.9, 5.93], 23),
    ],
)
def test_any_frame_rate_gives_features_at_the_same_times(
    tiny_checkpoint: Path, tmp_path: Path, times: list[float], features: int
) -> None:
    _, segments, stream = run(draw(tmp_path / "drawn.mp4", times), tiny_checkpoint)
    values, at = stream.features()
    assert values.shape == (104, features)
    np.testing.assert_allclose(at, PERIOD * np.arange(features))
    assert segments[-1].end >= times[-1]


# The whole video


@pytest.mark.parametrize("frames", range(1, 14))
def test_the_final_segmentation_covers_every_frame(
    tiny_checkpoint: Path, tmp_path: Path, frames: int
) -> None:
    _, segments, stream = run(draw(tmp_path / "short.mp4", steady(frames / 15)), tiny_checkpoint)
    assert_whole(segments, 0.0, frames / 15)
    assert stream.features()[0].shape[1] == -(-frames // 4)


def test_the_final_segmentation_comes_again_when_asked_again(moving: Path, tiny_checkpoint: Path) -> None:
    _, segments, stream = run(moving, tiny_checkpoint)
    assert_whole(segments, 0.0, 12.0)
    assert stream.finish() == segments
    assert stream.features()[0].shape[1] == 45


def test_stopping_early_segments_what_was_seen(moving: Path, tiny_checkpoint: Path) -> None:
    with open_stream(moving, checkpoint=tiny_checkpoint, device="cpu") as stream:
        for tick in stream:
            if tick.seen_until >= 5:
                break
        assert_whole(stream.finish(), 0.0, 5 + 1 / 15)


def test_nothing_was_seen(moving: Path, tiny_checkpoint: Path) -> None:
    with open_stream(moving, checkpoint=tiny_checkpoint, device="cpu") as stream:
        assert stream.finish() == ()


def test_streaming_gives_the_features_of_the_whole_video_at_once(moving: Path, tiny_checkpoint: Path) -> None:
    extractor = load_checkpoint(tiny_checkpoint).extractor()
    spec = extractor.spec
    grid = TimeGrid(spec.rate, lambda picture: extractor.prepare(rgb(picture, spec.picture_side)))
    with open_source(moving) as source:
        pictures = [image for frame in source for image in grid.push(frame.time, frame.picture)]
    centres = np.arange(0, len(pictures), spec.stride)[:, None]
    windows = (centres + np.arange(-spec.before, spec.after + 1)).clip(0, len(pictures) - 1)
    at_once = extractor(np.stack(pictures)[windows]).T.numpy()
    for tick in (0.04, 0.3, 1.0, 60.0):
        _, _, stream = run(moving, tiny_checkpoint, tick=tick)
        features, times = stream.features()
        np.testing.assert_allclose(times, [grid.time_of(spec.stride * i) for i in range(45)])
        assert np.abs(features - at_once).max() < 1e-5 * np.abs(at_once).max()


def test_every_frame_comes_with_the_tick_that_it_triggered(tiny_video: Path, tiny_checkpoint: Path) -> None:
    with open_stream(tiny_video, checkpoint=tiny_checkpoint, device="cpu", tick=1.0) as stream:
        steps = list(stream.steps())
    assert [step.frame.index for step in steps] == list(range(90))
    assert [step.frame.index for step in steps if step.tick] == [15, 30, 45, 60, 75]
    assert all(step.tick.seen_until == step.frame.time for step in steps if step.tick)


def test_by_itself_a_tick_comes_with_every_feature_up_to_four_times_a_second(
    tiny_video: Path, tiny_checkpoint: Path
) -> None:
    with open_stream(tiny_video, checkpoint=tiny_checkpoint, device="cpu") as stream:
        lookahead, ticks = stream.about.lookahead, list(stream)
    assert PERIOD >= 0.25
    assert [tick.seen_until for tick in ticks[:3]] == pytest.approx(
        [lookahead + k * PERIOD for k in range(3)]
    )
    assert all(b.observed_until > a.observed_until for a, b in pairwise(ticks)), (
        "each has seen a feature more"
    )


# When the buffer is full


SHORT = 5.0  # seconds of memory: 19 features


def test_labels_that_the_buffer_forgot_stay_as_they_were(moving: Path, tiny_checkpoint: Path) -> None:
    ticks, segments, stream = run(moving, tiny_checkpoint, horizon="2s", memory=SHORT)
    features, times = stream.features()
    assert features.shape == (104, 19)
    np.testing.assert_allclose(times, PERIOD * np.arange(45 - 19, 45))
    for tick, later in pairwise(ticks):
        assert_whole(tick.past, 0.0, tick.observed_until)
        assert tick.seen_until - tick.observed_until <= LOOKAHEAD + PERIOD
        assert later.past[: tick.settled] == tick.past[: tick.settled]
        assert_whole(later.future, later.observed_until, later.observed_until + 8 * PERIOD)
        frozen = later.observed_until - 19 * PERIOD
        for time in np.arange(PERIOD / 8, frozen, PERIOD / 4):
            assert label_at(tick.past, time) == label_at(later.past, time)
    assert_whole(segments, 0.0, 12.0)
    assert segments[: ticks[-1].settled] == ticks[-1].past[: ticks[-1].settled]
    assert ticks[-1].settled > 0


def test_what_the_buffer_holds_is_read_at_its_place_in_the_whole_video(
    moving: Path, tiny_checkpoint: Path
) -> None:
    with open_stream(
        moving, checkpoint=tiny_checkpoint, horizon="4s", device="cpu", memory=SHORT, tick=1.0, calm=False
    ) as stream:
        tick = next(tick for tick in stream if tick.seen_until >= 10)
        features, times = stream.features()
    checkpoint = load_checkpoint(tiny_checkpoint)
    first = round(times[0] / PERIOD)
    assert (first, features.shape[1]) == (37 - 19, 19)
    prediction = Predictor(checkpoint.model(), checkpoint.median, FUTURES)(features, first, 15)
    labels = [checkpoint.class_names[label] for label in prediction.labels]
    assert [label_at(tick.past, time) for time in times] == labels[:19]
    assert [label_at(tick.future, times[-1] + PERIOD * ahead) for ahead in range(1, 16)] == labels[19:]


def test_memory_that_is_never_full_changes_nothing(tiny_video: Path, tiny_checkpoint: Path) -> None:
    forever = said(run(tiny_video, tiny_checkpoint)[0])
    assert said(run(tiny_video, tiny_checkpoint, memory=6.2)[0]) == forever  # 23 features, which is all


def test_a_gap_longer_than_the_memory_leaves_no_hole(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = draw(tmp_path / "gap.mp4", [*steady(2), *steady(2, start=60.0)])
    ticks, segments, stream = run(video, tiny_checkpoint, memory=SHORT)
    assert seen(ticks) == [1.0, 60.0, 61.0]
    for tick in ticks:
        assert_whole(tick.past, 0.0, tick.observed_until)
        assert tick.seen_until - tick.observed_until <= LOOKAHEAD + PERIOD
    assert_whole(segments, 0.0, segments[-1].end)
    assert segments[-1].end >= 62.0
    assert stream.stats.features == -(-(60 * 15 + 30) // 4)


def label_at(segments: Sequence[Segment], time: float) -> str:
    return next(segment.label for segment in segments if segment.start <= time < segment.end)


# What cannot be used


@pytest.mark.parametrize("tick", [0.0, -1.0, 0.039, 60.1, float("nan"), float("inf")])
def test_a_tick_that_makes_no_sense(tiny_video: Path, tiny_checkpoint: Path, tick: float) -> None:
    with pytest.raises(StreamError, match=r": give seconds of video from 0\.04 to 60, e\.g\. 1$"):
        open_stream(tiny_video, checkpoint=tiny_checkpoint, tick=tick)


@pytest.mark.parametrize("memory", [0.5, -1.0, 1e9, float("nan")])
def test_a_memory_that_makes_no_sense(tiny_video: Path, tiny_checkpoint: Path, memory: float) -> None:
    with pytest.raises(StreamError, match="give seconds from 1 to 86400"):
        open_stream(tiny_video, checkpoint=tiny_checkpoint, memory=memory)


@pytest.mark.parametrize("device", ["banana", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there(tiny_video: Path, tiny_checkpoint: Path, device: str) -> None:
    with pytest.raises(StreamError, match=f"^device {device}: cannot be used here; give one of: "):
        open_stream(tiny_video, checkpoint=tiny_checkpoint, device=device)


def test_a_checkpoint_is_checked_before_the_video(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"^checkpoint .*none\.safetensors: no such file"):
        open_stream(tmp_path / "none.mp4", checkpoint=tmp_path / "none.safetensors")


def test_a_clock_that_jumps_by_hours_is_told_not_filled(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = draw(tmp_path / "jump.mkv", [0.0, 0.1, 40_000.0])
    with pytest.raises(StreamError) as error:
        run(video, tiny_checkpoint)
    assert str(error.value) == (
        "jump.mkv: its time jumps from 0.1 s to 40000.0 s; a gap may last 3600 s: cut the video there"
    )
