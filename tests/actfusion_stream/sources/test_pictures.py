"""Pictures that change, are interlaced, or hold more light than a screen: one size, and it is said."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from film import film, needs_ffmpeg
from sample_videos import packets

from actfusion_stream import Engine, open_stream, run
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.pictures import fit
from actfusion_stream.sources.video_file import VideoFile


def watched(path: Path) -> tuple[list[Frame], str | None]:
    """All frames, and what was done to them; nothing is missing."""
    video = VideoFile(path)
    frames = list(video.frames())
    video.close()
    assert video.warning is None
    assert {frame.image.shape for frame in frames} == {(video.info.height, video.info.width, 3)}
    return frames, video.remark


def bare(path: Path, color: str, size: str, *more: str) -> bytes:
    """Half a second of one colour as bare H.264, of which several make one file."""
    picture = ("-f", "lavfi", "-i", f"color={color}:s={size}:r=10:d=0.5")
    film(path, "-c:v", "libx264", "-pix_fmt", "yuv420p", *more, picture=picture, tone=())
    return path.read_bytes()


def columns(image: np.ndarray) -> tuple[int, int]:
    """First and last column that is not black."""
    bright = np.flatnonzero(image.max(axis=(0, 2)) > 60)
    return int(bright[0]), int(bright[-1])


@needs_ffmpeg
@pytest.mark.parametrize(
    ("size", "more", "bars"),
    [
        ("48x96", (), (36, 59)),  # another size: a tall picture in a wide one
        ("192x96", (), (0, 95)),  # another size of the same shape: no bars
        ("96x48", ("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90"), (36, 59)),  # another turn
        ("96x48", ("-vf", "setsar=1/4"), (36, 59)),  # other pixels
    ],
)
def test_pictures_that_change_in_the_middle_are_fitted_with_bars(
    tmp_path: Path, size: str, more: tuple[str, ...], bars: tuple[int, int]
) -> None:
    joined = bare(tmp_path / "a.h264", "white", "96x48") + bare(tmp_path / "b.h264", "white", size, *more)
    (tmp_path / "joined.h264").write_bytes(joined)
    frames, remark = watched(tmp_path / "joined.h264")
    assert len(frames) == 10
    assert frames[0].image.shape == (48, 96, 3)
    assert [columns(frame.image) for frame in frames[:5]] == [(0, 95)] * 5
    for frame in frames[5:]:
        assert np.abs(np.subtract(columns(frame.image), bars)).max() <= 1
    if (size, more) == ("192x96", ()):
        assert remark is not None
    assert remark == (
        f"joined.h264: its pictures were of another size or turn from {frames[5].time:.1f} s on, "
        "and fitted into 96x48"
    )


@needs_ffmpeg
def test_the_export_keeps_the_first_size_and_says_so(tmp_path: Path, tiny_checkpoint: Path) -> None:
    joined = bare(tmp_path / "a.h264", "white", "96x48") + bare(tmp_path / "b.h264", "white", "48x96")
    (tmp_path / "joined.h264").write_bytes(joined)
    with open_stream(tmp_path / "joined.h264", engine=Engine.load(tiny_checkpoint, device="cpu")) as stream:
        outcome = run(stream, [AnnotatedVideo(tmp_path / "out.mp4")])
    assert len(packets(tmp_path / "out.mp4", "video")) == 10
    assert any("of another size or turn from" in warning for warning in outcome.warnings)


def test_fitting_keeps_the_shape() -> None:
    white = np.full((40, 80, 3), 255, np.uint8)
    assert fit(white, 80, 40) is white
    assert columns(fit(white, 100, 100)) == (0, 99)
    assert columns(fit(white, 80, 40, Fraction(1, 2))) == (20, 59)
    assert fit(white, 7, 5).shape == (5, 7, 3)


# Interlaced

INTERLACED = ("-flags", "+ildct+ilme", "-b:v", "4M")


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.mts", "a.mpg", "a.mkv"])
def test_interlaced_pictures_lose_their_combs(tmp_path: Path, name: str) -> None:
    """A bar that moves quickly: the two fields of a picture show it at two places."""
    picture = ("-f", "lavfi", "-i", "color=black:s=128x96:r=50:d=1")
    moving = "geq=lum='if(between(mod(X-200*T,128),0,12),235,16)':cb=128:cr=128,tinterlace=interleave_top"
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    film(tmp_path / name, "-vf", moving, "-c:v", codec, *INTERLACED, picture=picture, tone=())
    frames, remark = watched(tmp_path / name)
    assert len(frames) == 25
    assert remark == f"{name}: its pictures were deinterlaced from 0.0 s on"
    combs = [np.abs(np.diff(frame.image[:, :, 1].astype(int), axis=0)).mean() for frame in frames[1:-1]]
    assert max(combs) < 3  # a combed picture has 13


@needs_ffmpeg
def test_progressive_pictures_are_left_alone(tmp_path: Path) -> None:
    _, remark = watched(film(tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p"))
    assert remark is None


# HDR


def pq(nits: float) -> float:
    """Code value in [0, 1] of a light in the curve of SMPTE ST 2084."""
    y = (nits / 10_000) ** 0.1593017578125
    return float(((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375)


@needs_ffmpeg
@pytest.mark.parametrize(("curve", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_brought_within_a_screens_range_and_said(tmp_path: Path, curve: str, name: str) -> None:
    levels = [0.1, 5, 50, 200, 1000]  # candela a square metre
    bars = (f"between(X,{32 * i},{32 * i + 31})*{64 + 876 * pq(n):.0f}" for i, n in enumerate(levels))
    light = f"format=yuv420p10le,geq=lum='{'+'.join(bars)}':cb=512:cr=512"
    film(
        tmp_path / "a.mp4", "-vf", light, "-c:v", "libx265",
        "-x265-params", f"log-level=error:colorprim=bt2020:transfer={curve}:colormatrix=bt2020nc",
        picture=("-f", "lavfi", "-i", "color=black:s=160x64:r=10:d=1"), tone=(),
    )  # fmt: skip
    frames, remark = watched(tmp_path / "a.mp4")
    assert len(frames) == 10
    assert (
        remark
        == f"a.mp4: its pictures were tone-mapped for the model, from HDR ({name}) to BT.709, from 0.0 s on"
    )
    greys = frames[5].image[32, 16::32]
    assert np.all(np.diff(greys.astype(int), axis=0) > 0)  # what was brighter stays brighter
    assert np.ptp(greys.astype(int), axis=1).max() <= 6  # and grey stays grey
    if name == "PQ":
        assert greys[0].mean() < 12  # untouched, black would be lifted
