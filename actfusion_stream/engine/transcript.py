"""What was last said of every feature of a stream: open while the buffer holds it, settled afterwards.

What has settled is kept as segments, so that neither memory nor the work of a tick grows with the length of
the stream by more than these. Of a gap, in which nothing was seen, nothing is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Gap, Segment, outside, segments_from_labels


@dataclass
class _Run:
    """The last settled label: what is open may go on with it."""

    label: int
    start: float
    end: float
    confidences: float  # their sum
    steps: int  # that reach into it


class Transcript:
    """Labels of consecutive features, as segments.

    Args:
        class_names: name of each class index.
        clock: when each feature takes over from the one before.
    """

    def __init__(self, class_names: Sequence[str], clock: FeatureClock) -> None:
        self._class_names, self._clock = tuple(class_names), clock
        self._settled: list[Segment] = []
        self._run: _Run | None = None
        self._gaps: list[Gap] = []  # that have not settled
        self._first = 0  # index of the oldest open feature
        self._labels: NDArray[np.int64] = np.zeros(0, np.int64)
        self._confidences: NDArray[np.float32] = np.zeros(0, np.float32)

    def __len__(self) -> int:
        """Features of which something was said."""
        return self._first + len(self._labels)

    @property
    def settled(self) -> int:
        """How many of the first segments will never change."""
        return len(self._settled)

    def leave_out(self, gap: Gap) -> None:
        """No segment is to cover this gap, which lies behind all others and all features that were said."""
        self._gaps.append(gap)

    def update(self, first: int, labels: NDArray[np.int64], confidences: NDArray[np.float32]) -> None:
        """Say something else of all features from `first` on; what was said of those before settles.

        Args:
            first: absolute index, not before that of the last call, and not after `len`.
            labels: (N,) class indices.
            confidences: (N,) probabilities of those classes.
        """
        count = first - self._first
        if not 0 <= count <= len(self._labels):
            raise ValueError(f"features from {first} on, but {self._first} to {len(self)} are open")
        self._settle(count)
        self._first, self._labels, self._confidences = first, labels.copy(), confidences.copy()

    def segments(self, latest: float, end: float | None = None) -> tuple[Segment, ...]:
        """Everything that was said, in order, without holes but for gaps; none before the first `update`.

        Args:
            latest: seconds beyond which no feature speaks.
            end: seconds to which the last segment is stretched.
        """
        edges = np.minimum(self._clock.edges(self._first, len(self)), latest)  # (open + 1,)
        if end is not None:
            edges[-1] = end
        opened = segments_from_labels(self._labels, self._confidences, edges, self._class_names, self._gaps)
        run = self._run
        if run is None:
            return opened
        if not opened or self._labels[0] != run.label or opened[0].start != run.end:
            return (*self._settled, self._segment(run), *opened)
        steps = int(np.searchsorted(edges, opened[0].end, side="left"))
        confidences = run.confidences + float(self._confidences[:steps].sum())
        joined = _Run(run.label, run.start, opened[0].end, confidences, run.steps + steps)
        return (*self._settled, self._segment(joined), *opened[1:])

    def _settle(self, count: int) -> None:
        """Settle the first `count` open features."""
        edges = self._clock.edges(self._first, self._first + count).tolist()
        for index in range(count):
            label, confidence = int(self._labels[index]), float(self._confidences[index])
            for start, end in outside(edges[index], edges[index + 1], self._gaps):
                run = self._run
                if run is not None and run.label == label and run.end == start:
                    run.end, run.confidences, run.steps = end, run.confidences + confidence, run.steps + 1
                    continue
                if run is not None:
                    self._settled.append(self._segment(run))
                self._run = _Run(label, start, end, confidence, 1)
        self._gaps = [gap for gap in self._gaps if gap.end > edges[-1]]

    def _segment(self, run: _Run) -> Segment:
        return Segment(self._class_names[run.label], run.start, run.end, run.confidences / run.steps)
