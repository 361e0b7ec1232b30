"""Videos of any container and codec, made by Debian's ffmpeg, and what its ffprobe says of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffmpeg is not installed")
PICTURE = ("-f", "lavfi", "-i", "testsrc=s=96x64:r=25:d=2")
TONE = ("-f", "lavfi", "-i", "sine=d=2")


def film(
    path: Path, *arguments: str, picture: tuple[str, ...] = PICTURE, tone: tuple[str, ...] = TONE
) -> Path:
    """A video by ffmpeg: two seconds of test picture and tone, encoded as the arguments say."""
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *picture, *tone, *arguments]
    done = subprocess.run([*command, f"file:{path}"], capture_output=True, text=True, check=False)
    if "Unknown encoder" in done.stderr:
        pytest.skip(f"this ffmpeg has no encoder for {path.name}")
    assert done.returncode == 0, done.stderr
    return path


def probed(path: Path, what: str, stream: str = "v:0") -> list[dict[str, object]]:
    """The entries of ffprobe, e.g. "frame=best_effort_timestamp"."""
    section = what.partition("=")[0] + "s"
    command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_entries", what, "-of", "json"]
    done = subprocess.run([*command, f"file:{path}"], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout)[section])


def best_effort(path: Path, stream: str = "v:0") -> list[Fraction | None]:
    """FFmpeg's best-effort time of every picture, seconds on the file's clock."""
    base = Fraction(str(probed(path, "stream=time_base", stream)[0]["time_base"]))
    frames = probed(path, "frame=best_effort_timestamp", stream)
    return [
        int(str(f["best_effort_timestamp"])) * base if "best_effort_timestamp" in f else None for f in frames
    ]
