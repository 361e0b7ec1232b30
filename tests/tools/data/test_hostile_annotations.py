"""Annotations from anybody: what never ends, or grows without bounds, is refused in one line."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.annotation_files import read_annotations

PROGRAM = """
import resource, sys
from pathlib import Path
from actfusion_stream.errors import StreamError
from actfusion_stream.tools.data.annotation_files import read_annotations
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_annotations(Path(sys.argv[1]), 15.0)
    said = "read"
except StreamError as error:
    said = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, said)
"""


def cost(path: Path) -> tuple[int, str]:
    """MiB that reading it takes in a process of its own, and what it says."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    megabytes, _, said = done.stdout.partition(" ")
    return int(megabytes), said.strip()


@pytest.mark.parametrize(
    "content",
    [
        "<ANNOTATION_DOCUMENT>" + "<a>" * 5_000_000,
        "<ANNOTATION_DOCUMENT>" + "<a/>" * 5_000_000 + "</ANNOTATION_DOCUMENT>",
        "<ANNOTATION_DOCUMENT>" + "<a b='c'>" * 2_000_000 + "</a>" * 2_000_000 + "</ANNOTATION_DOCUMENT>",
    ],
    ids=["nested", "flat", "nested and whole"],
)
def test_a_mountain_of_xml_costs_little_and_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.eaf").write_text(content)
    megabytes, said = cost(tmp_path / "a.eaf")
    assert megabytes < 500
    assert said.startswith(f"annotations {tmp_path / 'a.eaf'}: ")
    assert "\n" not in said


@pytest.mark.parametrize("ending", [".csv", ".eaf", ".txt"])
def test_a_pipe_is_refused_at_once(tmp_path: Path, ending: str) -> None:
    os.mkfifo(tmp_path / f"a{ending}")
    with pytest.raises(StreamError, match="is not a regular file"):
        read_annotations(tmp_path / f"a{ending}", 15.0)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
@pytest.mark.parametrize("ending", [".csv", ".eaf", ".txt"])
def test_a_device_is_refused_at_once(tmp_path: Path, ending: str) -> None:
    (tmp_path / f"a{ending}").symlink_to("/dev/zero")
    with pytest.raises(StreamError, match="is not a regular file"):
        read_annotations(tmp_path / f"a{ending}", 15.0)


def test_the_measure_itself_can_tell(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("video,label,start,end\nk,cut,0,1\n")
    assert cost(tmp_path / "a.csv") == (0, "read") or cost(tmp_path / "a.csv")[0] < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0
