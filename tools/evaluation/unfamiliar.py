"""Whether a checkpoint knows what it does not know: kitchens are to be familiar to it, other videos not.

Every tick counts. Source of the measure: Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and
Out-of-Distribution Examples" (ICLR 2017): the area under the ROC curve, which no threshold decides, beside
what the threshold makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import rankdata

from actfusion_stream.engine.engine import Engine
from actfusion_stream.engine.stream import open_stream
from actfusion_stream.errors import StreamError

from .filming import Row


def auroc(known: NDArray[np.float64], unknown: NDArray[np.float64]) -> float:
    """How often an unknown moment is stranger than a known one, of all pairs; a tie counts half.

    Args:
        known, unknown: (N,) and (M,) strangeness.
    """
    ranks = rankdata(np.concatenate([known, unknown]))[len(known) :]
    return float((ranks.sum() - len(unknown) * (len(unknown) + 1) / 2) / (len(known) * len(unknown)))


def score_unfamiliar(
    known: Sequence[NDArray[np.float64]], unknown: Sequence[NDArray[np.float64]]
) -> dict[str, float]:
    """The figures of videos of both kinds, pooled over their ticks.

    Args:
        known, unknown: strangeness of each tick, a video each; at least one tick in all of either kind.

    Returns:
        `auroc`, from 0 to 1; and in percent of the ticks `false_alarms`, known ones that are called
        unfamiliar, and `found`, unknown ones that are.
    """
    familiar, strange = np.concatenate(known), np.concatenate(unknown)
    return {
        "auroc": auroc(familiar, strange),
        "false_alarms": 100 * float((familiar > 1).mean()),
        "found": 100 * float((strange > 1).mean()),
    }


def strangeness_in(video: Path, engine: Engine, tick: float | None) -> NDArray[np.float64]:
    """(N,) the strangeness of each tick of a video, to a checkpoint that says what is familiar.

    Raises:
        StreamError: the video cannot be read, or ends before the first tick.
    """
    with open_stream(video, engine=engine, horizon="1s", tick=tick, futures=1) as stream:
        found = np.array([each.strangeness for each in stream], np.float64)
    if not len(found):
        raise StreamError(f"{video}: ends before the first tick; give a longer one")
    return found


def evaluate_unfamiliar(
    checkpoint: Path | None,
    rows: Sequence[Row],
    seeds: range,
    clips: Sequence[Path],
    tick: float | None,
    work: Path,
    console: Console,
) -> dict[str, dict[str, float]]:
    """Watch kitchens and clips, and print a line for each kind of kitchen and one for each clip.

    Args:
        checkpoint: None for the bundled one.
        rows: kinds of kitchens, each of which is held against all clips.
        seeds: of the kitchens; those below 10000 were for training.
        clips: videos of anything else.
        tick: seconds from one run of the model to the next; None for the stream's own.
        work: where rendered videos are kept.
        console: where table and progress go.

    Returns:
        Of each kind of kitchen, by its name, the figures of `score_unfamiliar`; under "clips" the median
        strangeness of each, by its path.

    Raises:
        StreamError: a clip or the checkpoint cannot be used.
    """
    engine = Engine.load(checkpoint)
    if engine.familiarity is None:
        raise StreamError(
            f"checkpoint {engine.checkpoint}: does not say what is familiar to it; train it anew"
        )
    work.mkdir(parents=True, exist_ok=True)
    unknown = [strangeness_in(clip, engine, tick) for clip in clips]
    scores = {}
    for row in rows:
        named = track(seeds, f"watching kitchens of {row.name}", console=console, transient=True)
        known = [strangeness_in(row.video(seed, work), engine, tick) for seed in named]
        scores[row.name] = score_unfamiliar(known, unknown)
    medians = {str(clip): float(np.median(found)) for clip, found in zip(clips, unknown, strict=True)}
    _show(console, scores, medians, len(seeds))
    return {**scores, "clips": medians}


def _show(
    console: Console, scores: dict[str, dict[str, float]], medians: dict[str, float], count: int
) -> None:
    table = Table(title=f"{count} held-out kitchens each, against the clips", title_justify="left")
    for head in ("kitchens of", "AUROC", "false alarms, %", "clips found, %"):
        table.add_column(head, justify="left" if head == "kitchens of" else "right")
    for name, found in scores.items():
        table.add_row(name, f"{found['auroc']:.4f}", f"{found['false_alarms']:.2f}", f"{found['found']:.1f}")
    console.print(table)
    for clip, median in medians.items():
        console.print(f"{clip}: {median:.2f} times as strange as the threshold, in the median", markup=False)
