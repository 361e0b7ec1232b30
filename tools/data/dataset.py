"""Reads a dataset in the MS-TCN layout, and features for it.

DIR/mapping.txt                        "0 cut_tomato", an index and a name a line
DIR/groundTruth/VIDEO.txt              a label a frame
DIR/splits/train.split1.bundle         "VIDEO.txt", a video a line; test.split1.bundle likewise
DIR/features/VIDEO.npy                 (C, T) float, a column a frame

What people have in its place is read where one thing only can be meant: see `read_labels`, `Dataset.split`
and `labelled.read_videos`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.spec import ExtractorSpec, fingerprint

from .features import ArrayFile, OneHotFeatures

EXTRACTOR_JSON, EXTRACTOR_WEIGHTS = "extractor.json", "extractor.safetensors"  # beside features of ours
LABELS = "labels"  # a feature source: the true labels as one-hot features


@dataclass(frozen=True)
class Dataset:
    """Annotations and splits of one dataset.

    Attributes:
        folder: in the MS-TCN layout.
    """

    folder: Path

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class index.

        Raises:
            StreamError: mapping.txt is missing, or does not count its names from 0.
        """
        return read_mapping(self.folder / "mapping.txt")

    @cached_property
    def index(self) -> dict[str, int]:
        """Class index of each name."""
        return {name: i for i, name in enumerate(self.class_names)}

    def split(self, name: str, part: str) -> list[str]:
        """The videos of one list, as names without ending.

        A line names a video, or a file of it: `VIDEO`, `VIDEO.txt`, `groundTruth/VIDEO.txt`. Names may have
        dots and blanks in them; another ending than .txt is one if only so there is an annotation.

        Args:
            name: of the split, e.g. "1".
            part: "train" or "test".

        Raises:
            StreamError: there is no such list, or it is empty.
        """
        path = self.folder / "splits" / f"{part}.split{name}.bundle"
        if not path.is_file():
            found = sorted(p.name for p in path.parent.glob("*.bundle")) if path.parent.is_dir() else []
            raise StreamError(f"split {name}: no {path}; found: {', '.join(found) or 'no *.bundle there'}")
        videos = [self._video(line) for line in read_lines(path, f"split {name}:") if line]
        if not videos:
            raise StreamError(f"split {name}: {path} names no video")
        return videos

    def _video(self, line: str) -> str:
        """The video that a line of a list names."""
        name = PurePosixPath(line.replace("\\", "/")).name
        if name.endswith(".txt"):
            return name.removesuffix(".txt")
        shorter = PurePosixPath(name).stem
        there = [(self.folder / "groundTruth" / f"{given}.txt").is_file() for given in (name, shorter)]
        return shorter if there == [False, True] else name

    def labels(self, video: str) -> NDArray[np.int64]:
        """(T,) int64, class of each frame.

        Raises:
            StreamError: there is no annotation of that video, or it has a label that the mapping lacks.
        """
        return read_labels(self.folder / "groundTruth" / f"{video}.txt", self.index)


