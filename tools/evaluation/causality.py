"""When features can be there: scores that claim to know no future must not read it out of a feature.

A feature depends on frames after its own, ten of them in the published recipe. Whoever watches live has it
that much later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.extractors.spec import ExtractorSpec

from ..data.dataset import FeatureSource
from ..data.features import OneHotFeatures
from ..data.labelled import LabelledVideo
from ..training.presets import Preset
from ..training.released import published_features

_PUBLISHED_CHANNELS = 2048  # of two-stream I3D


def feature_clock(
    videos: Sequence[LabelledVideo],
    source: FeatureSource,
    preset: Preset,
    trained_on: ExtractorSpec | None = None,
    rate: float | None = None,
) -> tuple[FeatureClock, str]:
    """The clock of a dataset's features at their full rate, and what they need of the frames to come.

    Labels need nothing. Features of `actfusion-extract` say what they need, and so do the checkpoints that
    were trained on them. Arrays of 2048 channels of which nobody says anything are taken for the published
    features of 50 Salads, Breakfast and GTEA.

    Args:
        videos, source: whose features.
        preset: of the model that reads them.
        trained_on: the extractor of the model's checkpoint, None where nobody knows.
        rate: features a second, where it is not to be what they say.

    Returns:
        The clock, and a note where nobody says what the features need, so that nothing is subtracted.
    """
    note = ""
    labels = all(isinstance(video.features, OneHotFeatures) for video in videos)
    if source.extractor is not None:
        clock = FeatureClock.of(source.extractor)
    elif trained_on is not None and not labels:
        clock = FeatureClock.of(replace(trained_on, stride=max(1, trained_on.stride // preset.sample_rate)))
    else:
        published = FeatureClock.of(replace(published_features(preset), stride=1))
        clock = FeatureClock(published.rate)
        if not labels and videos[0].features.channels == _PUBLISHED_CHANNELS:
            clock = published
        elif not labels:
            note = (
                f"nobody says how many frames after its own a feature of {source.source} depends on; it is "
                "scored as if there were none"
            )
    return (clock if rate is None else replace(clock, rate=rate * clock.stride)), note


def available(clock: FeatureClock, observed: int) -> int:
    """How many features can exist when the frame before feature `observed` was the last one; at least one."""
    last = clock.start + (observed * clock.stride - 1) / clock.rate
    return max(1, clock.count(last))
