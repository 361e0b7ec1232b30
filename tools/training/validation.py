"""How good the network is on the held-out videos, quickly."""

from __future__ import annotations

import numpy as np

from actfusion_stream.models.actfusion import ActFusion

from ..data.dataset import Dataset, FeatureSource
from ..evaluation.inference import anticipate, segment
from ..evaluation.metrics import AnticipationScore, SegmentationScore
from .presets import Preset
from .settings import RATIO


def validate(
    model: ActFusion,
    dataset: Dataset,
    source: FeatureSource,
    videos: list[str],
    preset: Preset,
    no_length: bool,
) -> dict[str, float]:
    """Segmentation and anticipation scores on held-out videos, from one offset each, for speed.

    Returns:
        The metrics' names and percentages, and "mean": the average of both tasks' averages, which chooses the
        best epoch.
    """
    tas, lta = SegmentationScore(), AnticipationScore()
    names = np.array(dataset.class_names)
    for video in videos:
        truth, features = dataset.labels(video), source(video)
        tas.add(names[segment(model, preset, features, offsets=1)], names[truth])
        for alpha in (0.2, 0.3):
            observed = max(1, int(alpha * len(truth)))
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
