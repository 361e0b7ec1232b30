"""Windows with frame strides, zero padding and flow; plain ones are tested with the time grid."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.extractors.windows import Item, Windows, stack

SPEC = ExtractorSpec("windows", 1.0, window=3, rate=10.0, stride=2, short_side=8, crop=(8, 8))


def items(count: int, flow: bool = False) -> list[Item]:
    """Frame number n has the value n, and the flow n + 0.5."""
    return [
        Item(np.full((1, 1, 3), n, np.uint8), np.full((1, 1, 2), n + 0.5, np.float32) if flow else None, True)
        for n in range(count)
    ]


def cut(spec: ExtractorSpec, given: list[Item]) -> list[list[Item]]:
    windows = Windows(spec)
    found = [window for item in given if (window := windows.push(item)) is not None]
    return found + windows.finish()


def test_a_frame_stride_leaves_frames_out() -> None:
    spec = replace(SPEC, frame_stride=2)
    assert (spec.span, spec.before, spec.after) == (5, 2, 2)
    numbers = stack(cut(spec, items(6))).rgb[:, :, 0, 0, 0].tolist()  # type: ignore[index]
    assert numbers == [[0, 0, 2], [0, 2, 4], [2, 4, 5]]


def test_zero_padding_is_marked() -> None:
    clips = stack(cut(replace(SPEC, padding="zero"), items(3)))
    assert clips.inside.tolist() == [[False, True, True], [True, True, False]]
    assert stack(cut(SPEC, items(3))).inside.all()


def test_repeated_frames_do_not_move() -> None:
    spec = replace(SPEC, streams=("rgb", "flow"), flow="dis")
    clips = stack(cut(spec, items(3, flow=True)))
    assert clips.flow[:, :, 0, 0, 0].tolist() == [[0.0, 0.5, 1.5], [1.5, 2.5, 0.0]]  # type: ignore[index]
    assert clips.rgb[:, :, 0, 0, 0].tolist() == [[0, 0, 1], [1, 2, 2]]  # type: ignore[index]


# Holes, of which nothing was seen


def with_hole(spec: ExtractorSpec, before: int, hole: int, after: int) -> list[list[int]]:
    """Frame numbers of the windows of a video with a hole; frame n has the value n, wherever it lies."""
    windows = Windows(spec)
    frames = items(before + hole + after)
    found = [window for item in frames[:before] if (window := windows.push(item)) is not None]
    found += windows.skip(hole)
    found += [window for item in frames[before + hole :] if (window := windows.push(item)) is not None]
    return [[int(item.rgb[0, 0, 0]) for item in window] for window in found + windows.finish()]


def test_a_window_of_which_most_was_not_seen_is_empty_and_others_are_padded_as_at_the_ends() -> None:
    assert with_hole(replace(SPEC, window=4, stride=1), before=4, hole=6, after=4) == [
        [0, 0, 0, 1],
        [0, 0, 1, 2],
        [0, 1, 2, 3],
        [1, 2, 3, 3],  # the last picture before the hole
        [2, 3, 3, 3],
        *[[]] * 5,
        [10, 10, 10, 11],  # the first one after it
        [10, 10, 11, 12],
        [10, 11, 12, 13],
        [11, 12, 13, 13],
    ]


def test_in_a_short_hole_the_picture_before_it_is_shown() -> None:
    spec = replace(SPEC, window=5, stride=1)
    assert with_hole(spec, before=4, hole=2, after=4)[3:6] == [
        [1, 2, 3, 3, 3],
        [2, 3, 3, 3, 6],
        [3, 3, 3, 6, 7],
    ]


@pytest.mark.parametrize("stride", [1, 2, 7])
@pytest.mark.parametrize("window", [1, 4, 5])
@pytest.mark.parametrize("frame_stride", [1, 3])
def test_a_hole_of_any_length_shifts_nothing(stride: int, window: int, frame_stride: int) -> None:
    spec = replace(SPEC, stride=stride, window=window, frame_stride=frame_stride)
    for hole in range(1, 60):
        after = 30
        found = with_hole(spec, before=30, hole=hole, after=after)
        assert len(found) == -(-(30 + hole + after) // stride)
        whole = [[int(item.rgb[0, 0, 0]) for item in w] for w in cut(spec, items(30 + hole + after))]  # type: ignore[index]
        for one, other in zip(found, whole, strict=True):
            unseen = sum(30 <= number < 30 + hole for number in other)
            assert (one == []) == (2 * unseen > window)
            if not unseen:
                assert one == other


def test_a_hole_of_a_year_costs_no_more_than_its_empty_windows() -> None:
    windows = Windows(SPEC)
    windows.push(items(1)[0])
    first, *others = itertools.islice(windows.skip(10**12), 1000)
    assert len(first) == 3
    assert others == [[]] * 999


def test_across_a_hole_nothing_moves() -> None:
    spec = replace(SPEC, window=5, stride=1, streams=("rgb", "flow"), flow="dis")
    windows = Windows(spec)
    frames = items(10, flow=True)
    found = [windows.push(frame) for frame in frames[:5]]
    found += windows.skip(2)
    clips = stack([window for window in found if window][-1:])
    assert clips.flow[0, :, 0, 0, 0].tolist() == [2.5, 3.5, 4.5, 0.0, 0.0]  # type: ignore[index]
    assert clips.rgb[0, :, 0, 0, 0].tolist() == [2, 3, 4, 4, 4]  # type: ignore[index]
