"""Datasets in the MS-TCN layout: read as they are, and what is wrong with one is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource, one_hot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mapping.txt").write_text("1 peel\n0 cut\n")
    for name in ("groundTruth", "splits", "features"):
        (tmp_path / name).mkdir()
    (tmp_path / "groundTruth/a.txt").write_text("cut\npeel\npeel\n")
    (tmp_path / "splits/train.split1.bundle").write_text("a.txt\nb.txt\n")
    np.save(tmp_path / "features/a.npy", np.arange(12, dtype=np.float64).reshape(4, 3))
    return tmp_path


def test_a_dataset_is_read(folder: Path) -> None:
    dataset = Dataset(folder)
    assert dataset.class_names == ("cut", "peel")
    assert dataset.split("1", "train") == ["a", "b"]
    assert dataset.labels("a").tolist() == [0, 1, 1]
    features = FeatureSource(dataset, str(folder / "features"))("a")
    assert (features.dtype, features.tolist()[1]) == (np.float32, [3.0, 4.0, 5.0])


def test_labels_serve_as_features(folder: Path) -> None:
    expected = [[1, 0, 0], [0, 1, 1]]
    assert one_hot(np.array([0, 1, 1]), 2).tolist() == expected
    for source in ("labels", str(folder / "groundTruth")):
        assert FeatureSource(Dataset(folder), source)("a").tolist() == expected


def test_recognition_files_of_mstcn_have_a_heading(folder: Path) -> None:
    (folder / "groundTruth/b.txt").write_text("### Frame level recognition: ###\ncut peel cut")
    assert Dataset(folder).labels("b").tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 cut\n2 peel\n", "its indices must be 0, 1, 2 … and its names different"),
        ("0 cut\n1 cut\n", "its indices must be 0, 1, 2 … and its names different"),
        ("", "its indices must be"),
        ("cut 0\n", "expected a line 'INDEX NAME' for each class"),
        ("0\n", "expected a line 'INDEX NAME' for each class"),
    ],
)
def test_mappings_that_cannot_be_meant(folder: Path, text: str, said: str) -> None:
    (folder / "mapping.txt").write_text(text)
    with pytest.raises(StreamError) as refused:
        _ = Dataset(folder).class_names
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_missing_things_are_named(folder: Path, tmp_path: Path) -> None:
    dataset = Dataset(folder)
    with pytest.raises(StreamError, match=r"split 2: no .*; found: train\.split1\.bundle"):
        dataset.split("2", "train")
    with pytest.raises(StreamError, match=r"labels .*z\.txt: .*No such file"):
        dataset.labels("z")
    (folder / "groundTruth/a.txt").write_text("cut\ndance\n")
    with pytest.raises(StreamError, match="label 'dance' is not in the mapping"):
        dataset.labels("a")
    (folder / "groundTruth/a.txt").write_text("")
    with pytest.raises(StreamError, match="it has no label"):
        dataset.labels("a")
    (folder / "splits/train.split1.bundle").write_text("")
    with pytest.raises(StreamError, match="names no video"):
        dataset.split("1", "train")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros(3, np.float32), r"float32 of shape \(3,\); \(channels, frames\) of floats are needed"),
        (np.zeros((2, 0), np.float32), r"float32 of shape \(2, 0\)"),
        (np.zeros((2, 3), np.int64), r"int64 of shape \(2, 3\)"),
        (np.array([{"a": 1}], dtype=object), "cannot be read as an array"),  # would have to be unpickled
        (None, "cannot be read as an array"),
    ],
)
def test_features_that_are_none(folder: Path, array: np.ndarray | None, said: str) -> None:
    if array is None:
        (folder / "features/a.npy").write_bytes(b"\x93NUMPY")
    else:
        np.save(folder / "features/a.npy", array, allow_pickle=True)
    with pytest.raises(StreamError, match=said):
        FeatureSource(Dataset(folder), str(folder / "features"))("a")
