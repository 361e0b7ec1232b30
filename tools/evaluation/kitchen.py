"""How good a checkpoint is on drawn kitchens it has never seen: of several lengths, and filmed differently.

Every held-out seed is rendered, encoded, and watched by the real stream. Each kind of kitchen is a row of one
table: what was said of now, of what comes, and in hindsight, how calm, and how timely on the screen. Kitchens
of 90 s are scored by the protocols of the field, too.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from actfusion_stream.engine.settings import FUTURES
from actfusion_stream.kitchen.script import write_script

from .filming import FILMS, Row
from .forecasts import Forecasts, score_forecasts, show_forecasts
from .kitchen_protocols import INDEX, Whole, score_protocols, show_protocols, watch_whole
from .live import Live, score_live

SECONDS = 90.0  # length of the kitchens that are scored by the protocols, and filmed differently
HORIZON = "30s"


@dataclass(frozen=True)
class Task:
    """One video to watch.

    Attributes:
        row, seed: what is filmed.
        checkpoint: None for the bundled one.
        folder: where rendered videos are kept.
        tick: seconds from one run of the model to the next; None for the stream's own.
        futures: how many are drawn at each tick, and for the protocol of several futures; None for as many
            as a stream draws, and no protocol.
    """

    row: Row
    seed: int
    checkpoint: Path | None
    folder: Path
    tick: float | None
    futures: int | None = None


@dataclass(frozen=True)
class Watched:
    """What came of one video.

    Attributes:
        live: what a viewer had of it.
        forecasts: what its several futures said.
        whole: what the protocols score; None of other kitchens than plain ones of 90 s.
    """

    live: Live
    forecasts: Forecasts
    whole: Whole | None


def rows_of(seconds: Sequence[float], filmed: bool = False, uneven: float = 0.0) -> list[Row]:
    """The rows of the table: a length each, then what is asked for of 90 s."""
    rows = [Row(each) for each in dict.fromkeys(seconds)]
    rows += [Row(SECONDS, uneven=uneven)] if uneven else []
    return rows + ([Row(SECONDS, film) for film in FILMS] if filmed else [])


def watch(task: Task) -> Watched:
    """Render one seed if it is not there yet, and run the stream on it."""
    import torch

    from actfusion_stream.engine.stream import open_stream

    torch.set_num_threads(1)  # one process a core
    row = task.row
    path = row.video(task.seed, task.folder)
    script = write_script(task.seed, row.seconds, row.uneven)
    rate = float(row.film.rate)
    frame_times = np.arange(round(row.seconds * rate)) / rate
    with open_stream(
        path,
        checkpoint=task.checkpoint,
        horizon=HORIZON,
        tick=task.tick,
        futures=FUTURES if task.futures is None else task.futures,
    ) as stream:
        ticks = list(stream)
        final = stream.finish()
        plain = row == Row(SECONDS)
        return Watched(
            Live.of(ticks, final, script, frame_times, INDEX),
            Forecasts.of(ticks, script, INDEX),
            watch_whole(stream, ticks, final, script, task.futures or 0) if plain else None,
        )


def score_row(videos: Sequence[Watched]) -> dict[str, float]:
    """The figures of one row, by name."""
    live, forecasts = [video.live for video in videos], [video.forecasts for video in videos]
    return {**score_live(live), **score_forecasts(forecasts)}


_VIEWER = {
    "now": "now", "hindsight": "in hindsight", "next": "next", "soon": "5 s", "flicker": "flicker, s/min",
    "on_screen": "on screen", "delay_median": "delay, s: median", "delay_p95": "95 %", "missed": "missed",
}  # fmt: skip


def show_rows(console: Console, rows: dict[str, dict[str, float]], count: int) -> None:
    """Print what a viewer had, and whether the forecasts were calibrated, a line a kind of kitchen."""
    table = Table(title=f"{count} held-out kitchens each, streamed", title_justify="left")
    table.add_column("kitchens of")
    for head in _VIEWER.values():
        table.add_column(head, justify="right")
    for name, scores in rows.items():
        table.add_row(name, *(f"{scores[key]:.1f}" if key in scores else "-" for key in _VIEWER))
    console.print(table)
    show_forecasts(console, rows)


def evaluate_kitchen(
    checkpoint: Path | None,
    rows: Sequence[Row],
    seeds: range,
    tick: float | None,
    futures: int | None,
    work: Path,
    console: Console,
) -> dict[str, object]:
    """Render and watch the seeds, and print the tables.

    Args:
        checkpoint: None for the bundled one.
        rows: kinds of kitchens.
        seeds: of the kitchens; those below 10000 were for training.
        tick: seconds from one run of the model to the next; None for the stream's own.
        futures: as in `Task`.
        work: where rendered videos are kept.
        console: where tables and progress go.

    Returns:
        The figures of the protocols by name, where there are kitchens of 90 s, and under "rows" those of each
        row by its name.

    Raises:
        StreamError: the checkpoint cannot be used.
    """
    work.mkdir(parents=True, exist_ok=True)
    tasks = [Task(row, seed, checkpoint, work, tick, futures) for row in rows for seed in seeds]
    videos: dict[Row, list[Watched]] = {row: [] for row in rows}
    with (
        multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool,
        Progress(console=console) as progress,
    ):
        bar = progress.add_task("watching", total=len(tasks))
        for task, watched in zip(tasks, pool.imap(watch, tasks), strict=True):
            videos[task.row].append(watched)
            progress.advance(bar)
    scores = {row.name: score_row(watched) for row, watched in videos.items()}
    wide = Console(width=max(console.width, 120))
    show_rows(wide, scores, len(seeds))
    whole = [each.whole for watched in videos.values() for each in watched if each.whole is not None]
    protocols = score_protocols(whole) if whole else {}
    if whole:
        show_protocols(wide, protocols, len(whole))
    return {**protocols, "rows": scores}
