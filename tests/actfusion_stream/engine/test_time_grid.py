"""Frames of any timing become clips on one grid; a clip holds what a viewer saw, and nothing from later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.extractors.windows import Item, Windows

TOLERANCE = 0.225  # of a grid step, early or late


def spec(window: int = 5, rate: float = 10.0, stride: int = 2) -> ExtractorSpec:
    return ExtractorSpec("grid", 1.0, window, rate, stride, short_side=8, crop=(8, 8))


def picture(index: int) -> np.ndarray:
    """A picture that holds its number."""
    return np.full((1, 1, 3), index, np.int64)


class ClipGrid:
    """Time grid and windows, joined as a feature stream joins them."""

    def __init__(self, settings: ExtractorSpec) -> None:
        self.settings = settings
        self.grid, self.windows = TimeGrid(settings.rate), Windows(settings)

    def time_of(self, clip: int) -> float:
        return self.grid.time_of(clip * self.settings.stride)

    def push(self, time: float, image: np.ndarray) -> Iterator[list[int]]:
        for shown in self.grid.push(time, image):
            if (window := self.windows.push(Item(shown, None, inside=True))) is not None:
                yield numbers(window)

    def finish(self) -> list[list[int]]:
        return [numbers(window) for window in self.windows.finish()]


def numbers(window: list[Item]) -> list[int]:
    return [int(item.rgb[0, 0, 0]) for item in window if item.rgb is not None]


def cut(grid: ClipGrid, times: Sequence[float]) -> list[list[int]]:
    """Frame numbers in each clip of a whole video."""
    clips = [clip for index, time in enumerate(times) for clip in grid.push(time, picture(index))]
    return clips + grid.finish()


def on_grid(times: Sequence[float], rate: float = 15.0) -> list[int]:
    """The frame that each step of the grid gets."""
    return [clip[0] for clip in cut(ClipGrid(spec(window=1, rate=rate, stride=1)), times)]


# Windows


def test_windows_lie_around_their_centres_and_ends_are_padded_by_repetition() -> None:
    grid = ClipGrid(spec(window=5, stride=2))
    assert cut(grid, [i / 10 for i in range(7)]) == [
        [0, 0, 0, 1, 2],
        [0, 1, 2, 3, 4],
        [2, 3, 4, 5, 6],
        [4, 5, 6, 6, 6],
    ]
    assert [round(grid.time_of(i), 6) for i in range(4)] == [0.0, 0.2, 0.4, 0.6]


def test_an_even_window_has_the_larger_half_in_the_past() -> None:
    assert cut(ClipGrid(spec(window=4, stride=2)), [i / 10 for i in range(4)]) == [[0, 0, 0, 1], [0, 1, 2, 3]]


def test_a_stride_beyond_the_window_skips_frames() -> None:
    assert cut(ClipGrid(spec(window=1, stride=4)), [i / 10 for i in range(9)]) == [[0], [4], [8]]


def test_a_clip_comes_with_the_last_frame_of_its_window() -> None:
    grid = ClipGrid(spec(window=5, stride=2))
    came = [len(list(grid.push(i / 10, picture(i)))) for i in range(8)]
    assert came == [0, 0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("window", [1, 4, 5, 21])
@pytest.mark.parametrize("stride", [1, 3, 4])
def test_there_is_a_clip_for_every_stride_begun(window: int, stride: int) -> None:
    for frames in range(1, 30):
        clips = cut(ClipGrid(spec(window=window, stride=stride)), [i / 10 for i in range(frames)])
        assert len(clips) == -(-frames // stride)
        assert {len(clip) for clip in clips} == {window}
        assert [clip[window // 2] for clip in clips] == list(range(0, frames, stride))


def test_a_single_frame_is_a_clip() -> None:
    assert cut(ClipGrid(spec(window=3)), [0.7]) == [[0, 0, 0]]


def test_no_frame_no_clip() -> None:
    assert ClipGrid(spec()).finish() == []


def test_the_grid_starts_with_the_first_frame() -> None:
    grid = ClipGrid(spec(window=1, stride=2))
    assert cut(grid, [3.5 + i / 10 for i in range(5)]) == [[0], [2], [4]]
    assert (grid.grid.start, grid.time_of(0), grid.time_of(2)) == (3.5, 3.5, 3.9)


# Rates


@pytest.mark.parametrize(
    ("rate", "frames"),
    [
        (15, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (30, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]),
        (60, [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44]),
        (120, [0, 7, 15, 23, 31, 39, 47, 55, 63, 71, 79, 87]),  # 1/8 step early is on time
        (25, [0, 2, 3, 5, 7, 8, 10, 12, 13, 15, 17, 18]),
        (24, [0, 1, 3, 5, 6, 8, 9, 11, 13, 14, 16, 17]),
        (30000 / 1001, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]),
        (7.5, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
    ],
)
@pytest.mark.parametrize("digits", [9, 3])  # containers round times to milliseconds: it must not matter
def test_any_steady_rate_is_resampled_the_same_way_throughout(
    rate: float, frames: list[int], digits: int
) -> None:
    times = [round(i / rate, digits) for i in range(int(rate) + 1)]
    assert on_grid(times)[:12] == frames


@pytest.mark.parametrize("rate", [15, 24, 25, 30, 50, 60])
def test_ten_minutes_of_rounded_times_loses_no_step(rate: int) -> None:
    exact = on_grid([i / rate for i in range(600 * rate + 1)])
    rounded = on_grid([round(i / rate, 3) for i in range(600 * rate + 1)])
    assert exact == rounded
    assert len(exact) == 600 * 15 + 1


def test_29_97_fps_drifts_by_whole_frames_only() -> None:
    rate = 30000 / 1001
    frames = on_grid([i / rate for i in range(int(600 * rate))])
    assert len(frames) == 600 * 15
    late = [step / 15 - frame / rate for step, frame in enumerate(frames)]
    assert min(late) >= -TOLERANCE / 15 - 1e-9
    assert max(late) < 1 / rate


def test_one_frame_a_second_is_held() -> None:
    assert on_grid([0, 1, 2]) == [0] * 15 + [1] * 15 + [2]


def test_between_two_frames_a_viewer_sees_the_earlier_one() -> None:
    assert on_grid([0.0, 0.1, 0.35, 0.4, 1.0], rate=10) == [0, 1, 1, 1, 3, 3, 3, 3, 3, 3, 4]


def test_a_gap_is_filled_with_the_frame_before_it() -> None:
    times = [0.0, 0.1, 0.2, 5.0, 5.1]
    frames = on_grid(times, rate=10)
    assert frames == [0, 1, *[2] * 48, 3, 4]


@pytest.mark.parametrize("seed", range(10))
def test_what_is_skipped_is_what_would_have_been_filled(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = TimeGrid(15.0), TimeGrid(15.0)
    time = 0.0
    for index in range(200):
        filled = list(one.push(time, picture(index)))
        skipped = other.skip(time) if index else 0
        rest = list(other.push(time, picture(index)))
        assert skipped + len(rest) == len(filled)
        assert all(image[0, 0, 0] == index for image in rest)
        assert skipped == sum(image[0, 0, 0] != index for image in filled)
        time = round(time + rng.gamma(0.5, 0.4) + 0.001, 3)


def test_a_week_is_skipped_at_once() -> None:
    grid = TimeGrid(15.0)
    list(grid.push(0.0, picture(0)))
    assert grid.skip(604_800.0) == 15 * 604_800 - 1
    assert [int(image[0, 0, 0]) for image in grid.push(604_800.0, picture(1))] == [1]


def test_the_last_picture_is_held_up_to_a_time() -> None:
    grid = TimeGrid(10.0)
    list(grid.push(0.0, picture(0)))
    assert len(list(grid.hold(0.5))) == 4
    assert grid.reached == 0.5
    assert grid.skip(2.0) == 15


def test_clips_of_a_long_gap_are_not_held_all_at_once() -> None:
    grid = ClipGrid(spec(window=1, rate=1000.0, stride=1))
    list(grid.push(0.0, picture(0)))
    clips = grid.push(1e9, picture(1))  # a trillion clips
    assert [next(clips), next(clips)] == [[0], [0]]


def test_no_clip_holds_a_frame_from_later() -> None:
    rng = np.random.default_rng(0)
    for rate in (5.0, 15.0, 29.97, 100.0):
        times = np.cumsum(rng.gamma(0.5, 2 / rate, 400)).round(3).tolist()
        settings = spec(window=5, rate=15.0, stride=2)
        grid = ClipGrid(settings)
        step = 1 / settings.rate
        count = 0
        for index, time in enumerate(times):
            for clip in grid.push(time, picture(index)):
                due = grid.time_of(count) + step * np.arange(-settings.before, settings.after + 1)
                shown = np.array([times[number] for number in clip])
                assert np.all((shown <= due + TOLERANCE * step + 1e-9) | (shown == times[0]))
                assert time >= due[-1] - TOLERANCE * step - 1e-9, "a clip came before its window was over"
                count += 1
        assert count > 20
