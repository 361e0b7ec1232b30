"""Reads a dataset in the MS-TCN layout, and features for it.

DIR/mapping.txt                        "0 cut_tomato", an index and a name a line
DIR/groundTruth/VIDEO.txt              a label a frame
DIR/splits/train.split1.bundle         "VIDEO.txt", a video a line; test.split1.bundle likewise
DIR/features/VIDEO.npy                 (C, T) float, a column a frame
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.spec import ExtractorSpec, fingerprint

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
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.class_names)}

    def split(self, name: str, part: str) -> list[str]:
        """The videos of one list, as names without ending.

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
        videos = [Path(line).stem for line in path.read_text().split()]
        if not videos:
            raise StreamError(f"split {name}: {path} names no video")
        return videos

    def labels(self, video: str) -> NDArray[np.int64]:
        """(T,) int64, class of each frame.

        Raises:
            StreamError: there is no annotation of that video, or it has a label that the mapping lacks.
        """
        return read_labels(self.folder / "groundTruth" / f"{video}.txt", self._index)


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

    def __call__(self, video: str) -> NDArray[np.float32]:
        """(C, T) float32, a column a frame.

        Raises:
            StreamError: there are none for that video, or they are not (C, T) numbers.
        """
        names = self.dataset.class_names
        if self.source == LABELS:
            return one_hot(self.dataset.labels(video), len(names))
        array, text = (Path(self.source) / f"{video}{ending}" for ending in (".npy", ".txt"))
        if text.is_file() and not array.is_file():
            return one_hot(read_labels(text, {name: i for i, name in enumerate(names)}), len(names))
        try:
            features = np.load(array, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise StreamError(f"features of {video}: {array} cannot be read as an array: {error}") from error
        if features.ndim != 2 or features.dtype.kind != "f" or not features.size:
            raise StreamError(
                f"features of {video}: {array} holds {features.dtype} of shape {features.shape}; "
                "(channels, frames) of floats are needed"
            )
        return features.astype(np.float32, copy=False)


def one_hot(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float32]:
    """(T,) labels as (K, T) float32."""
    return np.equal.outer(np.arange(num_classes), labels).astype(np.float32)


def read_mapping(path: Path) -> tuple[str, ...]:
    """Class names of a mapping file, "INDEX NAME" a line, in the order of their indices.

    Raises:
        StreamError: the file is missing, or its indices are not 0, 1, 2 …
    """
    try:
        lines = [line.split(maxsplit=1) for line in path.read_text().splitlines() if line.strip()]
        names = {int(index): name.strip() for index, name in lines}
    except (OSError, ValueError) as error:
        raise StreamError(f"mapping {path}: expected a line 'INDEX NAME' for each class: {error}") from error
    if not names or sorted(names) != list(range(len(lines))) or len(set(names.values())) < len(names):
        raise StreamError(f"mapping {path}: its indices must be 0, 1, 2 … and its names different")
    return tuple(names[i] for i in range(len(names)))


def read_labels(path: Path, index: dict[str, int]) -> NDArray[np.int64]:
    """(T,) int64 from a label file, a name a line; MS-TCN's recognition files, all in the second line, too.

    Raises:
        StreamError: the file is missing, empty, or has a label that is not in `index`.
    """
    try:
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise StreamError(f"labels {path}: {error}") from error
    if text.startswith("###"):
        text = text.partition("\n")[2]
    names = text.split()
    unknown = sorted({name for name in names if name not in index})
    if unknown or not names:
        reason = f"label {unknown[0]!r} is not in the mapping" if unknown else "it has no label"
        raise StreamError(f"labels {path}: {reason}")
    return np.array([index[name] for name in names], np.int64)
