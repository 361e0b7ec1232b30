"""How good the network is on the held-out videos, quickly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.models.actfusion import ActFusion

from ..data.labelled import LabelledVideo
from ..evaluation.causality import available
from ..evaluation.inference import anticipate, segment
from ..evaluation.metrics import AnticipationScore, SegmentationScore
from .presets import Preset
from .settings import RATIO


def validate(
    model: ActFusion,
    videos: Sequence[LabelledVideo],
    class_names: tuple[str, ...],
    preset: Preset,
    no_length: bool,
    clock: FeatureClock,
) -> dict[str, float]:
    """Segmentation and anticipation scores on held-out videos, from one offset each, for speed.

    Args:
        model: in eval mode.
        videos: at least one.
        class_names: name of each class index.
        preset: what the model is trained with.
        no_length: anticipate without the true length, from the features that can exist by then.
        clock: of the features.

    Returns:
        The metrics' names and percentages, and "mean": the average of both tasks' averages, which chooses the
        best epoch.
    """
    tas, lta = SegmentationScore(), AnticipationScore()
    names = np.array(class_names)
    for video in videos:
        truth, features = video.labels, video.array()
        tas.add(names[segment(model, preset, features, offsets=1)], names[truth])
        for alpha in (0.2, 0.3):
            observed = max(1, int(alpha * len(truth)))
            if no_length:
                observed = available(clock, observed)
            labels = anticipate(
                model,
                preset,
                features[:, :observed],
                len(truth),
                ratio=RATIO if no_length else None,
                offsets=1,
            )
            lta.add(labels, truth, alpha)
    segmentation, anticipation = tas.result(), lta.result()
    mean = (np.mean(list(segmentation.values())) + np.mean(list(anticipation.values()))) / 2
    return {**segmentation, **anticipation, "mean": float(mean)}
