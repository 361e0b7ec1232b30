"""A decoded picture as RGB: whole, or as small as it is read; with its own colours; only where asked for."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from film import film, needs_ffmpeg

from actfusion_stream import Engine, open_stream, run
from actfusion_stream.sources.picture import Colors, Converter, Decoded, new_frame, planes, rgb
from actfusion_stream.sources.source import open_source


def flat(colors: Colors, numbers: tuple[int, int, int], size: tuple[int, int] = (320, 240)) -> Decoded:
    frame = new_frame(*size, colors)
    for plane, number in zip(planes(frame), numbers, strict=True):
        plane[:] = number
    return Decoded(frame, Converter())


@pytest.mark.parametrize("short_side", [None, 96, 240, 500])
@pytest.mark.parametrize(
    ("colors", "numbers"),
    [
        (Colors(), (75, 124, 201)),
        (Colors("yuv420p", 6, 1, 6, 6), (88, 116, 201)),  # ITU-R BT.601
        (Colors("yuvj444p", 1, 2, 1, 1), (68, 124, 212)),
        (Colors("yuv422p10le", 1, 1, 1, 1), (299, 496, 806)),
    ],
    ids=lambda value: value.pixels if isinstance(value, Colors) else "",
)
def test_colours_are_those_that_the_numbers_mean(
    colors: Colors, numbers: tuple[int, int, int], short_side: int | None
) -> None:
    image = rgb(flat(colors, numbers), short_side)
    assert image.shape == ((96, 128, 3) if short_side == 96 else (240, 320, 3))
    assert np.abs(image.astype(int) - (200, 30, 60)).max() <= 3


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
@pytest.mark.parametrize("short_side", [None, 96])
def test_hdr_has_no_seams_within_a_colour(transfer: int, short_side: int | None) -> None:
    """From blue to orange in small steps: what is next to each other looks alike."""
    frame = new_frame(320, 240, Colors("yuv420p10le", 9, 1, transfer, 9))
    luma, blue, red = planes(frame)
    luma[:], blue[:], red[:] = 450, np.linspace(570, 460, 160), np.linspace(460, 580, 160)
    image = rgb(Decoded(frame, Converter()), short_side).astype(int)
    assert np.abs(np.diff(image, axis=1)).max() <= 8
    assert np.abs(np.diff(image, axis=0)).max() <= 2
    assert image[0, 0, 2] > image[0, 0, 0] + 40
    assert image[0, -1, 0] > image[0, -1, 2] + 40


@needs_ffmpeg
def test_a_small_picture_is_the_mean_of_the_whole_one(tmp_path: Path) -> None:
    path = film(
        tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p",
        picture=("-f", "lavfi", "-i", "testsrc2=s=640x360:r=5:d=1"), tone=(),
    )  # fmt: skip
    with open_source(path) as source:
        frame = next(source)
    small = frame.picture.rgb(96)
    meant = cv2.resize(frame.image, (171, 96), interpolation=cv2.INTER_AREA)
    assert small.shape == (96, 171, 3)
    assert np.abs(small.astype(int) - meant).mean() < 2.5  # swscale cuts bits off the whole one


@needs_ffmpeg
def test_a_small_picture_stands_upright(tmp_path: Path) -> None:
    turn = ("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
    path = film(tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", *turn, tone=())
    with open_source(path) as source:
        frame = next(source)
    assert (frame.picture.width, frame.picture.height, frame.image.shape) == (64, 96, (96, 64, 3))
    small = frame.picture.rgb(32)
    assert small.shape == (48, 32, 3)
    meant = cv2.resize(frame.image, (32, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - meant).mean() < 6


def test_a_decoded_picture_takes_less_memory_than_rgb() -> None:
    assert flat(Colors(), (16, 128, 128), (1920, 1080)).nbytes == 1920 * 1080 * 3 // 2


@needs_ffmpeg
def test_nobody_watching_alone_pays_for_whole_pictures(
    tmp_path: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 25 pictures a second the model sees fifteen, in its own size: nothing else is made RGB."""
    asked: list[tuple[int, int]] = []
    convert = Converter.__call__

    def counted(self: Converter, frame: object, width: int, height: int) -> np.ndarray:
        asked.append((width, height))
        return convert(self, frame, width, height)

    monkeypatch.setattr(Converter, "__call__", counted)
    path = film(
        tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p",
        picture=("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=2"), tone=(),
    )  # fmt: skip
    engine = Engine.load(tiny_checkpoint, device="cpu")
    with open_stream(path, engine=engine) as stream:
        outcome = run(stream)
    assert outcome.summary.frames == 50
    side = engine.extractor.spec.short_side
    assert set(asked) == {(round(640 * side / 360), side)}
    assert len(asked) <= 30
