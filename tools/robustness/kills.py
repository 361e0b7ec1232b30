"""The command killed at any moment, and what of its results can be used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import actfusion_stream
from actfusion_stream.sinks.targets import check_output

from .films import Film
from .random_model import random_checkpoint
from .remains import EVENTS, OUTPUTS, SEGMENTS, VIDEO, Events, played, wrong_segments

_FILM = Film("long.mp4", "libx264", "aac", coding={"bf": "3", "g": "50"})
_SIZE = (160, 120)
_IMPORTED_FROM = Path(actfusion_stream.__file__).resolve().parents[1]  # a checkout need not be installed
_LONGEST = 600.0  # seconds that a run may take
_MOST_LOST = 2.0  # seconds of video; a recording is flushed every second


@dataclass(frozen=True)
class Killed:
    """A run that was killed.

    Attributes:
        number: of it.
        after: seconds from its start to its end.
        finished: it was over by then.
        seen: seconds of the video that its last tick had seen; none before the first.
        plays: seconds of the video that play; none if nothing does.
        torn: the last line of its events is cut.
        wrong: what is not as it should be; none if nothing.
    """

    number: int
    after: float
    finished: bool
    seen: float | None
    plays: float | None
    torn: bool
    wrong: tuple[str, ...]

    @property
    def lost(self) -> float:
        """Seconds that had been told of, and do not play."""
        return max(0.0, (self.seen or 0.0) - (self.plays or 0.0))


def kill(
    runs: int,
    seed: int,
    processes: int,
    tell: Callable[[Killed], None] = lambda killed: None,
    *,
    seconds: float = 240.0,
) -> list[Killed]:
    """Start the command and kill it, at moments that are spread from its start to its end.

    Args:
        runs: how often.
        seed: of the moments.
        processes: that run at a time.
        tell: called after each run.
        seconds: of the video that is watched.

    Raises:
        RuntimeError: a run that nobody kills does not end well.
    """
    rng = np.random.default_rng((seed, runs))
    shares = rng.permutation((np.arange(runs) + rng.random(runs)) / max(1, runs))
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(processes) as pool:
        folder = Path(name)
        film = _FILM.write(folder, seconds, _SIZE)
        checkpoint = random_checkpoint(folder / "random.safetensors")
        command = [sys.executable, "-m", "actfusion_stream.cli", "--video", str(film)]
        command += ["--checkpoint", str(checkpoint), *OUTPUTS]

        def run(number: int, after: float) -> Killed:
            place = folder / f"{number}"
            place.mkdir()
            killed = _killed(command, place, number, after)
            if number >= 0:
                tell(killed)
            return killed

        # As many at once as later, for they hold each other up.
        whole = [pool.submit(run, -1 - index, _LONGEST).result for index in range(processes)]
        ended = [result() for result in whole]
        if wrong := [what for one in ended for what in (*one.wrong, *([] if one.finished else ["killed"]))]:
            raise RuntimeError(f"a run that nobody kills does not end well: {'; '.join(wrong)}")
        length = float(np.mean([one.after for one in ended]))
        return list(pool.map(run, range(runs), (shares * length).tolist()))


def _killed(command: list[str], folder: Path, number: int, after: float) -> Killed:
    environment = {**os.environ, "PYTHONPATH": str(_IMPORTED_FROM), "OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    took = time.perf_counter() - began
    return look(folder, number, took, process.returncode, said)


def look(folder: Path, number: int, after: float, status: int, said: str) -> Killed:
    """What a run has left.

    Args:
        folder: in which it was.
        number: of it.
        after: seconds that it had.
        status: what it returned, negative if it was killed.
        said: on standard error.
    """
    finished, events, wrong = status == 0, Events.of(folder), []
    if status > 0 or said:
        wrong.append(f"exit status {status}, {said!r}")
    if events.wrong or (finished and (events.torn or events.summary is None)):
        wrong.append(events.wrong or f"{EVENTS} is not whole")
    if wrong_segments(folder) or (finished and not (folder / SEGMENTS).exists()):
        wrong.append(wrong_segments(folder) or f"no {SEGMENTS}")
    # The next run to the same targets clears away what nobody can use.
    for target in (VIDEO, SEGMENTS):
        check_output(folder / target)
    recordings = sorted(folder.glob("*.partial.mkv"))
    known = {VIDEO, EVENTS, SEGMENTS, *(path.name for path in recordings if not finished)}
    if left := sorted(path.name for path in folder.iterdir() if path.name not in known):
        wrong.append(f"left behind: {', '.join(left)}")
    videos = {path.name: played(path) for path in (folder / VIDEO, *recordings) if path.exists()}
    if not videos.get(VIDEO, [0.0]):
        wrong.append(f"{VIDEO} does not play")
    plays = max((max(times) for times in videos.values() if times), default=None)
    seen = events.seen_until if events.seen_until >= 0 else None
    found = Killed(number, after, finished, seen, plays, events.torn, ())
    if found.lost > _MOST_LOST:
        wrong.append(f"{found.lost:.1f} s of the video are missing")
    return replace(found, wrong=tuple(wrong))
