"""The page "Train on your own videos", followed to the letter: from a checkout, and from the wheel."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path

import av
import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs/own-videos.md"


def blocks() -> list[str]:
    """The shell blocks of the page, in order."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def follow(folder: Path, environment: dict[str, str]) -> None:
    """Run every block in an empty folder, and look at what the last ones leave there.

    Args:
        folder: where to run them.
        environment: of the shell; its PATH leads to the commands.
    """
    one_thread = {**environment, "OMP_NUM_THREADS": "1"}  # beside other work, two would wait for each other
    assert len(blocks()) == 6
    for block in blocks():
        done = subprocess.run(
            [shutil.which("bash") or "sh", "-euc", block],
            cwd=folder, env=one_thread, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    scores = json.loads((folder / "scores.json").read_text())
    assert scores["acc"] > 25  # twenty actions; about half of the frames are right
    with (folder / "segments.csv").open() as file:
        said = list(csv.DictReader(file))
    assert len(said) > 3
    assert float(said[-1]["end"]) == pytest.approx(40, abs=0.1)
    with av.open(str(folder / "annotated.mp4")) as annotated:
        assert sum(1 for _ in annotated.decode(video=0)) == 600
