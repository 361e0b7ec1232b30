"""Replays features as a stream and scores what was said when: the online half of the evaluation.

At every tick the model sees the features up to then, and nothing later, just as in a live stream: the same
predictor with the same keyed noise. Scored are the label each feature got at once and some seconds later,
what was anticipated at each tick, and how much of what had been said was taken back.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.futures import candidates, futures
from actfusion_stream.engine.predictor import Prediction, Predictor
from actfusion_stream.engine.settings import MEMORY_SECONDS, Horizon
from actfusion_stream.engine.timeline import Tick

from .forecasts import Forecasts, score_forecasts
from .metrics import SegmentationScore
from .truth import script_of

DELAYS = (0.0, 1.0, 2.0, 5.0)  # seconds after a feature was first seen
HORIZONS = (5.0, 10.0, 20.0, 60.0)  # seconds after a tick

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Replay:
    """What was said of one video of N feature steps, tick by tick.

    Attributes:
        truth: (N,) true labels of the steps.
        ticks: numbers of the ticks that saw a new step, from 1 on, rising; the others repeat what was said.
        passed: at each of them, how many steps lay in the past, those with it whose features were to come.
        said: at each of them, (n,) labels of the n steps seen by then.
        anticipated: at each of them, labels of the steps that follow these, as many as the horizon holds.
        period: seconds from one step to the next.
        tick: seconds from one tick to the next.
        forecasts: what several futures said at each tick; None where nobody asked.
    """

    truth: Labels
    ticks: list[int]
    passed: list[int]
    said: list[Labels]
    anticipated: list[Labels]
    period: float
    tick: float
    forecasts: Forecasts | None = None


def replay(
    predictor: Predictor,
    features: NDArray[np.float32],
    truth: Labels,
    clock: FeatureClock,
    tick: float,
    horizon: Horizon,
    class_names: Sequence[str] | None = None,
    doubt: float = 0.0,
) -> Replay:
    """Run the model at every tick of one video.

    Args:
        predictor: with the model; it may be used for another video afterwards.
        features: (C, N) float32.
        truth: (N,) true labels.
        clock: when the features are, and when they can be there.
        tick: seconds from one run of the model to the next.
        horizon: how far to anticipate.
        class_names: given where the predictor draws several futures that are to be scored.
        doubt: how likely what happens is in none of them, as the checkpoint says.
    """
    ticks: list[int] = []
    passed: list[int] = []
    said: list[Labels] = []
    anticipated: list[Labels] = []
    forecasts: list[Tick] = []
    steps = features.shape[1]
    period = clock.period
    memory = max(1, round(MEMORY_SECONDS / period))
    seen, number = 0, 0
    while seen < steps:
        number += 1
        now = clock.start + number * tick
        before, seen = seen, min(steps, clock.count(now))
        if seen == before:
            continue  # nothing new since the last tick
        first = max(0, seen - memory)
        prediction = predictor(features[:, first:seen], first, horizon.steps(seen - first, period))
        ticks.append(number)
        passed.append(min(steps, replace(clock, after=0).count(now)))
        kept = said[-1][:first] if said else np.zeros(0, np.int64)
        said.append(np.concatenate([kept, prediction.labels[: seen - first]]))
        anticipated.append(prediction.labels[seen - first :])
        if class_names is not None:
            forecasts.append(_forecast(prediction, clock, seen, class_names, doubt))
    scored = None
    if class_names is not None:
        index = {name: i for i, name in enumerate(class_names)}
        scored = Forecasts.of(forecasts, script_of(truth, clock, class_names), index)
    return Replay(truth, ticks, passed, said, anticipated, period, tick, scored)


def _forecast(
    prediction: Prediction, clock: FeatureClock, seen: int, class_names: Sequence[str], doubt: float
) -> Tick:
    """What a stream's tick would say of the time after `seen` features."""
    future = prediction.samples.shape[1]
    now, current = clock.edge(seen), int(prediction.labels[-future - 1])
    edges = now + clock.period * np.arange(future + 1)
    several = futures(prediction.samples, prediction.likeliest, prediction.future, edges, class_names)
    following = candidates(prediction.samples, current, edges, class_names, doubt)
    likeliest = several.samples[several.likeliest]
    return Tick(now, now, (), likeliest, next=following, futures=several, doubt=doubt)


def said_after(video: Replay, delay: float) -> Labels:
    """(N,) the label of each step at the first tick that is `delay` seconds after it was first seen.

    What the last tick said holds where the video ends before that.
    """
    ends = [len(labels) for labels in video.said]  # steps seen by each tick
    steps = np.arange(len(video.truth))
    ticks = np.array(video.ticks)
    at_once = ticks[np.searchsorted(ends, steps + 1)]
    asked = at_once + math.ceil(delay / video.tick - 1e-9)
    runs = np.searchsorted(ticks, asked, side="right") - 1  # the last one with something new by then
    return np.array([video.said[run][step] for run, step in zip(runs, steps, strict=True)], np.int64)


def flicker(video: Replay) -> float:
    """Seconds of already seen time that got another label than at the tick before, per minute of video."""
    changed = sum(
        int((later[: len(earlier)] != earlier).sum())
        for earlier, later in zip(video.said, video.said[1:], strict=False)
    )
    return 60.0 * changed / len(video.truth)


def score_replays(videos: list[Replay], class_names: tuple[str, ...]) -> dict[str, float]:
    """The online figures of a set of videos.

    Returns:
        In percent: `online_acc` at once and `online_acc_1s`, `_2s`, `_5s` later; `online_edit`,
        `online_f1_10`, `_25`, `_50` of the labels given at once; `online_moc_5s`, `_10s`, `_20s`, `_60s`,
        mean over classes of the steps that follow each tick within so many seconds, pooled over all
        ticks; and `flicker`, in seconds per minute. Steps before a tick whose features it could not have yet
        are no part of what follows it. Of several futures also what `score_forecasts` returns.
    """
    names = np.array(class_names)
    result: dict[str, float] = {}
    truth = np.concatenate([video.truth for video in videos])
    for delay in DELAYS:
        said = np.concatenate([said_after(video, delay) for video in videos])
        result["online_acc" + (f"_{delay:g}s" if delay else "")] = 100.0 * float(np.mean(said == truth))
    at_once = SegmentationScore()
    for video in videos:
        at_once.add(names[said_after(video, 0.0)], names[video.truth])
    result |= {f"online_{name}": value for name, value in at_once.result().items() if name != "acc"}
    for horizon in HORIZONS:
        frames: Counter[int] = Counter()
        right: Counter[int] = Counter()
        for video in videos:
            for passed, said, future in zip(video.passed, video.said, video.anticipated, strict=True):
                late = passed - len(said)
                true = video.truth[len(said) + late :][: round(horizon / video.period)]
                guess = np.pad(future, (0, late + len(true)), mode="edge")[late : late + len(true)]
                frames.update(true.tolist())
                right.update(true[guess == true].tolist())
        if frames:
            moc = np.mean([right[label] / count for label, count in frames.items()])
            result[f"online_moc_{horizon:g}s"] = 100.0 * float(moc)
    result["flicker"] = float(
        np.average([flicker(video) for video in videos], weights=[len(video.truth) for video in videos])
    )
    return result | score_forecasts([video.forecasts for video in videos if video.forecasts is not None])
