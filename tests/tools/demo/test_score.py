"""The sentence that `make demo` closes with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def score(*arguments: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.demo.score", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)


def test_segments_are_scored_against_labels(tmp_path: Path):
    (tmp_path / "segments.csv").write_text(
        "label,start,end,confidence\nbackground,0.000,0.200,0.99\ncut_tomato,0.200,0.600,0.9\nmix_salad,0.600,0.900,0.8\n"
    )
    # Frames of 0.1 s. The mixing starts one frame late, and goes on after the last segment.
    labels = ["background"] * 2 + ["cut_tomato"] * 3 + ["mix_salad"] * 5
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n")
    run = score(tmp_path / "segments.csv", tmp_path / "labels.txt", "--fps", "10")
    assert run.returncode == 0, run.stderr
    assert run.stdout == (
        "It saw 2 actions where 2 were done. Of 10 frames 90.0 % have the right label; "
        "edit score 100.0, F1@50 100.0 (100 is perfect).\n"
    )


def test_files_that_cannot_be_scored_are_named_in_one_line(tmp_path: Path):
    (tmp_path / "labels.txt").write_text("mix_salad\n")
    run = score(tmp_path / "none.csv", tmp_path / "labels.txt")
    assert run.returncode == 1
    assert run.stderr == f"[Errno 2] No such file or directory: '{tmp_path / 'none.csv'}'\n"

    (tmp_path / "other.csv").write_text("label,start\nmix_salad,0\n")
    run = score(tmp_path / "other.csv", tmp_path / "labels.txt")
    assert run.returncode == 1
    assert run.stderr == f"{tmp_path / 'other.csv'}: no column end; expected label, start, end, confidence\n"
