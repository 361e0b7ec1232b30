"""The protocols of the field on drawn kitchens: what a video looks like, and what its start lets expect.

Scored are the final segmentation (offline), what was said of each feature when it was first seen and 2 s
later (online), and what was anticipated from a part of the video, beside two baselines that are given the
true labels of that part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.stream import Stream
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.kitchen.script import CLASS_NAMES, Step, label_at, write_script

from ..training.presets import Preset
from .baselines import MarkovBaseline, repeat_current
from .filming import RATE
from .inference import anticipate_several
from .metrics import AnticipationScore, SegmentationScore, accuracy
from .stochastic import StochasticScore
from .truth import Labels, labels_at

ALPHAS, BETAS = (0.2, 0.3, 0.5), (0.1, 0.2, 0.3, 0.5)
LATER = 2.0  # seconds after which a label is asked for again
_BASELINE_SEEDS = range(1000)  # training seeds whose scripts the Markov chain learns
INDEX = {name: i for i, name in enumerate(CLASS_NAMES)}


@dataclass(frozen=True)
class Whole:
    """What came of one video.

    Attributes:
        truth: (T,) true label of every frame.
        offline: (T,) labels of the final segmentation.
        online, later: (N,) label given to each feature when first seen, and 2 s later.
        online_truth: (N,) true label at each feature's time.
        anticipated: per observed ratio, (T,) labels of the observed part and the anticipated rest.
        futures: per observed ratio, (S, T) several of them; {} where nobody asked.
    """

    truth: Labels
    offline: Labels
    online: Labels
    later: Labels
    online_truth: Labels
    anticipated: dict[float, Labels]
    futures: dict[float, Labels] = field(default_factory=dict)


def watch_whole(
    stream: Stream,
    ticks: Sequence[Tick],
    final: tuple[Segment, ...],
    script: Sequence[Step],
    futures: int = 0,
) -> Whole:
    """Ask a stream that has been finished for what the protocols score.

    Args:
        stream: of one plain video; it knows its features.
        ticks: all that it gave.
        final: what it said in the end.
        script: what was done.
        futures: how many to draw from each observed part.
    """
    seconds = script[-1].end
    frame_times = np.arange(round(seconds * RATE)) / float(RATE)
    features, times = stream.features()
    last = Tick(math.inf, math.inf, final, ())  # what is left at the end is answered in hindsight
    said_by = [next(tick for tick in (*ticks, last) if tick.observed_until > time) for time in times]
    asked_again = [
        next(tick for tick in (*ticks, last) if tick.seen_until >= min(first.seen_until, seconds) + LATER)
        for first in said_by
    ]
    at = [np.array([time]) for time in times]

    clock = FeatureClock.of(stream.engine.extractor.spec)
    predictor = stream.engine.predictor()
    truth = labels_at(script, frame_times, INDEX)
    preset = Preset(sample_rate=1, median=stream.engine.median)
    anticipated, several = {}, {}
    for alpha in ALPHAS:
        # Only features whose whole window lies in the observed part: no frame of the future is looked at.
        last_frame = (math.ceil(alpha * len(truth)) - 1) / float(RATE)
        seen = max(1, clock.count(last_frame))
        prediction = predictor(features[:, :seen], 0, features.shape[1] - seen)
        nearest = np.clip(np.round(frame_times / clock.period).astype(int), 0, features.shape[1] - 1)
        anticipated[alpha] = prediction.labels[nearest]
        if futures:
            drawn = anticipate_several(
                stream.engine.model, preset, features[:, :seen], features.shape[1], futures
            )
            several[alpha] = drawn[:, nearest]
    return Whole(
        truth=truth,
        offline=labels_at(final, frame_times, INDEX),
        online=np.array([labels_at(t.past, a, INDEX)[0] for t, a in zip(said_by, at, strict=True)]),
        later=np.array([labels_at(t.past, a, INDEX)[0] for t, a in zip(asked_again, at, strict=True)]),
        online_truth=labels_at(script, times, INDEX),
        anticipated=anticipated,
        futures=several,
    )


def score_protocols(videos: Sequence[Whole]) -> dict[str, float]:
    """All figures in percent, by name."""
    segmentation = SegmentationScore(background=(INDEX["background"],))
    names = ("actfusion", "current", "markov")
    anticipation = {name: AnticipationScore(ALPHAS, BETAS) for name in names}
    stochastic = StochasticScore(ALPHAS, BETAS)
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
            if video.futures:
                stochastic.add(video.futures[alpha], video.truth, alpha)
    result = dict(segmentation.result())
    truth = np.concatenate([video.online_truth for video in videos])
    result["online_acc"] = accuracy(np.concatenate([video.online for video in videos]), truth)
    result["online_acc_2s"] = accuracy(np.concatenate([video.later for video in videos]), truth)
    for name in names:
        cells = anticipation[name].result()
        result |= {f"{name}_{cell}": value for cell, value in cells.items()}
        result[f"{name}_moc_mean"] = float(np.mean(list(cells.values())))
    if videos[0].futures:
        for kind, figures in stochastic.result().items():
            result |= {f"stochastic_{kind}_{cell}": value for cell, value in figures.items()}
    return result


@cache
def _markov() -> MarkovBaseline:
    return MarkovBaseline.fit([_training_labels(seed) for seed in _BASELINE_SEEDS], len(CLASS_NAMES))


def _training_labels(seed: int) -> Labels:
    seconds = float(np.random.default_rng([seed, 9]).uniform(65.0, 115.0))
    script = write_script(seed, seconds)
    return np.array([INDEX[label_at(script, i / float(RATE))] for i in range(int(seconds * RATE))])


def show_protocols(console: Console, result: dict[str, float], count: int) -> None:
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
    rows = {
        "actfusion": "ActFusion", "stochastic_mean": "futures: mean", "stochastic_top1": "futures: top-1",
        "markov": "Markov chain", "current": "current goes on",
    }  # fmt: skip
    for key, title in rows.items():
        if f"{key}_moc_mean" not in result:
            continue
        figures = [result[f"{key}_moc_obs{alpha:g}_pred{beta:g}"] for alpha, beta in cells]
        table.add_row(title, *(f"{value:.1f}" for value in figures), f"{result[f'{key}_moc_mean']:.1f}")
    console.print(table)
