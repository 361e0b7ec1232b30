"""Windows with frame strides, zero padding and flow; plain ones are tested with the time grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
