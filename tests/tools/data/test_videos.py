"""Videos by name, and the rate that they share."""

from __future__ import annotations

from pathlib import Path

import pytest
from sample_videos import make_video, ramp

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.videos import common_rate, find_videos


def test_files_and_folders_are_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("b.mp4", "more/a.MKV", "more/notes.txt"):
        (tmp_path / name).touch()
    found = find_videos([tmp_path / "b.mp4", tmp_path / "more"])
    assert found == {"b": tmp_path / "b.mp4", "a": tmp_path / "more/a.MKV"}
    (tmp_path / "more/b.mov").touch()
    with pytest.raises(StreamError, match=r"b\.mp4 and .*b\.mov: both would become b\.npy; rename one"):
        find_videos([tmp_path / "b.mp4", tmp_path / "more"])


def test_a_broken_video_does_not_hide_the_rate_of_the_others(tiny_video: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"not a video")
    broken = {"broken": tmp_path / "broken.mp4"}
    assert common_rate({**broken, "whole": tiny_video}) == 15.0
    with pytest.raises(StreamError, match=r"broken\.mp4"):
        common_rate(broken)


def test_different_rates_are_named(tiny_video: Path, tmp_path: Path) -> None:
    slow = make_video(tmp_path / "slow.mp4", ramp(20))
    with pytest.raises(StreamError, match=r"frame rates: 15 \(tiny\), 10 \(slow\); --rate gives one"):
        common_rate({"tiny": tiny_video, "slow": slow})
