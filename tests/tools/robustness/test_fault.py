"""The rows of docs/robustness.md without second processes; and a wrong outcome is told from a right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from actfusion_stream.tools.robustness.fault import Fault, Outcome, run, table
from actfusion_stream.tools.robustness.field_files import FIELD_FILES
from actfusion_stream.tools.robustness.files import FILES
from actfusion_stream.tools.robustness.flashing_video import flashing_video
from actfusion_stream.tools.robustness.time_and_picture import TIME_AND_PICTURE


@pytest.mark.parametrize("fault", [*TIME_AND_PICTURE, *FILES, *FIELD_FILES], ids=lambda fault: fault.done)
def test_it_does_what_the_table_says(fault: Fault) -> None:
    assert run(fault).wrong == []


def test_a_wrong_outcome_is_seen() -> None:
    as_it_is = next(fault for fault in FILES if fault.done == "an empty file")
    found = run(Fault("an empty file", as_it_is.prepare, 0, "something else", frames=1)).wrong
    assert [what.split(" ")[0] for what in found] == ["exit", "stderr", "no"]


def test_a_picture_that_never_changes_is_not_in_step_with_its_sound() -> None:
    def dark(folder: Path) -> list[str]:
        flashing_video(folder / "in.mp4", times=[i / 25 for i in range(40)], sound=4.0)  # no flash in 1.6 s
        return ["--video", "in.mp4", "--output", "out.mp4"]

    assert run(Fault("no flash", dark, step=True)).wrong == ["picture and sound nan ms apart"]


def test_a_row_names_no_port_and_keeps_to_its_cells() -> None:
    said = "actfusion-stream: tcp://127.0.0.1:43210: gone |\nfor good\n"
    command = "actfusion-stream --video tcp://127.0.0.1:43210"
    outcome = Outcome(Fault("a server is killed", lambda folder: []), command, 1, said, "1 event")
    assert table([outcome]).splitlines()[2] == (
        "| a server is killed | `actfusion-stream --video tcp://127.0.0.1:PORT` | 1 "
        "| “tcp://127.0.0.1:PORT: gone \\| for good”; 1 event |"
    )
