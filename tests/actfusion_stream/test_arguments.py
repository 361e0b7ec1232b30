"""Refusals of one line, by the name that the user called the command by."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = """
from actfusion_stream.arguments import OneLineParser
parser = OneLineParser()
parser.add_argument("--rate", type=int)
parser.parse_args()
"""


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        (["-m", "house.train"], "python -m house.train"),
        (["-m", "house"], "python -m house"),
        (["house/actfusion-train"], "actfusion-train"),
    ],
)
def test_a_command_is_called_as_the_user_called_it(tmp_path: Path, typed: list[str], name: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    for file in ("__init__.py", "__main__.py", "train.py", "actfusion-train"):
        (house / file).write_text("" if file == "__init__.py" else COMMAND)
    done = subprocess.run(
        [sys.executable, *typed, "--rate", "x"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == f"{name}: argument --rate: invalid int value: 'x' (--help says more)\n"
