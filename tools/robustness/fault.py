"""Something that goes wrong: done to `actfusion-stream`, judged, and written down as a row of a table."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import actfusion_stream
from actfusion_stream import cli

from .flashing_video import flash_at, frames_and_seconds, tone_at
from .random_model import random_checkpoint

_STEP = 0.040  # seconds by which picture and sound may part
_IMPORTED_FROM = Path(actfusion_stream.__file__).resolve().parents[1]  # a checkout need not be installed


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes:
        done: what is wrong.
        prepare: puts it into a folder that holds model.safetensors; returns the arguments of the command.
        status: exit status that is right, as shells report it: 128 + the signal that ended it.
        says: what stderr has to contain; "" for an empty one, None where it does not matter.
        frames: of the annotated video, if there has to be one.
        seconds: length of the video that has to come out, as far as it is known.
        step: picture and sound have to stay in step.
        act: what is done to the running process; such a row needs one of its own.
    """

    done: str
    prepare: Callable[[Path], list[str]]
    status: int = 0
    says: str | None = ""
    frames: int | None = None
    seconds: float | None = None
    step: bool = False
    act: Callable[[subprocess.Popen[bytes], Path], None] | None = None


@dataclass
class Outcome:
    """What a command did."""

    fault: Fault
    command: str
    status: int
    stderr: str
    found: str
    wrong: list[str] = field(default_factory=list)


def run(fault: Fault) -> Outcome:
    """Do it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random_checkpoint(folder / "model.safetensors")
        here = Path.cwd()
        os.chdir(folder)
        try:
            arguments = fault.prepare(folder)
            full = [*arguments, "--checkpoint", "model.safetensors", "--display", "none"]
            status, stderr = _in_process(full) if fault.act is None else _as_process(full, fault.act, folder)
            shown = shlex.join(["actfusion-stream", *arguments])
            outcome = Outcome(fault, shown, status, stderr, "")
            _judge(outcome, folder)
        finally:
            os.chdir(here)
    return outcome


def _in_process(arguments: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = cli.main(arguments)
        except SystemExit as stopped:
            status = stopped.code if isinstance(stopped.code, int) else 1
    return status, said.getvalue()


def _as_process(
    arguments: list[str], act: Callable[[subprocess.Popen[bytes], Path], None], folder: Path
) -> tuple[int, str]:
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "actfusion_stream.cli", *arguments],
            env={**os.environ, "PYTHONPATH": str(_IMPORTED_FROM), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        try:
            act(process, folder)
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode  # as shells say it
    return status, (folder / "stderr").read_text()


def _judge(outcome: Outcome, folder: Path) -> None:
    fault, found = outcome.fault, []
    if outcome.status != fault.status:
        outcome.wrong.append(f"exit status {outcome.status}, not {fault.status}")
    if "Traceback" in outcome.stderr:
        outcome.wrong.append("a traceback")
    if fault.says is not None and (
        fault.says not in outcome.stderr or bool(fault.says) != bool(outcome.stderr)
    ):
        outcome.wrong.append(f"stderr is {outcome.stderr!r}, not {fault.says!r}")
    target = folder / "out.mp4"
    if target.exists():
        found += _judge_video(outcome, target)
    elif fault.frames is not None:
        outcome.wrong.append("no out.mp4")
    log = folder / "events.jsonl"
    if log.exists() and log.is_file():
        events = [json.loads(line) for line in log.read_text().splitlines()]  # whole lines, always
        gaps = [event for event in events if event["type"] == "gap"]
        found.append(f"{len(events)} events" + "".join(f", gap: {gap['cause']}" for gap in gaps))
    if (folder / "ran").exists():
        outcome.wrong.append("code in a file was run")
    left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
    if left:
        outcome.wrong.append(f"left behind: {', '.join(left)}")
    outcome.found = "; ".join(found)


def _judge_video(outcome: Outcome, target: Path) -> list[str]:
    fault = outcome.fault
    frames, seconds = frames_and_seconds(target)
    found = [f"out.mp4 plays, {frames} frames, {seconds:.2f} s"]
    if fault.frames is not None and frames != fault.frames:
        outcome.wrong.append(f"{frames} frames, not {fault.frames}")
    if fault.seconds is not None and abs(seconds - fault.seconds) > 0.1:
        outcome.wrong.append(f"{seconds:.2f} s, not {fault.seconds:.2f}")
    if fault.step:
        apart = tone_at(target) - flash_at(target)
        found.append(f"sound {1000 * apart:+.0f} ms from the picture")
        if not abs(apart) <= _STEP:  # nor may one of them be missing, which is a NaN
            outcome.wrong.append(f"picture and sound {1000 * apart:.0f} ms apart")
    return found


def table(outcomes: list[Outcome]) -> str:
    """The rows in Markdown."""
    lines = ["| what was done to it | command | exit | what it did |", "| --- | --- | --- | --- |"]
    for outcome in outcomes:
        said = " ".join(outcome.stderr.removeprefix("actfusion-stream: ").split())
        said, command = (
            re.sub(r"(127\.0\.0\.1):\d{5}", r"\1:PORT", text) for text in (said, outcome.command)
        )
        did = "; ".join(part for part in (f"“{said}”" if said else "", outcome.found) if part)
        cells = (outcome.fault.done, f"`{command}`", str(outcome.status), did.replace("|", "\\|"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
