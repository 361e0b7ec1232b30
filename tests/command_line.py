"""`actfusion-stream` as a process, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import av

REPOSITORY = Path(__file__).resolve().parents[1]
COMMAND = [sys.executable, "-m", "actfusion_stream.cli"]


def start(*arguments: object, **options) -> subprocess.Popen[str]:
    """Starts the command as a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        **{"env": environment, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def events_of(text: str) -> list[dict]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
