"""The table of segments."""

from __future__ import annotations

from pathlib import Path

import pytest

from actfusion_stream.engine.timeline import Segment
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.segments import write_segments

PAST = (Segment("cut_tomato", 0.0, 4.0, 0.91234), Segment("pour_oil", 4.0, 6.40049, 0.5))


def test_segments_are_a_table(tmp_path: Path) -> None:
    write_segments(tmp_path / "segments.csv", [*PAST, Segment('say "hi", wave', 6.4, 7.0, 1.0)])
    assert (tmp_path / "segments.csv").read_text() == (
        "label,start,end,confidence\n"
        "cut_tomato,0.0,4.0,0.912\n"
        "pour_oil,4.0,6.4,0.5\n"
        '"say ""hi"", wave",6.4,7.0,1.0\n'
    )


def test_a_table_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "segments.csv"
    target.write_text("yesterday's")

    def interrupted():
        yield PAST[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_segments(target, interrupted())
    assert target.read_text() == "yesterday's"
    assert list(tmp_path.iterdir()) == [target]


def test_a_table_without_a_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"segments\.csv: cannot be written \(No such file or directory\)$"):
        write_segments(tmp_path / "gone" / "segments.csv", PAST)
