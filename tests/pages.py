"""README and the pages of docs/: what stands in their fences, and which commands that calls."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", *sorted(DOCS.glob("*.md"))]
_PROJECT = (REPOSITORY / "pyproject.toml").read_text()
SCRIPTS = dict(
    re.findall(r'^(actfusion-[\w-]+) = "(.+)"', _PROJECT, re.MULTILINE)
)  # command: module:function
EXTRAS = re.findall(r"^(\w+) = \[", _PROJECT.partition("[project.optional-dependencies]")[2], re.MULTILINE)
_OTHERS = ("git", "make", "pip", "python")


def fences(page: Path) -> list[tuple[str, str]]:
    """Language and text of every fenced block, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, text) for language, text in found]


def blocks(page: Path, language: str) -> list[str]:
    return [text for named, text in fences(page) if named == language]


def spans(page: Path) -> list[str]:
    """Commands with arguments that stand within a sentence or a table."""
    return re.findall(r"`((?:actfusion-[\w-]+|python -m tools\.\w+) [^`\n]+)`", page.read_text())


def calls(shell: str, folder: Path) -> list[list[str]]:
    """What a piece of shell calls, with variables and loops as the shell has them; nothing else is run.

    Args:
        shell: lines for bash.
        folder: an empty one, which is filled.
    """
    record = folder / "calls"
    recorder = f'#!/bin/sh\nprintf "%s\\0" "${{0##*/}}" "$@" >>{record}; printf "\\036" >>{record}\n'
    for name in (*SCRIPTS, *_OTHERS):
        (folder / name).write_text(recorder)
        (folder / name).chmod(0o755)
    work = folder / "work"
    work.mkdir()
    subprocess.run(
        ["bash", "-c", shell], cwd=work, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    text = record.read_text() if record.exists() else ""
    return [call.split("\0")[:-1] for call in text.split("\036")[:-1]]
