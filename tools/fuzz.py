"""Damage files by number and kill runs at random moments, and see what `actfusion-stream` makes of it.

    python -m tools.fuzz --mutants 2000 --kills 50 --seed 0

Films of twenty pairs of container and codec are damaged, and watched with every output. Exit status 1 if a
traceback, a hang, a crash, an exit status that nobody knows, too much memory, a lost picture or a file left
behind was seen, or if what a killed run has left cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from actfusion_stream.arguments import OneLineParser, whole_number
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.targets import check_output

from .robustness.films import FILMS
from .robustness.fuzzing import Watched, fuzz
from .robustness.kills import Killed, kill


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = whole_number("a number", 0, 1_000_000)
    parser.add_argument("--mutants", type=number, default=2000, help="default: 2000")
    parser.add_argument("--kills", type=number, default=50, help="default: 50")
    parser.add_argument("--seed", type=number, default=0, help="default: 0")
    parser.add_argument("--first", type=number, default=0, help="number of the first mutant; default: 0")
    parser.add_argument(
        "--processes", type=whole_number("a number", 1, 64), default=2, help="at a time; default: 2"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--keep", type=Path, help="folder for the files that went wrong")
    options = parser.parse_args(arguments)
    try:
        if options.json:
            check_output(options.json)
        if options.keep:
            options.keep.mkdir(exist_ok=True)
    except (StreamError, OSError) as error:
        parser.error(str(error))
    console = Console(highlight=False)

    told = 0

    def tell(found: Watched | Killed) -> None:
        nonlocal told
        told += 1
        if told % 100 == 0:
            console.print(f"{told} of {options.mutants + options.kills}", style="dim")
        for wrong in found.wrong:
            name = (
                f"mutant {found.number}, {found.film}"
                if isinstance(found, Watched)
                else f"kill {found.number}"
            )
            console.print(f"wrong: {name}: {wrong}", style="red", soft_wrap=True, markup=False)

    numbers = range(options.first, options.first + options.mutants)
    watched = fuzz(numbers, options.seed, options.processes, tell, options.keep) if options.mutants else []
    killed = kill(options.kills, options.seed, options.processes, tell) if options.kills else []
    if watched:
        console.print(_table(watched))
        console.print(_mutants_in_a_line(watched), soft_wrap=True)
    if killed:
        console.print(_kills_in_a_line(killed), soft_wrap=True)
    if options.json:
        figures = {"seed": options.seed, "mutants": [*map(asdict, watched)], "kills": [*map(asdict, killed)]}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 1 if any(one.wrong for one in watched) or any(one.wrong for one in killed) else 0


def _table(watched: list[Watched]) -> Table:
    table = Table("film", box=None)
    for title in ("mutants", "watched", "refused", "pictures", "wrong"):
        table.add_column(title, justify="right")
    for film in (film.name for film in FILMS):
        of = [one for one in watched if one.film == film]
        if of:
            done = sum(one.answer.status == 0 for one in of)
            refused = sum(one.answer.status == 1 for one in of)
            wrong = sum(bool(one.wrong) for one in of)
            counts = (len(of), done, refused, sum(one.frames for one in of), wrong)
            table.add_row(film, *map(str, counts), style="red" if wrong else "")
    return table


def _mutants_in_a_line(watched: list[Watched]) -> str:
    seconds = [one.answer.seconds for one in watched]
    return (
        f"{len(watched)} mutants, {sum(bool(one.wrong) for one in watched)} wrong; at most "
        f"{max(one.answer.megabytes for one in watched):.0f} MB and {max(seconds):.1f} s, "
        f"{median(seconds):.1f} s in the median"
    )


def _kills_in_a_line(killed: list[Killed]) -> str:
    """How many had something to lose, and what they lost."""
    late = [one for one in killed if one.finished]
    told = [one for one in killed if one.seen is not None and not one.finished]
    lost = [one.lost for one in told] or [0.0]
    return (
        f"{len(killed)} kills, {sum(bool(one.wrong) for one in killed)} wrong; {len(late)} came too late, "
        f"{len(killed) - len(told) - len(late)} before the first tick; of the other {len(told)}, "
        f"{sum(one.plays is not None for one in told)} left a video that plays, in which {max(lost):.1f} s "
        f"were missing at most and {median(lost):.1f} s in the median; "
        f"{sum(one.torn for one in killed)} cut a line of events"
    )


if __name__ == "__main__":
    sys.exit(main())
