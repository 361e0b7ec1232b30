"""A target that cannot be written is told before any work is done."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sample_videos import make_video

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.annotated_video import AnnotatedVideo
from actfusion_stream.sinks.targets import check_output, check_video_output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "out.mpg",
            "ends in .mpg; an annotated video can be .mp4, .mov, .mkv, .webm, .ts, "
            ".gif, and what else FFmpeg puts H.264 or VP9 into, e.g. .avi",
        ),
        (
            "out",
            "has no suffix; an annotated video can be .mp4, .mov, .mkv, .webm, .ts, "
            ".gif, and what else FFmpeg puts H.264 or VP9 into, e.g. .avi",
        ),
        ("folder.mp4", "is a folder; give the name of a file in it"),
        ("gone/out.mp4", "there is no folder {tmp}/gone; create it first"),
        ("in.mp4", "is the input itself; give the output another name"),
        ("link.mp4", "is the input itself; give the output another name"),
        ("pipe.mp4", "is not a regular file, so it cannot be replaced by one"),
    ],
)
def test_a_bad_target_is_refused_before_any_work(tmp_path: Path, target: str, message: str) -> None:
    source = make_video(tmp_path / "in.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(source)
    os.mkfifo(tmp_path / "pipe.mp4")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StreamError) as error:
        AnnotatedVideo(tmp_path / target, source)
    assert str(error.value) == f"{tmp_path / target}: {message.format(tmp=tmp_path)}"
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = Path("/proc")  # even for root
    if not folder.is_dir():
        pytest.skip("needs a folder that nobody may write in")
    with pytest.raises(StreamError, match=r"^/proc/out\.mp4: cannot write in the folder /proc \("):
        check_video_output(folder / "out.mp4")


def test_a_good_target_is_returned_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("old")
    assert check_output(str(tmp_path / "old.csv"), source=0) == tmp_path / "old.csv"
    assert check_video_output(tmp_path / "NEW.MP4") == tmp_path / "NEW.MP4"
    assert (tmp_path / "old.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
