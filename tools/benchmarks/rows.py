"""One line of the benchmark: work done in the plain way and in ours, in turns and in the same run.

An area is a function `(Setting) -> Iterator[Row]`, written in a module beside this one and entered in `AREAS`
of `tools.benchmark`. It prepares its inputs, checks that both ways give the same answer, and yields rows as
they are measured:

    def flow_rows(setting: Setting) -> Iterator[Row]:
        before, after = pairs(small=setting.small)
        ways = {"plain": lambda: loop(before, after), "ours": lambda: batched(before, after)}
        took = in_turns(ways, setting)
        yield Row("flow of 8 pairs", "a loop over pairs", took["plain"], took["ours"], target=2.0)

A plain way is written as the paper or the release has it, and lies in the area's module or in a file that it
names. Machines differ and are shared: seconds are read, ratios are compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

Way = TypeVar("Way", bound=Hashable)


@dataclass(frozen=True)
class Setting:
    """How to measure.

    Attributes:
        device: where networks compute.
        rounds: how often each way is timed; the median counts.
        small: on inputs and networks so small that everything runs in seconds. Its figures mean nothing; it
            shows that the benchmark works.
    """

    device: torch.device
    rounds: int = 5
    small: bool = False


@dataclass(frozen=True)
class Row:
    """One line.

    Attributes:
        work: what is done, with its sizes; rows of two runs are matched by it.
        plain: what the plain way is; empty where there is none.
        plain_s: what it takes, seconds; None where there is none.
        ours_s: what this project takes for the same, seconds.
        target: how many times as fast as the plain way it has to be; without a plain way the most seconds
            that it may take; None where nothing was aimed at.
        note: what belongs beside it, as the largest difference between the two answers.
    """

    work: str
    plain: str
    plain_s: float | None
    ours_s: float
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the plain way."""
        return None if self.plain_s is None else self.plain_s / self.ours_s

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None where there is none."""
        if self.target is None:
            return None
        return self.ours_s <= self.target if self.ratio is None else self.ratio >= self.target


def in_turns(
    ways: Mapping[Way, Callable[[], object]],
    setting: Setting,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[Way, float]:
    """What each way takes when they take turns, so that whatever else the machine does slows down all.

    Args:
        ways: by name. Each is called once before it counts: first calls allocate, and may compile.
        setting: `rounds` and `device`, which is waited for.
        clock: in seconds; `time.process_time` counts those of all threads of this process.

    Returns:
        Median seconds by name.
    """
    found: dict[Way, list[float]] = {name: [] for name in ways}
    for counted in [False] + [True] * setting.rounds:
        for name, way in ways.items():
            began = clock()
            way()
            if setting.device.type == "cuda":
                torch.cuda.synchronize(setting.device)
            if counted:
                found[name].append(clock() - began)
    return {name: statistics.median(seconds) for name, seconds in found.items()}
