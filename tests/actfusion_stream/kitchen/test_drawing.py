"""The drawn kitchen: a pure function of seed and time, in which every action can be seen."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from actfusion_stream.kitchen.drawing import HEIGHT, WIDTH, Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES

REPOSITORY = Path(__file__).resolve().parents[3]


@cache
def kitchen(seed: int) -> Kitchen:
    return Kitchen(seed)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pixels that differ by more than noise does."""
    return float((np.abs(a.astype(int) - b).max(axis=2) > 40).mean())


def test_a_frame_is_a_pure_function_of_seed_and_time():
    forwards, backwards = Kitchen(10007), Kitchen(10007)
    times = [0.0, 11.3, 47.0, 89.9]
    there = {time: forwards.frame(time) for time in times}
    back = {time: backwards.frame(time) for time in reversed(times)}
    for time in times:
        assert there[time].shape == (240, 320, 3)
        assert there[time].dtype == np.uint8
        np.testing.assert_array_equal(there[time], back[time])
    assert not np.array_equal(there[0.0], Kitchen(10008).frame(0.0))


# As the pictures were that the bundled model was trained on; other versions of OpenCV may round otherwise.
DRAWN = {
    (10007, (320, 240)): "40f56524ed4c573b",
    (7, (320, 240)): "4a340215e7f7051a",
    (3, (96, 72)): "2a7297402d6e981f",
    (10008, (640, 360)): "39bf682095ecc620",
}


@pytest.mark.skipif(cv2.__version__ != "5.0.0", reason="digests are of pictures drawn by OpenCV 5.0.0")
@pytest.mark.parametrize(("seed", "size"), DRAWN)
def test_pictures_as_wide_as_the_scene_are_drawn_as_ever(seed: int, size: tuple[int, int]):
    shown = Kitchen(seed, 90.0, size)
    drawn = b"".join(shown.frame(time).tobytes() for time in (3.0, 40.2, 71.5))
    assert hashlib.sha256(drawn).hexdigest()[:16] == DRAWN[seed, size]


def test_another_process_draws_the_same_frames():
    program = (
        "import zlib; from actfusion_stream.kitchen.drawing import Kitchen\n"
        "print([zlib.crc32(Kitchen(10007).frame(t).tobytes()) for t in (3.0, 40.2)])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (200, 400), (33, 47)])
def test_any_size_shows_the_whole_scene(size: tuple[int, int]):
    image = Kitchen(10007, size=size).frame(20.0)
    assert image.shape == (size[1], size[0], 3)
    scale = min(size[0] / WIDTH, size[1] / HEIGHT)
    left, top = (size[0] - WIDTH * scale) / 2, (size[1] - HEIGHT * scale) / 2
    scene = image[round(top) : round(top + HEIGHT * scale), round(left) : round(left + WIDTH * scale)]
    usual = fields(Kitchen(10007).frame(20.0))
    assert np.abs(fields(scene) - usual).mean() < 0.6 * np.abs(fields(scene)[::-1] - usual).mean()


def fields(image: np.ndarray) -> np.ndarray:
    """Means over 8 x 8 fields: the same for the same kitchen, whatever the resolution."""
    rows = np.array_split(image.astype(float), 8, axis=0)
    return np.array([[cell.mean() for cell in np.array_split(row, 8, axis=1)] for row in rows])


def test_kitchens_look_different():
    means = np.array([kitchen(seed).frame(0.0).reshape(-1, 3).mean(axis=0) for seed in range(12)])
    assert np.ptp(means, axis=0).min() > 30
    assert {kitchen(seed).scene.mirror for seed in range(12)} == {False, True}


@pytest.mark.parametrize("label", CLASS_NAMES[1:])
def test_an_action_changes_the_picture(label: str):
    shown, step = next(
        (kitchen(s), step) for s in range(40) for step in kitchen(s).script if step.label == label
    )
    duration = step.end - step.start
    before, middle, late, after = (
        shown.frame(step.start + share * duration) for share in (0.0, 0.45, 0.75, 0.9999)
    )
    assert difference(before, middle) > 0.01, "hands have come"
    assert max(difference(middle, late), difference(before, after)) > 0.002, "and something has been done"


@pytest.mark.parametrize("seed", [10007, 10008, 10009])
def test_a_tall_picture_is_used_and_the_sleeves_reach_its_edge(seed: int) -> None:
    kitchen = Kitchen(seed, 90.0, (270, 480))
    picture = kitchen.frame(40.0)
    lowest = picture[472:478].astype(float).mean(0)  # (W, 3)
    steep = np.abs(lowest[5:] - lowest[:-5]).max(1) > 25
    edges = np.split(np.flatnonzero(steep), np.flatnonzero(np.diff(np.flatnonzero(steep)) > 15) + 1)
    assert len(edges) == 4, "of two sleeves"
    # The scene alone would take 202 of 480 rows.
    rows = [
        (at[1] + kitchen.scene.tall) * 270 / 320
        for at in (*kitchen.scene.spots.values(), kitchen.scene.plate)
    ]
    assert max(rows) - min(rows) > 240
    assert min(rows) > 60
    assert 200 < (kitchen.scene.board[1] + kitchen.scene.tall) * 270 / 320 < 280
