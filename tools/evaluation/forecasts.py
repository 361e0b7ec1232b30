"""What a stream's several futures said would come, tick by tick, beside what came.

"The next action" is scored as K + 1 outcomes: the K classes, and that the current action goes on beyond the
horizon, which is `Tick.goes_on`. That is also what comes true where nothing follows any more: the last action
of a video goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from actfusion_stream.engine.timeline import Candidate, Tick
from actfusion_stream.kitchen.script import Step

from .calibration import brier_score, expected_calibration_error, pinball_loss
from .truth import Labels, following, labels_at


def next_distribution(
    candidates: Sequence[Candidate], index: Mapping[str, int], doubt: float = 0.0
) -> NDArray[np.float64]:
    """What a tick says of the K + 1 outcomes.

    Args:
        candidates: `Tick.next`.
        index: of each class name.
        doubt: `Tick.doubt`.

    Returns:
        (K + 1,) float; the last is that the current action goes on beyond the horizon. The doubt is spread
        evenly over what no future had.
    """
    found = np.zeros(len(index) + 1)
    for candidate in candidates:
        found[index[candidate.label]] += candidate.probability
    found[-1] = max(0.0, 1.0 - doubt - found[:-1].sum())
    return found + doubt * _unheard_of(found[None])[0]


def _unheard_of(said: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, C): even distributions over the outcomes that distributions (N, C) hold impossible."""
    impossible = said == 0
    return impossible / np.maximum(impossible.sum(axis=1, keepdims=True), 1)


def learn_doubt(said: NDArray[np.floating[Any]], truth: Labels) -> float:
    """The share of doubt at which what was said without any has the best Brier score.

    Args:
        said: (N, C) float, each row a distribution: shares of futures.
        truth: (N,) int in [0, C), what came true.

    Returns:
        In [0, 1]; 0 where N is 0.
    """
    if not len(truth):
        return 0.0
    sure = np.asarray(said, np.float64)
    # (1 − d) p + d q is a line from p to q, on which a squared distance has one lowest point.
    way = _unheard_of(sure) - sure
    came = np.eye(sure.shape[1])[truth]
    return float(np.clip(((came - sure) * way).sum() / (way**2).sum(), 0, 1))


@dataclass(frozen=True)
class Forecasts:
    """What was forecast in one video, and what came true.

    Attributes:
        next: (N, K + 1) float32, per tick what was said of the next action; see `next_distribution`.
        next_truth: (N,) int, which of these came true.
        starts: (P, 3) float32, seconds until the next action where the likeliest one was the true one: its
            10th, 50th and 90th percentile.
        starts_truth: (P,) float32, seconds until it did start.
        seconds: (M, K) float32, what was said of single seconds of the future.
        seconds_truth: (M,) int, the class that came true in each.
    """

    next: NDArray[np.float32]
    next_truth: Labels
    starts: NDArray[np.float32]
    starts_truth: NDArray[np.float32]
    seconds: NDArray[np.float32]
    seconds_truth: Labels

    @classmethod
    def of(cls, ticks: Sequence[Tick], script: Sequence[Step], index: Mapping[str, int]) -> Forecasts:
        """Read the ticks of one video.

        An action that starts beyond a tick's horizon is not its next one: the current one goes on. Of seconds
        beyond the end of the video nothing is known to be true; they do not count.

        Args:
            ticks: those without several futures are left out.
            script: what was done, in order and without holes.
            index: of each class name.
        """
        count = len(index)
        said, came, starts, started = [], [], [], []
        seconds: list[NDArray[np.float32]] = [np.zeros((0, count), np.float32)]
        true: list[Labels] = [np.zeros(0, np.int64)]
        for tick in ticks:
            if tick.futures is None:
                continue
            now = tick.observed_until
            after = following(script, now)
            if after is not None and after.start >= tick.future[-1].end:
                after = None
            said.append(next_distribution(tick.next, index, tick.doubt))
            came.append(count if after is None else index[after.label])
            if after is not None and said[-1].argmax() == came[-1]:
                best = next(candidate for candidate in tick.next if candidate.label == after.label)
                starts.append([best.earliest - now, best.start - now, best.latest - now])
                started.append(after.start - now)
            middles = now + 0.5 + np.arange(len(tick.futures.probabilities))
            filmed = middles < script[-1].end
            seconds.append(tick.futures.probabilities[filmed])
            true.append(labels_at(script, middles[filmed], index))
        return cls(
            np.array(said, np.float32).reshape(-1, count + 1),
            np.array(came, np.int64),
            np.array(starts, np.float32).reshape(-1, 3),
            np.array(started, np.float32),
            np.concatenate(seconds),
            np.concatenate(true),
        )


def doubt_in(videos: Sequence[Forecasts]) -> float:
    """What `learn_doubt` learns from videos, at least one, whose forecasts were made without any."""
    said, came = [video.next for video in videos], [video.next_truth for video in videos]
    return learn_doubt(np.concatenate(said), np.concatenate(came))


def score_forecasts(videos: Sequence[Forecasts]) -> dict[str, float]:
    """The figures of a set of videos, pooled over all of their ticks.

    Returns:
        `next_ece` and `next_brier` of the next action, `seconds_ece` and `seconds_brier` of single seconds of
        the future, from 0 to 1 and from 0 to 2, and `next_pinball` in seconds. Those of which there is
        nothing to score are left out.
    """
    scores: dict[str, float] = {}
    pairs = {
        "next": [(video.next, video.next_truth) for video in videos],
        "seconds": [(video.seconds, video.seconds_truth) for video in videos],
    }
    for name, found in pairs.items():
        if any(len(truth) for _, truth in found):
            said = np.concatenate([one for one, _ in found])
            came = np.concatenate([one for _, one in found])
            scores[f"{name}_ece"] = expected_calibration_error(said.max(axis=1), said.argmax(axis=1) == came)
            scores[f"{name}_brier"] = brier_score(said, came)
    if any(len(video.starts) for video in videos):
        starts = np.concatenate([video.starts for video in videos])
        scores["next_pinball"] = pinball_loss(
            starts, np.concatenate([video.starts_truth for video in videos])
        )
    return scores


_COLUMNS = {
    "next_ece": "next: ECE", "next_brier": "Brier", "seconds_ece": "seconds: ECE", "seconds_brier": "Brier",
    "next_pinball": "time to next: pinball, s",
}  # fmt: skip


def show_forecasts(console: Console, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Print what `score_forecasts` found, a line a name; nothing where it found nothing."""
    if not any(key in scores for scores in rows.values() for key in _COLUMNS):
        return
    table = Table(title="several futures, calibration", title_justify="left")
    table.add_column("")
    for head in _COLUMNS.values():
        table.add_column(head, justify="right")
    for name, scores in rows.items():
        table.add_row(name, *(f"{scores[key]:.3f}" if key in scores else "-" for key in _COLUMNS))
    console.print(table)
