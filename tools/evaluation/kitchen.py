"""How good a checkpoint is on drawn kitchens it has never seen.

Every held-out seed is rendered, encoded, and watched by the real stream. Scored are what the whole video
looks like in hindsight (offline), what was said of each feature when it was first seen and 2 s later
(online), and what was anticipated from a part of the video, beside two baselines that are given the true
labels of that part.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script

from .baselines import MarkovBaseline, repeat_current
from .metrics import AnticipationScore, SegmentationScore, accuracy

ALPHAS, BETAS = (0.2, 0.3, 0.5), (0.1, 0.2, 0.3, 0.5)
RATE = Fraction(15)  # frames per second of the videos and of all scoring
SECONDS = 90.0
LATER = 2.0  # seconds after which a label is asked for again
_BASELINE_SEEDS = range(1000)  # training seeds whose scripts the Markov chain learns
_INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Watched:
    """What came of one video.

    Attributes:
        truth: (T,) true label of every frame.
        offline: (T,) labels of the final segmentation.
        online, later: (N,) label given to each feature when first seen, and 2 s later.
        online_truth: (N,) true label at each feature's time.
        anticipated: per observed ratio, (T,) labels of the observed part and the anticipated rest.
    """

    truth: Labels
    offline: Labels
    online: Labels
    later: Labels
    online_truth: Labels
    anticipated: dict[float, Labels]


def rasterize(segments: tuple[Segment, ...], times: NDArray[np.float64]) -> Labels:
    """The label at each of the (N,) times; beyond the ends the first and the last one hold."""
    starts = np.array([segment.start for segment in segments])
    index = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(segments) - 1)
    return np.array([_INDEX[segments[i].label] for i in index])


def watch(task: tuple[int, Path | None, Path, float]) -> Watched:
    """Render one seed if it is not there yet, and run the stream on it."""
    import torch

    from actfusion_stream.engine.stream import open_stream

    seed, checkpoint, folder, tick_seconds = task
    torch.set_num_threads(1)  # one process a core
    path = folder / f"{seed}.mp4"
    if not path.exists():
        write_video(Kitchen(seed, SECONDS), path, RATE)
    script = write_script(seed, SECONDS)
    frame_times = np.arange(round(SECONDS * RATE)) / float(RATE)
    truth = np.array([_INDEX[label_at(script, time)] for time in frame_times])

    with open_stream(path, checkpoint=checkpoint, tick=tick_seconds) as stream:
        ticks = list(stream)
        final = stream.finish()
        features, times = stream.features()
        engine = stream.engine
    last = Tick(float("inf"), float("inf"), final, ())  # what is left at the end is answered in hindsight
    said_by = [next(tick for tick in (*ticks, last) if tick.observed_until > time) for time in times]
    asked_again = [
        next(tick for tick in (*ticks, last) if tick.seen_until >= min(first.seen_until, SECONDS) + LATER)
        for first in said_by
    ]
    at = [np.array([time]) for time in times]

    clock = FeatureClock.of(engine.extractor.spec)
    predictor = engine.predictor()
    anticipated = {}
    for alpha in ALPHAS:
        # Only features whose whole window lies in the observed part: no frame of the future is looked at.
        last_frame = (math.ceil(alpha * len(truth)) - 1) / float(RATE)
        seen = max(1, clock.count(last_frame))
        prediction = predictor(features[:, :seen], 0, features.shape[1] - seen)
        nearest = np.clip(np.round(frame_times / clock.period).astype(int), 0, features.shape[1] - 1)
        anticipated[alpha] = prediction.labels[nearest]
    return Watched(
        truth=truth,
        offline=rasterize(final, frame_times),
        online=np.array([rasterize(t.past, a)[0] for t, a in zip(said_by, at, strict=True)]),
        later=np.array([rasterize(t.past, a)[0] for t, a in zip(asked_again, at, strict=True)]),
        online_truth=np.array([_INDEX[label_at(script, time)] for time in times]),
        anticipated=anticipated,
    )


def score(videos: list[Watched]) -> dict[str, float]:
    """All figures in percent, by name."""
    segmentation = SegmentationScore(background=(_INDEX["background"],))
    names = ("actfusion", "current", "markov")
    anticipation = {name: AnticipationScore(ALPHAS, BETAS) for name in names}
    markov = _markov()
    for video in videos:
        segmentation.add(video.offline, video.truth)
        for alpha in ALPHAS:
            observed = video.truth[: int(alpha * len(video.truth))]
            rest = len(video.truth) - len(observed)
            guesses = {
                "actfusion": video.anticipated[alpha],
                "current": np.concatenate([observed, repeat_current(observed, rest)]),
                "markov": np.concatenate([observed, markov.predict(observed, rest)]),
            }
            for name, guess in guesses.items():
                anticipation[name].add(guess, video.truth, alpha)
    result = dict(segmentation.result())
    truth = np.concatenate([video.online_truth for video in videos])
    result["online_acc"] = accuracy(np.concatenate([video.online for video in videos]), truth)
    result["online_acc_2s"] = accuracy(np.concatenate([video.later for video in videos]), truth)
    for name in names:
        cells = anticipation[name].result()
        result |= {f"{name}_{cell}": value for cell, value in cells.items()}
        result[f"{name}_moc_mean"] = float(np.mean(list(cells.values())))
    return result


@cache
def _markov() -> MarkovBaseline:
    return MarkovBaseline.fit([_training_labels(seed) for seed in _BASELINE_SEEDS], len(CLASS_NAMES))


def _training_labels(seed: int) -> Labels:
    seconds = float(np.random.default_rng([seed, 9]).uniform(65.0, 115.0))
    script = write_script(seed, seconds)
    return np.array([_INDEX[label_at(script, i / float(RATE))] for i in range(int(seconds * RATE))])


def show(console: Console, result: dict[str, float], count: int) -> None:
    """Print the figures as two tables."""
    table = Table(title=f"{count} held-out videos: segmentation", title_justify="left")
    columns = {
        "acc": "accuracy", "edit": "edit", "f1_10": "F1@10", "f1_25": "F1@25", "f1_50": "F1@50",
        "online_acc": "online", "online_acc_2s": "online, 2 s later",
    }  # fmt: skip
    for title in columns.values():
        table.add_column(title, justify="right")
    table.add_row(*(f"{result[key]:.1f}" for key in columns))
    console.print(table)
    table = Table(title="anticipation, MoC: observed > horizon", title_justify="left", box=SIMPLE, padding=0)
    table.add_column("")
    cells = [(alpha, beta) for alpha in ALPHAS for beta in BETAS]
    for alpha, beta in cells:
        table.add_column(f"{alpha:g}>{beta:g}", justify="right")
    table.add_column("mean", justify="right")
    rows = {"actfusion": "ActFusion", "markov": "Markov chain", "current": "current goes on"}
    for key, title in rows.items():
        figures = [result[f"{key}_moc_obs{alpha:g}_pred{beta:g}"] for alpha, beta in cells]
        table.add_row(title, *(f"{value:.1f}" for value in figures), f"{result[f'{key}_moc_mean']:.1f}")
    console.print(table)


def evaluate_kitchen(
    checkpoint: Path | None, seeds: range, tick: float, work: Path, console: Console
) -> dict[str, float]:
    """Render and watch the seeds, print the tables, and return the figures.

    Args:
        checkpoint: None for the bundled one.
        seeds: of the kitchens; those below 10000 were for training.
        tick: seconds from one run of the model to the next.
        work: where rendered videos are kept.
        console: where tables and progress go.

    Raises:
        StreamError: the checkpoint cannot be used.
    """
    work.mkdir(parents=True, exist_ok=True)
    tasks = [(seed, checkpoint, work, tick) for seed in seeds]
    with (
        multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool,
        Progress(console=console) as progress,
    ):
        bar = progress.add_task("watching", total=len(tasks))
        videos = []
        for video in pool.imap(watch, tasks):
            videos.append(video)
            progress.advance(bar)
    result = score(videos)
    show(Console(width=max(console.width, 120)), result, len(videos))
    return result
