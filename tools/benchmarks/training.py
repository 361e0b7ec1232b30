"""What an optimizer step costs: padded passes against one video at a time, on drawn videos."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from ..data.features import ArrayFeatures
from ..training.examples import Example
from ..training.presets import Preset
from ..training.settings import Settings
from ..training.trainer import Trainer

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


def benchmark_training(preset: Preset, micro_batch: int, rounds: int, device: torch.device) -> str:
    """Optimizer steps per second, in padded passes and one by one."""
    examples = drawn_examples(2 * preset.batch_size, preset)
    settings = Settings(Path("drawn"), "1", "drawn", False, 0.0, 0)
    trainers = {size: Trainer(preset, settings, examples, size, device) for size in (micro_batch, 1)}
    seconds = dict.fromkeys(trainers, float("inf"))
    for _ in range(rounds):
        for size, trainer in trainers.items():
            began = time.perf_counter()
            trainer.run_epoch()
            if device.type == "cuda":
                torch.cuda.synchronize()
            seconds[size] = min(seconds[size], (time.perf_counter() - began) / 2)
    padded, single = (1 / seconds[size] for size in (micro_batch, 1))
    return (
        f"{device}, {torch.get_num_threads()} threads, {preset.batch_size} videos a step: "
        f"{padded:.2f} steps/s in passes of up to {micro_batch}, {single:.2f} one video at a time: "
        f"{padded / single:.2f} times as fast"
    )
