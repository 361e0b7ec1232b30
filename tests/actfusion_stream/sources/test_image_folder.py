"""A folder of pictures runs at the rate that is given, or as its pictures were taken; and says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.image_folder import ImageFolder
from actfusion_stream.sources.picture_times import times_of


def pictures(folder: Path, names: list[str], taken: list[tuple[str, str]] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        image = Image.fromarray(np.full((24, 32, 3), 5 * (index % 50), np.uint8))
        exif = Image.Exif()
        if taken:
            exif.get_ifd(34665).update({36867: taken[index][0], 37521: taken[index][1]})
        image.save(folder / name, exif=exif)
    return folder


def times(folder: ImageFolder) -> list[float]:
    return [round(frame.time, 6) for frame in folder.frames()]


PLAIN = [f"frame{index}.jpg" for index in range(12)]


def test_the_rate_that_is_given(tmp_path: Path) -> None:
    folder = ImageFolder(pictures(tmp_path / "salad", PLAIN), rate=5.0)
    assert times(folder) == [index / 5 for index in range(12)]
    assert folder.remark == "salad: 5 pictures a second, as given"
    assert folder.info.duration == pytest.approx(12 / 5)


def test_without_any_time_it_is_guessed_and_said(tmp_path: Path) -> None:
    folder = ImageFolder(pictures(tmp_path / "salad", PLAIN))
    assert times(folder) == [index / 25 for index in range(12)]
    assert folder.remark == (
        "salad: 25 pictures a second, as neither names nor EXIF tell; --rate gives another"
    )


@pytest.mark.parametrize(
    "names",
    [
        ["1714567890.00.jpg", "1714567890.20.jpg", "1714567891.45.jpg"],
        ["cam_1714567890000.jpg", "cam_1714567890200.jpg", "cam_1714567891450.jpg"],
        ["1714567890000000000.png", "1714567890200000000.png", "1714567891450000000.png"],  # ROS
        ["IMG_20240501_123015_000.jpg", "IMG_20240501_123015_200.jpg", "IMG_20240501_123016_450.jpg"],
        ["2024-05-01T12-30-15.0.jpg", "2024-05-01T12-30-15.2.jpg", "2024-05-01T12-30-16.45.jpg"],
    ],
)
def test_times_in_names(tmp_path: Path, names: list[str]) -> None:
    folder = ImageFolder(pictures(tmp_path / "salad", names))
    assert times(folder) == pytest.approx([0.0, 0.2, 1.45], abs=1e-5)
    assert folder.remark == "salad: 1.38 pictures a second on average, by their names"


def test_times_in_exif(tmp_path: Path) -> None:
    taken = [("2024:05:01 12:30:15", "00"), ("2024:05:01 12:30:15", "20"), ("2024:05:01 12:30:16", "45")]
    folder = ImageFolder(pictures(tmp_path / "salad", PLAIN[:3], taken))
    assert times(folder) == pytest.approx([0.0, 0.2, 1.45])
    assert folder.remark is not None
    assert folder.remark.endswith("by EXIF")


def test_whole_seconds_tell_a_rate(tmp_path: Path) -> None:
    """Twenty seconds at five pictures a second, as most cameras note them."""
    names = [f"{index:03}.jpg" for index in range(101)]
    taken = [(f"2024:05:01 12:30:{index // 5 + 10:02}", "") for index in range(101)]
    folder = ImageFolder(pictures(tmp_path / "salad", names, taken))
    assert times(folder)[-1] == pytest.approx(20.0)
    assert folder.info.rate == pytest.approx(5.0)


@pytest.mark.parametrize(
    "names",
    [
        ["0000000001.jpg", "0000000002.jpg"],  # counted, not timed
        ["20240501.jpg", "20240502.jpg"],
        ["IMG_20240501_123015.jpg", "IMG_20240501_123014.jpg", "z.jpg"],  # not all of them
        ["a20241301_123015.jpg", "b20241301_123016.jpg"],  # there is no thirteenth month
    ],
)
def test_names_that_hold_no_times(tmp_path: Path, names: list[str]) -> None:
    folder = pictures(tmp_path / "salad", names)
    assert times_of(sorted(folder.iterdir())) is None


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_rate_that_makes_no_sense(tmp_path: Path, rate: float) -> None:
    with pytest.raises(StreamError, match=r"give pictures a second from 0\.001 to 1000"):
        ImageFolder(pictures(tmp_path / "salad", PLAIN), rate=rate)


def test_another_size_is_fitted(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "salad", PLAIN)
    Image.new("RGB", (24, 32), "white").save(folder / PLAIN[5])
    (folder / PLAIN[7]).write_bytes(b"no picture")
    reader = ImageFolder(folder, rate=10.0)
    frames = list(reader.frames())
    assert len(frames) == 11
    assert {frame.image.shape for frame in frames} == {(24, 32, 3)}
    assert reader.remark == "salad: 10 pictures a second, as given; 1 picture was fitted into 32x24"
    assert reader.warning == "salad: 1 of 12 pictures cannot be read; all the rest was read"
