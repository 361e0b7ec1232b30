"""What an optimizer step costs: padded passes against one video at a time, on drawn videos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from actfusion_stream.models.actfusion import ActFusionConfig

from ..data.features import ArrayFeatures
from ..training.examples import Example
from ..training.presets import PRESETS, Preset
from ..training.settings import Settings
from ..training.trainer import Trainer
from .rows import Row, Setting, in_turns

_FRAMES = (7_500, 18_000)  # shortest and longest video, as in 50 Salads


def drawn_examples(count: int, preset: Preset) -> list[Example]:
    """Random features (C, T) and labels (T,) in segments of 300 frames on average."""
    rng = np.random.default_rng(0)
    examples = []
    for _ in range(count):
        frames = int(rng.integers(*_FRAMES))
        segments = rng.integers(preset.model.num_classes, size=max(1, frames // 300))
        labels = np.repeat(segments, -(-frames // len(segments)))[:frames]
        features = rng.standard_normal((preset.model.feature_dim, frames), np.float32)
        examples.append(Example(ArrayFeatures(features), labels, np.zeros(frames, np.float32)))
    return examples


def training_rows(setting: Setting) -> Iterator[Row]:
    """Optimizer steps of the 50 Salads preset, in padded passes and one by one."""
    preset = PRESETS["50salads"]
    if setting.small:
        model = ActFusionConfig(
            feature_dim=3,
            num_classes=4,
            encoder_layers=2,
            encoder_dim=4,
            conditioning_layers=(1,),
            decoder_layers=1,
            decoder_dim=4,
            time_embedding_dim=8,
        )
        preset = replace(preset, model=model, sample_rate=512, batch_size=2)
    examples = drawn_examples(2 * preset.batch_size, preset)
    settings = Settings(Path("drawn"), "1", "drawn", False, 0.0, 0)
    trainers = {
        size: Trainer(preset, settings, examples, size, setting.device) for size in (preset.batch_size, 1)
    }
    took = in_turns({size: trainer.run_epoch for size, trainer in trainers.items()}, setting)
    yield Row(
        f"2 optimizer steps, 50 Salads preset, {preset.batch_size} videos each",
        "one video at a time",
        took[1],
        took[preset.batch_size],
    )
