"""Damaged films, watched by the real command, and whether what it did with each is right.

A damaged film may be refused or seen in part. It may not show a traceback, hang, crash or take all memory;
and every picture that was seen is in the export.
"""

from __future__ import annotations

import importlib
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .films import FILMS
from .mutants import mutant
from .random_model import random_checkpoint
from .remains import EVENTS, OUTPUTS, SEGMENTS, VIDEO, Events, played, wrong_segments
from .workers import Answer, Command, Worker

PATIENCE = 20.0  # seconds
MEGABYTES = 1000.0
_HARMFUL = 3000.0  # MB at which a command is ended
_SAID = "actfusion-stream: "
_KEPT = re.compile(r"what was recorded is kept as (.+\.partial\.mkv)")


@dataclass(frozen=True)
class Watched:
    """A damaged film, and what came of it.

    Attributes:
        number: with the seed, what was done to it.
        film: its name.
        edits: what was done to it.
        answer: what the command did.
        frames: pictures that were seen.
        wrong: what is not as it should be; none if nothing.
    """

    number: int
    film: str
    edits: tuple[str, ...]
    answer: Answer
    frames: int
    wrong: tuple[str, ...]


def watch(arguments: list[str]) -> int:
    """The command, in the process that calls it."""
    from actfusion_stream import cli

    return cli.main(arguments)


def prepare() -> None:
    """Import what the command imports on its way."""
    for module in ("cli", "engine.stream", "runner", "sinks.annotated_video", "sinks.events", "views.view"):
        importlib.import_module(f"actfusion_stream.{module}")


def fuzz(
    numbers: range,
    seed: int,
    processes: int,
    tell: Callable[[Watched], None] = lambda watched: None,
    keep: Path | None = None,
    *,
    command: Command = watch,
    prepare: Callable[[], None] = prepare,
    patience: float = PATIENCE,
) -> list[Watched]:
    """Damage films and watch them.

    Args:
        numbers: of the mutants; number n is of film n modulo 20.
        seed: of all of them.
        processes: that watch.
        tell: called with each mutant once it has been watched, one at a time.
        keep: folder for those that went wrong.
        command, prepare: what watches, and what each of its processes does first.
        patience: seconds from which on it hangs.
    """
    left: Iterator[int] = iter(numbers)
    lock = threading.Lock()
    found: list[Watched] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "films").mkdir()
        films = [film.write(folder / "films") for film in FILMS]
        checkpoint = random_checkpoint(folder / "random.safetensors")

        def work(place: Path) -> None:
            place.mkdir()
            with Worker(command, prepare, patience, _HARMFUL) as worker:
                while True:
                    with lock:
                        number = next(left, None)
                    if number is None:
                        return
                    watched = _watched(number, seed, films[number % len(films)], checkpoint, worker, place)
                    with lock:
                        found.append(watched)
                        tell(watched)
                        if watched.wrong and keep is not None:
                            shutil.copy(place / "run" / watched.film, keep / f"{number}-{watched.film}")
                    shutil.rmtree(place / "run")

        with ThreadPoolExecutor(processes) as pool:
            for done in [pool.submit(work, folder / f"{index}") for index in range(processes)]:
                done.result()
    return sorted(found, key=lambda watched: watched.number)


def _watched(number: int, seed: int, film: Path, checkpoint: Path, worker: Worker, place: Path) -> Watched:
    folder = place / "run"
    folder.mkdir()
    data, edits = mutant(film.read_bytes(), seed, number)
    (folder / film.name).write_bytes(data)
    arguments = ["--video", film.name, "--checkpoint", str(checkpoint), *OUTPUTS]
    answer = worker.run(arguments, folder, place / "said")
    frames, wrong = judge(answer, folder, film.name)
    return Watched(number, film.name, edits, answer, frames, tuple(wrong))


def judge(answer: Answer, folder: Path, film: str) -> tuple[int, list[str]]:
    """What is wrong with what a command did and left.

    Args:
        answer: what it did.
        folder: in which it was.
        film: name of the file that it watched.

    Returns:
        How many pictures were seen, as far as it is said, and what is wrong, a line each.
    """
    events = Events.of(folder)
    summary = events.summary
    frames = int(summary["frames"]) if summary else 0
    if answer.ended:
        return frames, [answer.ended]
    wrong = []
    if answer.status not in (0, 1):
        wrong.append("it raised an exception" if answer.status is None else f"exit status {answer.status}")
    if "Traceback" in answer.said:
        wrong.append("a traceback")
    elif not all(line.startswith(_SAID) and line.endswith("\n") for line in answer.said.splitlines(True)):
        wrong.append("it says what is no line of ours")
    if answer.megabytes > MEGABYTES:
        wrong.append(f"{answer.megabytes:.0f} MB of memory")
    if answer.status == 0 and summary is None:
        wrong.append("exit status 0 without a summary")
    if events.wrong or events.torn:
        wrong.append(events.wrong or f"{EVENTS} ends in half a line")
    if wrong_segments(folder):
        wrong.append(wrong_segments(folder))
    kept = _KEPT.search(answer.said)
    video = kept.group(1) if kept else VIDEO
    if lost := _lost(folder / video, frames, events.seen_until >= 0):
        wrong.append(lost)
    known = {film, EVENTS, SEGMENTS, video}
    if left := sorted(path.name for path in folder.iterdir() if path.name not in known):
        wrong.append(f"left behind: {', '.join(left)}")
    return frames, wrong


def _lost(video: Path, frames: int, began: bool) -> str:
    """What of the pictures that were seen is not in the export."""
    if not video.exists():
        return f"no export of {frames or 'some'} pictures" if frames or began else ""
    there = len(played(video))
    if not there or (frames and there != frames):  # without a summary nobody knows how many there should be
        return f"{there} pictures in the export, {frames} were seen"
    return ""
