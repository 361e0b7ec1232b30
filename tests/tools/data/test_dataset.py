"""Datasets in the MS-TCN layout: read as they are, and what is wrong with one is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.data.labelled import read_videos


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
    (video,) = read_videos(FeatureSource(dataset, str(folder / "features")), ["a"])
    features = video.array()
    assert (features.dtype, features.tolist()[1]) == (np.float32, [3.0, 4.0, 5.0])


def test_labels_serve_as_features(folder: Path) -> None:
    expected = [[1, 0, 0], [0, 1, 1]]
    for source in ("labels", str(folder / "groundTruth")):
        (video,) = read_videos(FeatureSource(Dataset(folder), source), ["a"])
        assert video.array().tolist() == expected


def test_recognition_files_of_mstcn_have_a_heading(folder: Path) -> None:
    (folder / "groundTruth/b.txt").write_text("### Frame level recognition: ###\ncut peel cut")
    assert Dataset(folder).labels("b").tolist() == [0, 1, 0]


def test_text_of_any_system_is_read(folder: Path) -> None:
    for name, text in {
        "mapping.txt": "\ufeff0 schälen\r\n1 cut\r\n",
        "groundTruth/a.txt": "\ufeffschälen\r\ncut\r\ncut\r\n\r\n",
        "splits/train.split1.bundle": "\ufeffa.txt\r\n\r\nb.txt\r\n",
    }.items():
        (folder / name).write_bytes(text.encode())
    dataset = Dataset(folder)
    assert dataset.class_names == ("schälen", "cut")
    assert dataset.labels("a").tolist() == [0, 1, 1]
    assert dataset.split("1", "train") == ["a", "b"]


@pytest.mark.parametrize("name", ["mapping.txt", "groundTruth/a.txt", "splits/train.split1.bundle"])
def test_text_in_another_encoding_is_named(folder: Path, name: str) -> None:
    (folder / name).write_bytes("0 schälen\n".encode("latin-1"))
    dataset = Dataset(folder)
    with pytest.raises(StreamError, match=rf"{name}: it is not text in UTF-8 \(.*\); save it as that"):
        (dataset.split("1", "train"), dataset.labels("a"))


def test_labels_may_have_blanks_in_them(folder: Path) -> None:
    (folder / "mapping.txt").write_text("0 cut\n1 cut tomato\n2 peel\n")
    (folder / "groundTruth/a.txt").write_text("cut tomato\ncut\n cut tomato \npeel\n")
    assert Dataset(folder).labels("a").tolist() == [1, 0, 1, 2]
    # All in one line, nothing tells where one ends.
    (folder / "groundTruth/b.txt").write_text("### Frame level recognition: ###\ncut tomato peel\n")
    with pytest.raises(StreamError, match=r"b\.txt: label 'tomato' is not in the mapping"):
        Dataset(folder).labels("b")


def test_a_line_without_a_label_is_no_frame_and_no_nothing(folder: Path) -> None:
    (folder / "groundTruth/a.txt").write_text("cut\n\npeel\n")
    with pytest.raises(StreamError, match=r"a\.txt: line 2 is empty, and there are labels after it"):
        Dataset(folder).labels("a")
    (folder / "groundTruth/b.txt").write_text("### heading ###\ncut\n\npeel\n")
    with pytest.raises(StreamError, match=r"b\.txt: line 3 is empty"):
        Dataset(folder).labels("b")


def test_indices_are_labels_where_no_class_is_called_by_a_number(folder: Path) -> None:
    (folder / "groundTruth/a.txt").write_text("1\n0\n1\n")
    assert Dataset(folder).labels("a").tolist() == [1, 0, 1]
    (folder / "groundTruth/a.txt").write_text("1\n0\n2\n")
    with pytest.raises(StreamError, match="label '2' is not in the mapping"):
        Dataset(folder).labels("a")
    (folder / "groundTruth/a.txt").write_text("1\ncut\n")
    with pytest.raises(StreamError, match="label '1' is not in the mapping"):
        Dataset(folder).labels("a")
    (folder / "mapping.txt").write_text("0 1\n1 0\n")
    (folder / "groundTruth/a.txt").write_text("1\n0\n")
    assert Dataset(folder).labels("a").tolist() == [0, 1]  # names


def test_lists_name_videos_in_many_ways(folder: Path) -> None:
    for name in ("P03.cam01", "my film", "c"):
        (folder / f"groundTruth/{name}.txt").write_text("cut\n")
    lines = [
        "P03.cam01",
        "P03.cam01.txt",
        "my film.txt",
        "my film",
        "groundTruth/a.txt",
        "data\\a.txt",
        "c.avi",
    ]
    (folder / "splits/train.split1.bundle").write_text("\n".join(lines))
    videos = ["P03.cam01", "P03.cam01", "my film", "my film", "a", "a", "c"]
    assert Dataset(folder).split("1", "train") == videos


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
        read_videos(FeatureSource(Dataset(folder), str(folder / "features")), ["a"])
