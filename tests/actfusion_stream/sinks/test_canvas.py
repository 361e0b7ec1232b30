"""What is drawn lies on the decoded planes; around it every bit is the source's, up to the encoder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film import film, needs_ffmpeg, probed
from laid_over import laid_over

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.sinks.canvas import Canvas
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.picture import Colors, Converter, Decoded, new_frame, planes
from actfusion_stream.sources.source import open_source
from actfusion_stream.views.overlay import Overlay
from actfusion_stream.views.patches import Patch

TICK = Tick(0.5, 0.4, (Segment("cut", 0.0, 0.4, 0.9),), (Segment("mix", 0.4, 0.6, 0.8),))
PQ, HLG, BT2020 = 16, 18, 9
KINDS = [
    Colors("yuv420p", 2, 0, 2, 2),  # nothing is said
    Colors("yuv420p", 6, 1, 6, 6),
    Colors("yuv422p", 1, 2, 1, 1),
    Colors("yuvj420p", 5, 2, 1, 1),
    Colors("yuv444p", 9, 1, 14, 9),
    Colors("yuv420p10le", 1, 1, 1, 1),
    Colors("yuv422p10le", 9, 2, 14, 9),
    Colors("yuv444p10le", 9, 1, PQ, 9),
    Colors("yuv420p10le", 9, 1, HLG, 9),
]


def noise(colors: Colors, width: int, height: int) -> av.VideoFrame:
    """Every number that the format has, also those that no colour has."""
    frame, random = new_frame(width, height, colors), np.random.default_rng(0)
    for plane in planes(frame):
        plane[:] = random.integers(0, 1 << colors.bits, plane.shape)
    return frame


@pytest.mark.parametrize(
    "colors", KINDS, ids=lambda colors: f"{colors.pixels} {colors.matrix} {colors.range}"
)
@pytest.mark.parametrize("size", [(320, 240), (321, 243)])
def test_nothing_changes_but_where_something_is_drawn(colors: Colors, size: tuple[int, int]) -> None:
    width, height = size
    frame = noise(colors, width, height)
    before = [plane.copy() for plane in planes(frame)]
    canvas = Canvas(width, height, colors)
    canvas.load(Decoded(frame, Converter()))
    canvas.draw(Overlay(("cut", "mix")).draw(canvas.width, canvas.height, 0.5, TICK))
    drawn = planes(canvas.frame)
    for old, new in zip(before, drawn, strict=True):
        rows = old.shape[0] * 188 // 240  # the band begins below
        assert (new[:rows, : old.shape[1]] == old[:rows]).all()
        assert (new[rows:][: len(old) - rows, : old.shape[1]] != old[rows:]).mean() > 0.5
        assert int(new.max()) < 1 << colors.bits
        assert (new[:, old.shape[1] :] == new[:, old.shape[1] - 1 : old.shape[1]]).all() or size[0] % 2
    for old, now in zip(before, planes(frame), strict=True):
        assert (old == now).all()  # the decoder still predicts from it


def test_an_odd_size_grows_by_a_copy_of_its_last_row_and_column() -> None:
    frame = noise(KINDS[0], 321, 243)
    canvas = Canvas(321, 243, KINDS[0])
    canvas.load(Decoded(frame, Converter()))
    luma, blue, _ = planes(canvas.frame)
    assert (luma.shape, blue.shape) == ((244, 322), (122, 161))
    assert (luma[:, 321] == luma[:, 320]).all()
    assert (luma[243] == luma[242]).all()
    assert (blue == planes(frame)[1]).all()


@pytest.mark.parametrize(
    "colors",
    [
        Colors(),
        Colors("yuv444p", 6, 1, 6, 6),
        Colors("yuvj422p", 1, 2, 1, 1),
        Colors("yuv420p10le", 9, 1, 14, 9),
        Colors("yuv444p10le", 1, 2, 1, 1),
    ],
    ids=lambda colors: f"{colors.pixels} {colors.matrix}",
)
def test_what_is_drawn_has_its_colours_whatever_the_numbers_mean(colors: Colors) -> None:
    grey = np.full((240, 320, 3), 150, np.uint8)
    overlay, canvas = Overlay(("cut", "mix")), Canvas(320, 240, colors)
    canvas.load(grey)
    canvas.draw(overlay.draw(320, 240, 0.5, TICK))
    flags = av.video.reformatter.Interpolation
    exact = flags.ACCURATE_RND | flags.FULL_CHR_H_INT | flags.FULL_CHR_H_INP | flags.POINT
    shown = canvas.frame.reformat(format="rgb24", interpolation=int(exact)).to_ndarray()
    meant = laid_over(overlay, grey, 0.5, TICK)
    apart = np.abs(shown.astype(int) - meant).max(axis=2)
    flat = np.ptp(meant[::2, ::2].astype(int), axis=2)  # four pixels may share a colour
    assert (apart > 3).mean() < (0.002 if "444" in colors.pixels else 0.05)
    assert flat.max() > 60  # there is colour in it
    assert apart[222:230, 20:150].max() <= 4  # within the strip's segments


@pytest.mark.parametrize(
    ("transfer", "white"),
    [
        (PQ, 64 + 876 * 0.5807),  # 203 candela a square metre
        (HLG, 64 + 876 * 0.75),  # as ITU-R BT.2408 has it
    ],
)
def test_in_hdr_white_is_that_of_a_plain_screen(transfer: int, white: float) -> None:
    canvas = Canvas(64, 64, Colors("yuv420p10le", BT2020, 1, transfer, BT2020))
    canvas.load(Decoded(noise(Colors("yuv420p10le", BT2020, 1, transfer, BT2020), 64, 64), Converter()))
    paper, nothing = np.full((32, 32, 3), 255, np.uint8), np.zeros((32, 32), np.uint8)
    canvas.draw([Patch(0, 0, paper, nothing), Patch(32, 32, 0 * paper, nothing)])
    luma, blue, red = (plane.astype(int) for plane in planes(canvas.frame))
    assert luma[:32, :32] == pytest.approx(white, abs=4)
    assert (luma[32:, 32:] == 64).all()
    assert blue[:16, :16] == pytest.approx(512, abs=1)
    assert red[:16, :16] == pytest.approx(512, abs=1)


class Watched(VideoWriter):
    """Remembers what the encoder is given: x264 has no lossless mode of 10 bits by its rate factor."""

    def _mux_video(self, frame: av.VideoFrame | None) -> None:
        if frame is not None:
            self.given.append([plane.copy() for plane in planes(frame)])
        super()._mux_video(frame)


def exported(source: Path, target: Path) -> list[list[np.ndarray]]:
    """Planes that the encoder is given of each picture, with the overlay; at a rate that keeps 8 bits."""
    overlay = Overlay(("cut", "mix"))
    with open_source(source) as video, Watched(target, video.info, crf=0) as writer:
        writer.given = []
        for frame in video:
            writer.write(frame.time, frame.picture, overlay, TICK)
    return writer.given


def decoded(path: Path) -> list[list[np.ndarray]]:
    with av.open(str(path)) as container:
        return [[plane.copy() for plane in planes(frame)] for frame in container.decode(video=0)]


TAGS = "stream=pix_fmt,color_space,color_transfer,color_primaries,color_range"


@needs_ffmpeg
@pytest.mark.parametrize(
    ("pixels", "space", "transfer", "primaries", "scale"),
    [
        ("yuv420p", "smpte170m", "smpte170m", "smpte170m", "tv"),
        ("yuv420p", "bt709", "bt709", "bt709", "pc"),
        ("yuv422p", "bt709", "iec61966-2-1", "bt709", "tv"),
        ("yuv420p10le", "bt2020nc", "smpte2084", "bt2020", "tv"),
        ("yuv420p10le", "bt2020nc", "arib-std-b67", "bt2020", "tv"),
        ("yuv420p10le", "bt709", "bt709", "bt709", "tv"),
    ],
)
def test_every_bit_outside_of_what_is_drawn_is_the_sources(
    tmp_path: Path, pixels: str, space: str, transfer: str, primaries: str, scale: str
) -> None:
    source = film(
        tmp_path / "in.mkv", "-vf", f"noise=alls=60:allf=t,format={pixels},setrange={scale}",
        "-c:v", "ffv1", "-pix_fmt", pixels, "-colorspace", space, "-color_trc", transfer,
        "-color_primaries", primaries, "-color_range", scale,
        picture=("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=0.5"), tone=(),
    )  # fmt: skip
    before, after = decoded(source), exported(source, tmp_path / "out.mkv")
    assert len(before) == len(after) == 5
    for one, other in zip(before, after, strict=True):
        for old, new in zip(one, other, strict=True):
            rows = len(old) * 140 // 240
            assert (old[:rows] == new[:rows]).all()
            assert (old[rows:] != new[rows:]).any()
    if "10" not in pixels:
        assert all(
            (one == other).all()
            for given, shown in zip(after, decoded(tmp_path / "out.mkv"), strict=True)
            for one, other in zip(given, shown, strict=True)
        )
    (meant,), (found,) = probed(source, TAGS), probed(tmp_path / "out.mkv", TAGS)
    if scale == "pc":
        meant["pix_fmt"] = f"yuvj{pixels.removeprefix('yuv')}"  # ffprobe's name of H.264 of full range
    assert found == meant


@needs_ffmpeg
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_turned_pictures_keep_every_bit(tmp_path: Path, pixels: str) -> None:
    still = film(
        tmp_path / "still.mp4", "-c:v", "libx264", "-pix_fmt", pixels,
        picture=("-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=0.3"), tone=(),
    )  # fmt: skip
    turned = film(
        tmp_path / "turned.mp4",
        "-c",
        "copy",
        "-bsf:v",
        "h264_metadata=display_orientation=insert:rotate=90",
        picture=("-i", str(still)),
        tone=(),
    )
    after = exported(turned, tmp_path / "out.mkv")
    assert len(after) == 3
    for one, other in zip(decoded(still), after, strict=True):
        for old, new in zip(one, other, strict=True):
            assert new.shape == old.shape[::-1]
            rows = len(new) * 200 // 320
            assert (np.rot90(old)[:rows] == new[:rows]).all()


@pytest.mark.parametrize(("pixels", "taken"), [("nv12", "yuv420p"), ("p010le", "yuv420p10le")])
def test_formats_that_only_store_otherwise_lose_nothing(pixels: str, taken: str) -> None:
    before = noise(Colors(taken, 1, 1, 1, 1), 64, 48)
    stored = before.reformat(format=pixels)
    assert Colors.of(stored) == Colors(taken, 1, 1, 1, 1)
    canvas = Canvas(64, 48, Colors.of(stored))
    canvas.load(Decoded(stored, Converter()))
    for one, other in zip(planes(before), planes(canvas.frame), strict=True):
        assert (one == other).all()


def test_rgb_becomes_bt709_of_limited_range() -> None:
    assert Colors.of(av.VideoFrame(64, 48, "gbrp")) == Colors("yuv420p", 1, 1, 1, 1)
    canvas = Canvas(64, 48, SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False).colors)
    canvas.load(np.full((48, 64, 3), (200, 30, 60), np.uint8))
    # 0.2126 R + 0.7152 G + 0.0722 B of 219 steps from 16 on, and its distances from B and R.
    assert [int(plane[10, 10]) for plane in planes(canvas.frame)] == pytest.approx([75, 124, 201], abs=1)


def test_pictures_of_another_shape_are_fitted_between_black_bars() -> None:
    colors = Colors("yuv420p10le", 9, 1, HLG, 9)
    frame = new_frame(100, 100, colors)
    for plane in planes(frame):
        plane[:] = 800
    canvas = Canvas(320, 240, colors)
    canvas.load(Decoded(frame, Converter(), fit=(320, 240, Fraction(1))))
    luma, blue, _ = planes(canvas.frame)
    assert (luma[:, 42:278] == 800).all()
    assert (luma[:, :40] == 64).all()
    assert (blue[:, :20] == 512).all()
