"""Labels and features of the same videos: cut to fit, and which axis is time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.data.labelled import LabelledVideo, read_videos


class Folder:
    """A dataset that is made up video by video; features are 0, 1, 2 … in the order of (channels, frames)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "mapping.txt").write_text("0 cut\n1 peel\n")
        (folder / "groundTruth").mkdir()
        (folder / "features").mkdir()
        self.names: list[str] = []

    def add(self, labels: int, channels: int, frames: int, *, time_first: bool = False) -> None:
        name = f"v{len(self.names)}"
        self.names.append(name)
        (self.folder / f"groundTruth/{name}.txt").write_text("cut\n" * labels)
        array = np.arange(channels * frames, dtype=np.float32).reshape(channels, frames)
        np.save(self.folder / f"features/{name}.npy", array.T if time_first else array)

    def read(self, channels: int | None = None) -> list[LabelledVideo]:
        source = FeatureSource(Dataset(self.folder), str(self.folder / "features"))
        return read_videos(source, self.names, channels)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize(("labels", "frames"), [(60, 57), (57, 60), (60, 30), (5000, 4951)])
def test_the_longer_of_both_ends_with_the_shorter(folder: Folder, labels: int, frames: int) -> None:
    folder.add(labels, 200, frames)
    (video,) = folder.read(200)
    shorter = min(labels, frames)
    assert len(video.labels) == shorter
    assert video.array().shape == (200, shorter)
    assert video.array()[1, 0] == frames


@pytest.mark.parametrize(("labels", "frames"), [(60, 29), (5000, 4949), (12, 60)])
def test_but_not_by_a_second_or_more(folder: Folder, labels: int, frames: int) -> None:
    folder.add(labels, 200, frames)
    with pytest.raises(StreamError, match=f"features of v0: {frames} for {labels} labels; a feature a"):
        folder.read()


@pytest.mark.parametrize("time_first", [False, True])
@pytest.mark.parametrize("channels", [None, 64])
def test_time_is_the_axis_as_long_as_the_labels(
    folder: Folder, time_first: bool, channels: int | None
) -> None:
    for frames in (50, 64, 67, 90):  # one as long as it is wide, one nearly so
        folder.add(frames, 64, frames, time_first=time_first)
    for video, frames in zip(folder.read(channels), (50, 64, 67, 90), strict=True):
        assert video.features.channels == 64
        assert video.array()[1].tolist() == list(range(frames, 2 * frames))


def test_a_few_frames_more_or_less_do_not_turn_an_array(folder: Folder) -> None:
    """By the labels alone the first one would be 61 channels of 64 frames."""
    folder.add(64, 64, 61, time_first=True)
    folder.add(90, 64, 88, time_first=True)
    assert [video.array().shape for video in folder.read()] == [(64, 61), (64, 88)]


def test_what_a_model_reads_tells_for_a_single_video(folder: Folder) -> None:
    folder.add(64, 64, 61, time_first=True)
    (video,) = folder.read(channels=64)
    assert (video.features.channels, video.array()[1, 0]) == (64, 61)


def test_a_single_video_is_read_by_its_exact_length(folder: Folder) -> None:
    folder.add(40, 35, 40, time_first=True)
    (video,) = folder.read()
    assert (video.features.channels, video.array()[1, 0]) == (35, 40)


def test_where_nothing_tells_it_is_refused(folder: Folder) -> None:
    folder.add(40, 38, 35)
    said = r"features of v0: an array of 38 x 35 for 40 labels may be \(channels, frames\) or \(frames, chan"
    with pytest.raises(StreamError, match=said):
        folder.read()


@pytest.mark.parametrize("channels", [None, 40])
def test_a_square_alone_tells_nothing(folder: Folder, channels: int | None) -> None:
    folder.add(40, 40, 40)
    with pytest.raises(StreamError, match="features of v0: an array of 40 x 40 for 40 labels may be"):
        folder.read(channels)


def test_others_of_both_kinds_do_not_tell_for_a_square(folder: Folder) -> None:
    folder.add(80, 40, 80)
    folder.add(90, 40, 90, time_first=True)
    assert [video.array()[1, 0] for video in folder.read()] == [80, 90]  # each of itself is plain
    folder.add(40, 40, 40)
    with pytest.raises(StreamError, match="features of v2: an array of 40 x 40"):
        folder.read()


def test_what_extraction_described_is_channels_first(folder: Folder) -> None:
    folder.add(40, 38, 35)
    spec = ExtractorSpec(name="x", width=1.0, window=8, rate=15.0, stride=4, short_side=32, crop=(32, 40))
    about = json.dumps({"extractor": spec.to_json(), "feature_dim": 38, "videos": {}})
    (folder.folder / "features/extractor.json").write_text(about)
    (video,) = folder.read()
    assert (video.features.channels, video.array()[1, 0]) == (38, 35)


def test_features_of_several_widths_are_refused(folder: Folder) -> None:
    folder.add(80, 5, 80)
    folder.add(90, 6, 90)
    with pytest.raises(StreamError, match=r"videos have \[5, 6\] channels; expected one width"):
        folder.read()
    with pytest.raises(StreamError, match="features of v1: 6 channels; the checkpoint reads 5"):
        folder.read(channels=5)
