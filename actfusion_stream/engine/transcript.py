"""What was last said of every feature of a stream: open while the buffer holds it, settled afterwards.

What has settled is kept as segments, so that neither memory nor the work of a tick grows with the length of
the stream by more than these.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Segment, segments_from_labels


class Transcript:
    """Labels of consecutive features, as segments.

    Args:
        class_names: name of each class index.
        clock: when each feature takes over from the one before.
    """

    def __init__(self, class_names: Sequence[str], clock: FeatureClock) -> None:
        self._class_names, self._clock = tuple(class_names), clock
        self._settled: list[Segment] = []
        # The last settled run: what is open may go on with it.
        self._label = -1
        self._start = 0
        self._sum = 0.0  # of its confidences
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
        for index in range(count):
            label = int(self._labels[index])
            if label != self._label:
                self._close_run(self._first + index)
                self._label, self._start, self._sum = label, self._first + index, 0.0
            self._sum += float(self._confidences[index])
        self._first, self._labels, self._confidences = first, labels.copy(), confidences.copy()

    def segments(self, latest: float, end: float | None = None) -> tuple[Segment, ...]:
        """Everything that was said, in order and without holes; none before the first `update`.

        Args:
            latest: seconds beyond which no feature speaks.
            end: seconds to which the last segment is stretched.
        """
        edges = np.minimum(self._clock.edges(self._first, len(self)), latest)  # (open + 1,)
        if end is not None:
            edges[-1] = end
        opened = list(segments_from_labels(self._labels, self._confidences, edges, self._class_names))
        if self._label < 0:
            return tuple(opened)
        if opened and self._labels[0] == self._label:
            run = int(np.argmax(np.r_[self._labels != self._label, True]))
            confidence = self._sum + float(self._confidences[:run].sum())
            confidence /= self._first + run - self._start
            first = Segment(opened[0].label, self._clock.edge(self._start), opened[0].end, confidence)
            return (*self._settled, first, *opened[1:])
        return (*self._settled, self._run_until(self._first), *opened)

    def _close_run(self, index: int) -> None:
        if self._label >= 0:
            self._settled.append(self._run_until(index))

    def _run_until(self, index: int) -> Segment:
        """The last settled run as a segment that ends where the feature `index` begins."""
        confidence = self._sum / (index - self._start)
        name = self._class_names[self._label]
        return Segment(name, self._clock.edge(self._start), self._clock.edge(index), confidence)
