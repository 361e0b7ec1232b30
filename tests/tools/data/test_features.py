"""Features that stay in their file: the same numbers in whatever order they lie, and no other ones unsaid."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data import features as module
from actfusion_stream.tools.data.features import ArrayFile, FileFeatures, OneHotFeatures


def opened(path: Path, array: np.ndarray, time_axis: int = 1) -> FileFeatures:
    np.save(path, array)
    return FileFeatures(ArrayFile.open("v", path), time_axis)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f2", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("time_axis", [1, 0])
@pytest.mark.parametrize("block", [1, 64, 2**20])
def test_frames_are_read_wherever_they_lie(
    tmp_path: Path, dtype: str, order: str, time_axis: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block)
    monkeypatch.setattr(module, "_SEEK_BYTES", 30)  # so that few frames of a row are sought, not skipped
    array = np.random.default_rng(0).standard_normal((7, 23)).astype(dtype)
    stored = np.array(array if time_axis == 1 else array.T, order=order)
    features = opened(tmp_path / "v.npy", stored, time_axis)
    assert (features.channels, features.frames) == (7, 23)
    for frames in (np.arange(23), np.arange(2, 23, 8), np.array([5]), np.array([9, 3, 3, 4]), np.arange(23)):
        found = features(frames)
        assert found.dtype == np.float32
        assert found.flags.c_contiguous
        assert found.tolist() == array[:, frames].astype(np.float32).tolist()


def test_labels_are_features_too() -> None:
    features = OneHotFeatures(np.array([1, 0, 2]), 3)
    assert (features.channels, features.frames) == (3, 3)
    assert features(np.array([2, 0])).tolist() == [[0, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["<f4", "<f2", "<f8"])
@pytest.mark.parametrize(("order", "time_axis"), [("C", 1), ("F", 1), ("C", 0), ("F", 0)])
def test_what_is_no_number_is_named_with_its_place(
    tmp_path: Path, value: float, dtype: str, order: str, time_axis: int
) -> None:
    array = np.ones((40, 300), dtype)
    array[17, 202] = value
    features = opened(tmp_path / "v.npy", np.array(array if time_axis else array.T, order=order), time_axis)
    with pytest.raises(StreamError) as refused:
        features(np.arange(0, 300, 8))  # frame 202 is not among them
    assert f"features of v: {tmp_path / 'v.npy'} has {value} at channel 17, frame 202; " in str(refused.value)


def test_the_first_of_several_places_is_named(tmp_path: Path) -> None:
    array = np.zeros((4, 50), np.float32)
    array[3, 1], array[2, 40], array[2, 41] = np.nan, np.inf, -np.inf
    with pytest.raises(StreamError, match="has inf at channel 2, frame 40"):
        opened(tmp_path / "v.npy", array)(np.arange(5))


def test_numbers_that_only_their_sum_makes_infinite_are_fine(tmp_path: Path) -> None:
    array = np.full((3, 40), 3e38, np.float32)
    assert opened(tmp_path / "v.npy", array)(np.arange(40)).tolist() == array.tolist()


def test_what_no_float32_holds_is_refused(tmp_path: Path) -> None:
    array = np.ones((3, 40))
    array[1, 2] = 1e300
    with pytest.raises(StreamError, match="has inf at channel 1, frame 2"):
        opened(tmp_path / "v.npy", array)(np.arange(40))


def test_a_file_that_shrank_or_went_since_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    features = opened(path, np.ones((3, 40), np.float32))
    features(np.arange(40))
    os.truncate(path, 300)
    with pytest.raises(StreamError, match=r"can no longer be read: it ends \d+ bytes before what was in it"):
        features(np.arange(40))
    path.unlink()
    with pytest.raises(StreamError, match=r"can no longer be read: No such file"):
        features(np.arange(40))


def test_a_file_without_its_end_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "v.npy"
    np.save(path, np.ones((3, 40), np.float32))
    os.truncate(path, 600)
    with pytest.raises(StreamError, match=r"cannot be read as an array: its last 8 bytes are missing"):
        ArrayFile.open("v", path)


def test_of_a_large_file_nothing_stays_but_what_was_asked_for(tmp_path: Path) -> None:
    """A quarter of a gigabyte, all of it zeros that take no room on the disk."""
    path = tmp_path / "v.npy"
    shape = (2048, 2**15)
    with path.open("wb") as file:
        about = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, about)
        file.truncate(file.tell() + 4 * shape[0] * shape[1])
    tracemalloc.start()
    try:
        features = FileFeatures(ArrayFile.open("v", path))
        asked = features(np.arange(0, 2**15, 64))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert asked.shape == (2048, 512)
    assert most < 3 * asked.nbytes
