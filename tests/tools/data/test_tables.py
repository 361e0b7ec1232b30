"""Tables of annotations as people have them: refused where a number would be another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.annotation_files import read_annotations


@pytest.mark.parametrize(
    "row",
    ["k1,take,0,667,2,600", "k1,take,0.667,2.600,,left hand", "k1,take,0.667,2.600,0.9,x"],
)
def test_a_row_with_more_fields_than_the_heading_is_refused(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.csv").write_text(f"video,label,start,end\nk1,pour,3,4\n{row}\n")
    with pytest.raises(StreamError, match=r"a\.csv, line 3: \d more fields than the heading has;"):
        read_annotations(tmp_path / "a.csv", 15.0)


def test_empty_fields_at_the_end_are_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label,start,end\nk1,take,0.667,2.600,,\n")
    (segments,) = read_annotations(tmp_path / "a.csv", 15.0).values()
    assert (segments[0].start, segments[0].end) == (0.667, 2.6)


def test_without_a_column_video_the_file_is_of_one(tmp_path: Path) -> None:
    (tmp_path / "kitchen1.csv").write_text("label,start,end,confidence\ntake,0.0,2.0,0.91\n")
    assert list(read_annotations(tmp_path / "kitchen1.csv", 15.0)) == ["kitchen1"]


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label,end\nk1,take,2\n")
    with pytest.raises(StreamError, match="column start is missing"):
        read_annotations(tmp_path / "a.csv", 15.0)
