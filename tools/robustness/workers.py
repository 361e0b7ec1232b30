"""Processes that run a command within them again and again, and somebody outside who sees them hang or die.

Importing PyTorch takes seconds, watching a small film a fraction of one: so a process goes on from one to
the next, until one of them ends it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

Command = Callable[[list[str]], int]

_START = 120.0  # seconds that a worker may take to import everything
_LOOK = 0.1  # seconds between looks at a worker's memory
_LAST_WORDS = 0.5  # seconds in which one that hangs may say where


@dataclass(frozen=True)
class Answer:
    """What came of a command.

    Attributes:
        status: what it returned; None if it raised something, hung or died.
        said: what it wrote to standard output and error.
        seconds: that it took.
        megabytes: of memory that the process held at most meanwhile.
        ended: how it ended the worker; "" if it did not.
    """

    status: int | None
    said: str
    seconds: float
    megabytes: float
    ended: str = ""


class Worker:
    """One process, started when it is needed, and again when it has gone.

    Args:
        command: what it runs: a function that its module can be asked for.
        prepare: called in each new process, so that no command pays for what is done once.
        patience: seconds that a command may take.
        megabytes: of memory at which a command is ended, before it harms others.
    """

    def __init__(
        self, command: Command, prepare: Callable[[], None], patience: float, megabytes: float
    ) -> None:
        self._command, self._prepare = command, prepare
        self._patience, self._megabytes = patience, megabytes
        self._process: multiprocessing.process.BaseProcess | None = None
        self._line: Connection

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, arguments: list[str], folder: Path, said: Path) -> Answer:
        """Run the command.

        Args:
            arguments: of it.
            folder: to be in meanwhile.
            said: file for what it writes to standard output and error.
        """
        process = self._process or self._start()
        began = time.perf_counter()
        self._line.send((arguments, str(folder), str(said)))
        most, ended = 0.0, ""
        while not ended:
            try:
                if self._line.poll(_LOOK):
                    status, peak = self._line.recv()
                    return Answer(status, _text(said), time.perf_counter() - began, max(most, peak))
            except (EOFError, ConnectionError):
                process.join()
                ended = f"died of {_cause(process.exitcode or 0)}"
                break
            most = max(most, _peak(process.pid or 0))
            if time.perf_counter() - began > self._patience:
                ended = f"no answer within {self._patience:g} s"
            elif most > self._megabytes:
                ended = f"stopped when it took {most:.0f} MB"
        seconds = time.perf_counter() - began
        if process.is_alive() and hasattr(signal, "SIGUSR1"):
            os.kill(process.pid or 0, signal.SIGUSR1)
            process.join(_LAST_WORDS)
        self._end()
        return Answer(None, _text(said), seconds, most, ended)

    def _start(self) -> multiprocessing.process.BaseProcess:
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads that are not there
        self._line, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._command, self._prepare), daemon=True)
        process.start()
        theirs.close()
        self._process = process
        if not self._line.poll(_START):
            self._end()
            raise RuntimeError(f"a worker was not ready within {_START:g} s")
        self._line.recv()
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
            self._line.close()


def _serve(line: Connection, command: Command, prepare: Callable[[], None]) -> None:
    """Run what comes until nothing does."""
    prepare()
    faulthandler.enable(2)  # one that crashes says where; so does one that hangs, when it is asked
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, 2)
    line.send("ready")
    with contextlib.suppress(EOFError):
        while True:
            arguments, folder, said = line.recv()
            os.chdir(folder)
            _forget_peak()
            file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.close(file)
            line.send((_run(command, arguments), _peak(os.getpid())))


def _run(command: Command, arguments: list[str]) -> int | None:
    try:
        return command(arguments)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _forget_peak() -> None:
    """Count the most memory from here on, where the system lets us."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak(process: int) -> float:
    """MB that a process has held at most; 0 where nobody says."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _cause(exitcode: int) -> str:
    return signal.Signals(-exitcode).name if exitcode < 0 else f"exit status {exitcode}"


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
