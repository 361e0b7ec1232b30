"""How good the network is on the held-out videos, quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.settings import FUTURES, Horizon
from actfusion_stream.models.actfusion import ActFusion

from ..data.labelled import LabelledVideo
from ..evaluation.causality import available
from ..evaluation.forecasts import doubt_in
from ..evaluation.inference import anticipate, segment
from ..evaluation.metrics import AnticipationScore, SegmentationScore
from ..evaluation.replay import Replay, replay, score_replays
from .presets import Preset
from .settings import LIVE_RATIO, RATIO

_TICKS = 12  # of a video's replay: few, for speed
_STREAMED = ("online_acc", "online_edit", "online_moc_10s")  # what is judged of it


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
        best epoch. A model that is trained for streams has a third task: each video is replayed at a few
        ticks, and judged by the labels given then, and by those of the next 10 s.
    """
    tas, lta = SegmentationScore(), AnticipationScore()
    names = np.array(class_names)
    replays: list[Replay] = []
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
        if preset.streaming:
            horizon = Horizon(ratio=RATIO if no_length else LIVE_RATIO)
            replays.append(_replayed(model, video, features, preset, clock, horizon))
    tasks = [tas.result(), lta.result()]
    if replays:
        found = score_replays(replays, class_names)
        tasks.append({name: found[name] for name in _STREAMED if name in found})
    mean = np.mean([np.mean(list(task.values())) for task in tasks])
    return {name: score for task in tasks for name, score in task.items()} | {"mean": float(mean)}


def doubt_of(
    model: ActFusion,
    videos: Sequence[LabelledVideo],
    class_names: tuple[str, ...],
    preset: Preset,
    no_length: bool,
    clock: FeatureClock,
) -> float:
    """How likely what comes next is in none of the futures that the model draws, on held-out videos.

    Args:
        model, videos, class_names, preset, no_length, clock: as for `validate`.
    """
    horizon = Horizon(ratio=RATIO if no_length else LIVE_RATIO)
    replays = [_replayed(model, v, v.array(), preset, clock, horizon, FUTURES, class_names) for v in videos]
    return doubt_in([one.forecasts for one in replays if one.forecasts is not None])


def _replayed(
    model: ActFusion,
    video: LabelledVideo,
    features: NDArray[np.float32],
    preset: Preset,
    clock: FeatureClock,
    horizon: Horizon,
    futures: int = 1,
    class_names: tuple[str, ...] | None = None,
) -> Replay:
    """What is said of a video at a few ticks, as by `actfusion-evaluate --online` at every second.

    Args:
        futures: how many are drawn at each.
        class_names: given where they are to be scored.
    """
    steps = slice(None, None, preset.sample_rate)
    slow = replace(clock, stride=clock.stride * preset.sample_rate)
    tick = features[:, steps].shape[1] * slow.period / _TICKS
    predictor = Predictor(model, max(1, preset.median), futures)
    return replay(predictor, features[:, steps], video.labels[steps], slow, tick, horizon, class_names)
