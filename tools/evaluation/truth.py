"""What was really done in a video, asked by time: the other half of every score of what a stream said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Segment, label_runs
from actfusion_stream.kitchen.script import Step

Spans = Sequence[Step] | Sequence[Segment]
_ROUNDING = 1e-6  # seconds

Labels = NDArray[np.int64]


def labels_at(spans: Spans, times: NDArray[np.floating[Any]], index: Mapping[str, int]) -> Labels:
    """The label at each of the (N,) times; beyond the ends the first and the last one hold.

    Args:
        spans: in order and without holes, at least one.
        times: (N,) seconds.
        index: of each class name.
    """
    starts = np.array([span.start for span in spans])
    found = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(spans) - 1)
    return np.array([index[span.label] for span in spans], np.int64)[found]


def following(script: Sequence[Step], time: float) -> Step | None:
    """The action that comes after the one under way up to `time` seconds; None where that is the last.

    One that begins at that very moment is yet to come: what was observed ends there.
    """
    return next((step for step in script[1:] if step.start >= time - _ROUNDING), None)


def script_of(labels: Labels, clock: FeatureClock, class_names: Sequence[str]) -> tuple[Step, ...]:
    """Labels (N,) of feature steps as actions in time, each from and to where its features speak."""
    edges = clock.edges(0, len(labels))
    runs = zip(*label_runs(labels), strict=True)
    return tuple(Step(class_names[labels[a]], float(edges[a]), float(edges[b])) for a, b in runs)
