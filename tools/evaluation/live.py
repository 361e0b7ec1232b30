"""What a viewer had of a stream: what was said of now and of what comes, and what was on the screen when.

Everything is read off the ticks of one video and the script of what was really done in it. A tick counts as
it was given: nothing that was said later makes it better.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.kitchen.script import Step

from .truth import Labels, following, labels_at

SOON = 5.0  # seconds after a tick
_GRID = 0.1  # seconds between the times at which those are compared
_ROUNDING = 1e-6  # seconds, by which a frame's time and that of the tick it triggered may differ
NOTHING = -1  # on the screen before the first tick


@dataclass(frozen=True)
class Live:
    """What came of one video.

    Attributes:
        now: (N,) bool, per tick whether the label it gave the present was right at `observed_until`.
        next: (n,) bool, per tick that something did follow, whether its first upcoming label was that.
        soon: right and all of the times within the next 5 s of each tick.
        relabelled: seconds of time already seen that got another label than at the tick before, in all.
        seconds: of the video.
        hindsight, on_screen: (F,) bool, whether the final segmentation was right at each frame's time, and
            what a viewer saw then.
        delays: (A,) seconds until each true change was on the screen; how long the action lasted, where it
            never was.
        missed: (A,) bool, where it never was.
    """

    now: NDArray[np.bool_]
    next: NDArray[np.bool_]
    soon: tuple[int, int]
    relabelled: float
    seconds: float
    hindsight: NDArray[np.bool_]
    on_screen: NDArray[np.bool_]
    delays: NDArray[np.float64]
    missed: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        ticks: Sequence[Tick],
        final: Sequence[Segment],
        script: Sequence[Step],
        frame_times: NDArray[np.float64],
        index: Mapping[str, int],
    ) -> Live:
        """Compare what was said with what was done.

        Args:
            ticks: all of the video's, in order.
            final: what the stream said in the end.
            script: what was done, in order and without holes; the first action begins at 0.
            frame_times: (F,) seconds, rising.
            index: of each class name.
        """
        truth = labels_at(script, frame_times, index)
        shown = on_screen(ticks, frame_times, index)
        delays, missed = delays_of_changes(shown, frame_times, script, index)
        heads = np.array([tick.observed_until for tick in ticks])
        said = np.array([index[tick.current.label] for tick in ticks], np.int64)
        return cls(
            now=said == labels_at(script, heads, index),
            next=next_right(ticks, script),
            soon=soon_right(ticks, script, index),
            relabelled=relabelled(ticks, index),
            seconds=script[-1].end,
            hindsight=labels_at(final, frame_times, index) == truth,
            on_screen=shown == truth,
            delays=delays,
            missed=missed,
        )


def next_right(ticks: Sequence[Tick], script: Sequence[Step]) -> NDArray[np.bool_]:
    """(n,) whether the first upcoming label is the true next action, of the ticks at which there is one."""
    pairs = ((tick.upcoming, following(script, tick.observed_until)) for tick in ticks)
    right = [
        bool(upcoming) and upcoming[0].label == after.label for upcoming, after in pairs if after is not None
    ]
    return np.array(right, bool)


def soon_right(
    ticks: Sequence[Tick], script: Sequence[Step], index: Mapping[str, int], seconds: float = SOON
) -> tuple[int, int]:
    """How much of what follows each tick is labelled right: right times, and all; none beyond the end."""
    middles = (np.arange(round(seconds / _GRID)) + 0.5) * _GRID
    right = count = 0
    for tick in ticks:
        times = tick.observed_until + middles
        times = times[times < script[-1].end]
        right += int((labels_at(tick.future, times, index) == labels_at(script, times, index)).sum())
        count += len(times)
    return right, count


def relabelled(ticks: Sequence[Tick], index: Mapping[str, int]) -> float:
    """Seconds of time already seen that got another label than at the tick before; exact, on no grid."""
    return sum(_differ(a, b, index) for a, b in pairwise(ticks))


def _differ(before: Tick, after: Tick, index: Mapping[str, int]) -> float:
    common = min(before.settled, after.settled)  # the same in both
    earlier, later = before.past[common:], after.past[common:]
    if not earlier or not later:
        return 0.0
    start = max(earlier[0].start, later[0].start)
    end = min(before.observed_until, after.observed_until)
    inner = [segment.start for segment in (*earlier, *later) if start < segment.start < end]
    edges = np.unique([start, *inner, max(start, end)])
    middles = (edges[:-1] + edges[1:]) / 2
    other = labels_at(earlier, middles, index) != labels_at(later, middles, index)
    return float(np.diff(edges)[other].sum())


def on_screen(ticks: Sequence[Tick], frame_times: NDArray[np.float64], index: Mapping[str, int]) -> Labels:
    """(F,) the label that a viewer sees beside each frame: what the latest tick says of the frame's time."""
    shown = np.full(len(frame_times), NOTHING, np.int64)
    for i, tick in _latest(ticks, frame_times):
        shown[i] = index[tick.at(float(frame_times[i])).label]
    return shown


def _latest(ticks: Sequence[Tick], frame_times: NDArray[np.float64]) -> Iterator[tuple[int, Tick]]:
    """The latest tick at each frame that has one; a frame that triggered one is shown with it."""
    given = np.array([tick.seen_until for tick in ticks])
    for i, latest in enumerate(np.searchsorted(given, frame_times + _ROUNDING, side="right") - 1):
        if latest >= 0:
            yield i, ticks[latest]


def delays_of_changes(
    shown: Labels, frame_times: NDArray[np.float64], script: Sequence[Step], index: Mapping[str, int]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How long after each true change it was to be seen.

    A change is seen at the first frame within the new action beside which its label stands.

    Args:
        shown: (F,) label beside each frame.
        frame_times: (F,) seconds, rising.
        script: A + 1 actions.
        index: of each class name.

    Returns:
        (A,) seconds from the change to that frame, of one that is never seen the whole action's length; and
        (A,) bool, whether it is never seen.
    """
    delays, missed = [], []
    for step in script[1:]:
        a, b = np.searchsorted(frame_times, (step.start, step.end))
        found = np.flatnonzero(shown[a:b] == index[step.label])
        missed.append(not len(found))
        delays.append(frame_times[a + found[0]] - step.start if len(found) else step.end - step.start)
    return np.array(delays, np.float64), np.array(missed, bool)


def score_live(videos: Sequence[Live]) -> dict[str, float]:
    """The figures of a set of videos, pooled over all of them.

    Returns:
        In percent `now`, `next` (over ticks), `soon` (the next 5 s of all ticks), `hindsight`, `on_screen`
        (over frames); `flicker`, seconds of time already seen that are relabelled, per minute of video;
        `delay_median`, `delay_p95` of true changes in seconds, and `missed`, percent of them. Those of which
        there is nothing to score are left out.
    """
    scores: dict[str, float] = {}
    for name in ("now", "next", "hindsight", "on_screen", "missed"):
        found = np.concatenate([getattr(video, name) for video in videos])
        if len(found):
            scores[name] = 100.0 * float(found.mean())
    right, count = np.sum([video.soon for video in videos], axis=0)
    if count:
        scores["soon"] = 100.0 * float(right / count)
    scores["flicker"] = 60.0 * sum(v.relabelled for v in videos) / sum(v.seconds for v in videos)
    delays = np.concatenate([video.delays for video in videos])
    if len(delays):
        scores["delay_median"], scores["delay_p95"] = (float(np.percentile(delays, q)) for q in (50, 95))
    return scores
