"""The walk-through of docs/own-videos.md, with the commands of the environment that the tests run in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from own_videos import follow


@pytest.mark.slow
def test_the_page_leads_from_videos_to_a_stream(tmp_path: Path) -> None:
    scripts = Path(sys.executable).parent
    if not (scripts / "actfusion-stream").exists():
        pytest.skip(f"no actfusion-stream beside {sys.executable}; install the project to follow the page")
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    follow(tmp_path, {**os.environ, "PATH": path})