@dataclass(frozen=True)
class FeatureSource:
    """Where the (C, T) features of a dataset's videos come from.

    Attributes:
        dataset: whose videos.
        source: "labels" for the true labels as one-hot features, or a folder of VIDEO.npy arrays (C, T), or
            of VIDEO.txt label files, which are read as one-hot features.
    """

    dataset: Dataset
    source: str

    @cached_property
    def extractor(self) -> ExtractorSpec | None:
        """What the features are, where `actfusion-extract` made them; None if nobody says.

        Raises:
            StreamError: the description beside the features is damaged.
        """
        path = Path(self.source) / EXTRACTOR_JSON
        if self.source == LABELS or not path.is_file():
            return None
        try:
            return ExtractorSpec.from_json(json.loads(path.read_text())["extractor"])
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise StreamError(f"features {self.source}: {EXTRACTOR_JSON} is damaged: {error}") from error

    def extractor_state(self) -> dict[str, Tensor]:
        """The weights of that extractor, none if they are not beside the features.

        Raises:
            StreamError: they are damaged, or other than the description says.
        """
        path = Path(self.source) / EXTRACTOR_WEIGHTS
        if self.extractor is None or not path.is_file():
            return {}
        try:
            state = load_file(str(path))
        except (SafetensorError, OSError) as error:
            raise StreamError(f"features {self.source}: {EXTRACTOR_WEIGHTS} is damaged: {error}") from error
        if fingerprint(state) != self.extractor.fingerprint:
            raise StreamError(
                f"features {self.source}: {EXTRACTOR_WEIGHTS} has fingerprint {fingerprint(state)[:12]}, the "
                f"features were made with {self.extractor.fingerprint[:12]}; extract them anew"
            )
        return state

    def open(self, video: str) -> ArrayFile | OneHotFeatures:
        """Find the features of one video; of an array, only the header is read.

        Raises:
            StreamError: there are none for that video, or they are not an array of numbers in two dimensions.
        """
        names = self.dataset.class_names
        if self.source == LABELS:
            return OneHotFeatures(self.dataset.labels(video), len(names))
        array, text = (Path(self.source) / f"{video}{ending}" for ending in (".npy", ".txt"))
        if text.is_file() and not array.is_file():
            return OneHotFeatures(read_labels(text, self.dataset.index), len(names))
        return ArrayFile.open(video, array)


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text file, without blanks at their ends; a byte order mark is none of its text.

    Args:
        path: of the file, in UTF-8, with the line ends of any system.
        what: how to call it in an error, before its name.

    Raises:
        StreamError: it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StreamError(f"{what} {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StreamError(f"{what} {path}: it is not text in UTF-8 ({error}); save it as that") from error
    return [line.strip() for line in text.split("\n")]


def read_mapping(path: Path) -> tuple[str, ...]:
    """Class names of a mapping file, "INDEX NAME" a line, in the order of their indices.

    Raises:
        StreamError: the file is missing, or its indices are not 0, 1, 2 …
    """
    try:
        lines = [line.split(maxsplit=1) for line in read_lines(path, "mapping") if line]
        names = {int(index): name for index, name in lines}
    except ValueError as error:
        raise StreamError(f"mapping {path}: expected a line 'INDEX NAME' for each class: {error}") from error
    if not names or sorted(names) != list(range(len(lines))) or len(set(names.values())) < len(names):
        raise StreamError(f"mapping {path}: its indices must be 0, 1, 2 … and its names different")
    return tuple(names[i] for i in range(len(names)))


def read_labels(path: Path, index: Mapping[str, int]) -> NDArray[np.int64]:
    """Class of each frame, from a label file.

    Args:
        path: a label a line, which may have blanks in it; labels without any may also stand side by side in a
            line, as in MS-TCN's recognition files, whose first line is a heading. Indices of classes are read
            where no class has a number for a name.
        index: class of each name.

    Returns:
        (T,) int64.

    Raises:
        StreamError: the file is missing, empty, or has a label that is not in `index`, or a line without any.
    """
    lines = read_lines(path, "labels")
    while lines and not lines[-1]:
        lines.pop()
    first = 1  # number of the first line of labels
    if lines and lines[0].startswith("###"):
        del lines[0]
        first = 2
    if not lines:
        raise StreamError(f"labels {path}: it has no label")
    if "" in lines:
        raise StreamError(
            f"labels {path}: line {first + lines.index('')} is empty, and there are labels after it; "
            "a label a frame is needed"
        )
    labels = [label for line in lines for label in ([line] if line in index else line.split())]
    if not any(label in index for label in labels) and not any(name.isdecimal() for name in index):
        index = {str(i): i for i in range(len(index))}
    unknown = next((label for label in labels if label not in index), None)
    if unknown is not None:
        raise StreamError(f"labels {path}: label {unknown!r} is not in the mapping")
    return np.array([index[label] for label in labels], np.int64)
