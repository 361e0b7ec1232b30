"""The page "Train on your own videos", followed to the letter."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/own-videos.md"


def commands() -> list[str]:
    """The shell blocks of the page, in order."""
    return re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def test_the_page_leads_from_videos_to_a_stream(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    if not (scripts / "actfusion-stream").exists():
        pytest.skip(f"no actfusion-stream beside {sys.executable}; install the project to follow the page")
    environment = {
        **os.environ,
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    blocks = commands()
    assert len(blocks) == 6
    for block in blocks:
        done = subprocess.run(
            [shutil.which("bash") or "sh", "-euc", block],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["acc"] > 25  # twenty actions; about half of the frames are right
    with (tmp_path / "segments.csv").open() as file:
        said = list(csv.DictReader(file))
    assert len(said) > 3
    assert float(said[-1]["end"]) == pytest.approx(40, abs=0.1)
    with av.open(str(tmp_path / "annotated.mp4")) as annotated:
        assert sum(1 for _ in annotated.decode(video=0)) == 600
