"""What the stream says: segments, and the tick that carries them.

All times are seconds of the source, counted from its first presentation timestamp that a player would show
as 0:00. A *segment* is half-open, [start, end).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_SURE = 0.5  # probability of an anticipated action above which it is taken to have begun
_NOTHING = 1e-6  # seconds between an edge and a gap: what rounding leaves is no segment


@dataclass(frozen=True)
class Segment:
    """One action from `start` to `end`.

    Attributes:
        label: class name.
        start: first second of the action.
        end: the second at which the next action starts.
        confidence: mean probability of `label` over the segment's feature steps, in [0, 1].
    """

    label: str
    start: float
    end: float
    confidence: float

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Gap:
    """A stretch of time of which nothing was seen: a live source was silent, or its frames were dropped.

    Attributes:
        start: seconds of the last frame before it.
        end: of the first one after it.
        cause: e.g. "the connection ended".
    """

    start: float
    end: float
    cause: str


@dataclass(frozen=True)
class Candidate:
    """An action that may be the next one.

    What the candidates of a tick lack to a sum of 1 is `Tick.goes_on` and `Tick.doubt`.

    Attributes:
        label: class name.
        probability: share of the sampled futures in which this action is the next one, less its part of the
            doubt, in [0, 1].
        start: seconds at which it starts, the median of those futures.
        earliest, latest: between these it starts in 80 % of them (10th and 90th percentile).
    """

    label: str
    probability: float
    start: float
    earliest: float
    latest: float


@dataclass(frozen=True, eq=False)
class Futures:
    """Several futures of one tick, drawn from what the model holds possible.

    Attributes:
        samples: each of S a future of its own, as `Tick.future`.
        likeliest: which of them `Tick.future` is: the medoid, that on average differs least from the others.
        probabilities: (M, K) float32, of every class in the middle of each second from `observed_until` on.
    """

    samples: tuple[tuple[Segment, ...], ...]
    likeliest: int
    probabilities: NDArray[np.float32]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Futures)
            and (self.samples, self.likeliest) == (other.samples, other.likeliest)
            and np.array_equal(self.probabilities, other.probabilities)
        )


@dataclass(frozen=True)
class Tick:
    """One run of the model and what it says.

    Attributes:
        seen_until: time of the last frame that had been seen. Nothing in this tick knows a later frame.
        observed_until: where the past ends and the future begins. It trails `seen_until` by the look-ahead of
            the extractor's window, because a feature exists only once its whole window has been seen.
        past: the segmentation of everything observed, in order, without holes but for gaps; its last segment
            is the current action as far as it has gone.
        future: anticipated segments, from `observed_until` on, in order and without holes. The first one may
            go on with the current action.
        latency_ms: milliseconds from the arrival of its last frame until work on it began, "taken", until its
            features were there, "feature", and until the model had spoken, "prediction".
        gaps: the newest stretches of which nothing was seen, and which no segment of the past covers.
        settled: so many of the first segments of the past are final: they are older than the memory.
        next: what may be the next action, the most probable first; () where nobody asked, or nothing ends.
        futures: what `next` was counted from; None where nobody asked.
        strangeness: how far what was just seen is from what the model was trained on, 1 where it becomes
            unfamiliar; None where the checkpoint does not say.
        doubt: how likely none of the futures has what happens next, in [0, 1]; learned with the checkpoint.
    """

    seen_until: float
    observed_until: float
    past: tuple[Segment, ...]
    future: tuple[Segment, ...]
    latency_ms: dict[str, float] = field(default_factory=dict)
    settled: int = 0
    gaps: tuple[Gap, ...] = ()
    next: tuple[Candidate, ...] = ()
    futures: Futures | None = None
    strangeness: float | None = None
    doubt: float = 0.0

    @property
    def goes_on(self) -> float:
        """How likely the current action outlasts the horizon, in [0, 1]; 0 where nobody drew futures."""
        if self.futures is None:
            return 0.0
        return max(1 - self.doubt - sum(candidate.probability for candidate in self.next), 0.0)

    @property
    def unfamiliar(self) -> bool:
        """Whether what is seen is unlike anything in training: then nothing said of it means much."""
        return self.strangeness is not None and self.strangeness > 1

    @property
    def current(self) -> Segment:
        """The action at the end of what was observed: `start` says since when, `confidence` how sure."""
        return self.past[-1]

    @property
    def upcoming(self) -> tuple[Segment, ...]:
        """The future without what merely goes on with the current action."""
        continues = bool(self.future) and self.future[0].label == self.current.label
        return self.future[1:] if continues else self.future

    def at(self, time: float) -> Segment:
        """What is said of the present: it is anticipated, for what one sees is newer than any feature.

        The current action goes on until the next one is more likely than not to have begun.

        Args:
            time: seconds of the source, not much later than `observed_until`.

        Returns:
            The segment that holds `time`: of the future from `observed_until` on, of the past before. In a
            gap the one before it; before all segments the first, after all of them the last.
        """
        segments = self.future if self.future and time >= self.observed_until else self.past
        found = segments[max(bisect_right(segments, time, key=lambda segment: segment.start) - 1, 0)]
        unsure = segments is self.future and found.confidence < _SURE and bool(self.past)
        return self.past[-1] if unsure else found


def segment_to_json(segment: Segment) -> dict[str, str | float]:
    """A segment as JSON and tables hold it, in milliseconds and thousandths."""
    return {
        "label": segment.label,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "confidence": round(segment.confidence, 3),
    }


def segments_from_labels(
    labels: np.ndarray,
    confidences: np.ndarray,
    edges: np.ndarray,
    class_names: Sequence[str],
    gaps: Sequence[Gap] = (),
) -> tuple[Segment, ...]:
    """Merge runs of equal labels into segments.

    Args:
        labels: (N,) int, class index of each step.
        confidences: (N,) float, probability of that class.
        edges: (N + 1,) float seconds; step i covers [edges[i], edges[i + 1]).
        class_names: name of each class index.
        gaps: in order; no segment covers them.

    Returns:
        Segments in order, covering [edges[0], edges[N]) without holes but for the gaps.
    """
    found = []
    for a, b in zip(*label_runs(labels), strict=True):
        for start, end in outside(float(edges[a]), float(edges[b]), gaps):
            first, last = a, b
            if gaps:  # the steps that reach into this part
                first += int(np.searchsorted(edges[a : b + 1], start, side="right")) - 1
                last = a + int(np.searchsorted(edges[a : b + 1], end, side="left"))
            confidence = float(confidences[first:last].mean())
            found.append(Segment(class_names[int(labels[a])], start, end, confidence))
    return tuple(found)


def outside(start: float, end: float, gaps: Sequence[Gap]) -> Iterator[tuple[float, float]]:
    """What is left of [start, end) seconds without the gaps, which are in order."""
    for gap in gaps:
        if gap.end > start and gap.start < end:
            if gap.start - start > _NOTHING:
                yield start, gap.start
            start = gap.end
    if end - start > (_NOTHING if gaps else 0.0):
        yield start, end


def label_runs(labels: np.ndarray) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of equal labels start and end.

    Args:
        labels: (N,) of any dtype.

    Returns:
        (R,) first step of each run, and (R,) the step after its last; no runs where N is 0.
    """
    if len(labels) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    return starts, np.r_[starts[1:], len(labels)]
