"""Labels and features of the same videos: one answer to how they belong together, for all that reads both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.errors import StreamError

from .dataset import FeatureSource
from .features import ArrayFile, Features, FileFeatures, OneHotFeatures

_MAX_MISFIT = 30  # frames, or a hundredth: the published features of some videos end a little early


@dataclass(frozen=True)
class LabelledVideo:
    """One video; of its features, as many as it has labels are meant.

    Attributes:
        name: of the video.
        labels: (T,) class of each frame.
        features: (C, T or more), not read yet.
    """

    name: str
    labels: NDArray[np.int64]
    features: Features

    def array(self) -> NDArray[np.float32]:
        """(C, T) float32, read now.

        Raises:
            StreamError: they cannot be read, or are not finite.
        """
        return self.features(np.arange(len(self.labels)))


def read_videos(
    source: FeatureSource, names: Iterable[str], channels: int | None = None
) -> list[LabelledVideo]:
    """Read the labels of videos and find their features; where one ends a little early, so does the other.

    Arrays may be (channels, frames) or (frames, channels), where their shapes, the number of labels and the
    other videos tell which.

    Args:
        source: features, and the dataset with the labels.
        names: of the videos.
        channels: of the features, as a model reads them; None for as many as all videos have.

    Raises:
        StreamError: something cannot be read, features and labels of a video are not of one length, features
            are not of one width, or nothing tells frames from channels.
    """
    found = []
    for name in names:
        labels, stored = source.dataset.labels(name), source.open(name)
        shapes = _shapes(stored, described=source.extractor is not None)
        found.append(_Found(name, labels, stored, _fitting(name, shapes, len(labels), channels)))
    if channels is None:
        channels = _common_channels(found, source.source)
    axes = [[shape.time_axis for shape in video.shapes if shape.channels == channels] for video in found]
    others = {each[0] for each in axes if len(each) == 1}
    videos = []
    for video, possible in zip(found, axes, strict=True):
        if len(possible) > 1 and len(others) != 1:
            raise _ambiguous(video)
        axis = possible[0] if len(possible) == 1 else next(iter(others))
        features = FileFeatures(video.stored, axis) if isinstance(video.stored, ArrayFile) else video.stored
        length = min(len(video.labels), features.frames)
        videos.append(LabelledVideo(video.name, video.labels[:length], features))
    return videos


class _Shape(NamedTuple):
    """One way to read an array."""

    channels: int
    frames: int
    time_axis: int


class _Found(NamedTuple):
    """A video of which it is not settled yet how its array is to be read."""

    name: str
    labels: NDArray[np.int64]
    stored: ArrayFile | OneHotFeatures
    shapes: list[_Shape]  # those that fit the labels


def _shapes(stored: ArrayFile | OneHotFeatures, described: bool) -> list[_Shape]:
    """The ways to read an array; one that `actfusion-extract` described is (channels, frames)."""
    if not isinstance(stored, ArrayFile):
        return [_Shape(stored.channels, stored.frames, 1)]
    first, second = stored.shape
    return [_Shape(first, second, 1)] + ([] if described else [_Shape(second, first, 0)])


def _fitting(name: str, shapes: list[_Shape], count: int, channels: int | None) -> list[_Shape]:
    """Those of the ways in which the array goes with `count` labels, and with a model.

    Raises:
        StreamError: none does.
    """
    wide = [shape for shape in shapes if channels in (None, shape.channels)]
    fitting = [shape for shape in wide if abs(shape.frames - count) <= max(_MAX_MISFIT, count // 100)]
    if fitting:
        return fitting
    if wide:
        raise StreamError(
            f"features of {name}: {wide[0].frames} for {count} labels; a feature a frame is needed"
        )
    nearest = min(shapes, key=lambda shape: abs(shape.frames - count))
    raise StreamError(f"features of {name}: {nearest.channels} channels; the checkpoint reads {channels}")


def _common_channels(found: Sequence[_Found], source: str) -> int:
    """The one width that all videos have.

    Raises:
        StreamError: there is none, or more than one.
    """

    def common(ways: list[set[int]]) -> set[int]:
        return set.intersection(*ways)

    near = common([{shape.channels for shape in video.shapes} for video in found])
    if len(near) == 1:
        return near.pop()
    if not near:
        widths = sorted({video.shapes[0].channels for video in found})
        raise StreamError(f"features {source}: videos have {widths} channels; expected one width")
    exact = near & common(
        [{s.channels for s in video.shapes if s.frames == len(video.labels)} for video in found]
    )
    if len(exact) != 1:
        raise _ambiguous(found[0])
    return exact.pop()


def _ambiguous(video: _Found) -> StreamError:
    shape = " x ".join(str(size) for size in video.shapes[0][:2])
    return StreamError(
        f"features of {video.name}: an array of {shape} for {len(video.labels)} labels may be (channels, "
        "frames) or (frames, channels), and no other video tells; give as many features as labels"
    )
