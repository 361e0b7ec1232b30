"""What an optimizer step costs beside the authors' release, on drawn videos as long as those of 50 Salads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from actfusion_stream.models.actfusion import ActFusion

from ..data.features import ArrayFeatures
from ..training.examples import Example
from ..training.presets import PRESETS, Preset
from ..training.settings import Settings
from ..training.trainer import Trainer
from .model import SMALL, both
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
    """Optimizer steps of the 50 Salads preset beside the release's network, a video a pass; of two widths."""
    preset = PRESETS["50salads"]
    for channels in [3] if setting.small else [19, 2048]:  # labels as features, and two-stream I3D
        model = SMALL if setting.small else replace(preset.model, feature_dim=channels)
        rate, batch = (512, 2) if setting.small else (preset.sample_rate, preset.batch_size)
        each = replace(preset, model=model, sample_rate=rate, batch_size=batch)
        examples = drawn_examples(batch, each)
        settings = Settings(Path("drawn"), "1", "drawn", False, 0.0, 0)
        plain, ours = (Trainer(each, settings, examples, size, setting.device) for size in (1, batch))
        released, _ = both(model, setting.device)
        plain.model = cast(ActFusion, released)
        plain.optimizer = torch.optim.Adam(released.parameters(), each.learning_rate)
        took = in_turns({"plain": plain.run_epoch, "ours": ours.run_epoch}, setting)
        yield Row(
            f"an optimizer step, 50 Salads preset, {channels} channels, {batch} videos",
            "the release's code",
            took["plain"],
            took["ours"],
            target=3.0,
        )
