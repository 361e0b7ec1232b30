"""Held-out kitchens, filmed in several ways: what becomes of the pictures, and of the files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.tools.evaluation.filming import FILMS, PLAIN, Film, FilmedKitchen, Row

BY_NAME = {film.name: film for film in FILMS}


def test_what_becomes_of_a_picture() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    image[:, :160] = 100
    image[100:140, 150:170] = 200

    def changed(name: str) -> np.ndarray:
        change = BY_NAME[name].change
        assert change is not None
        out = change(image.copy())
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        return out

    assert changed("mirrored")[0, [0, 319], 0].tolist() == [0, 100]
    assert changed("darkened")[0, 0].tolist() == [60, 60, 60]
    bars = changed("bars")
    assert not bars[:24].any()
    assert not bars[-24:].any()
    np.testing.assert_array_equal(bars[24:-24], image[24:-24])
    # The square of 40 pixels around the middle is 46 high once it is filmed from nearer.
    assert (changed("zoomed")[:, 160, 0] > 190).sum() == pytest.approx(46, abs=1)


def test_a_plain_film_is_the_kitchen() -> None:
    kitchen, plain = Kitchen(10_000, 8.0, uneven=0.7), FilmedKitchen(10_000, 8.0, 0.7, PLAIN)
    np.testing.assert_array_equal(plain.frame(3.0), kitchen.frame(3.0))
    assert plain.script == kitchen.script
    mirrored = FilmedKitchen(10_000, 8.0, 0.7, BY_NAME["mirrored"])
    np.testing.assert_array_equal(mirrored.frame(3.0), kitchen.frame(3.0)[:, ::-1])


def test_a_video_is_rendered_once_for_all_that_decides_it(tmp_path: Path) -> None:
    assert Row(90.0).name == "90 s"
    assert Row(90.0, uneven=0.7).name == "90 s, uneven 0.7"
    path = Row(4.0, BY_NAME["24 fps"]).video(10_001, tmp_path)
    assert path.name == "10001-4s-24fps.mp4"
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.average_rate == Fraction(24)
        assert video.frames == 96
    before = path.stat().st_mtime_ns
    assert Row(4.0, BY_NAME["24 fps"]).video(10_001, tmp_path).stat().st_mtime_ns == before
    few = Fraction(2)  # frames a second, to be quick
    worse = Row(4.0, Film("worse", few, crf=38)).video(10_001, tmp_path).stat().st_size
    assert worse < Row(4.0, Film("fine", few)).video(10_001, tmp_path).stat().st_size / 2
