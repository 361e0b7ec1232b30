"""Measures speed, as a ratio against a plain implementation in the same run: machines differ, and are shared.

    python -m tools.benchmark training --preset 50salads --sample-rate 64
    python -m tools.benchmark extractors
    python -m tools.benchmark flow --video kitchen.mp4

`training` runs optimizer steps on drawn videos of the lengths of 50 Salads, in padded passes and one video
at a time; the two are interleaved, so that whatever else the machine does slows down both. `extractors`
compares batched exact windows and the continual I3D with a loop over windows, `flow` methods of optical flow.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from actfusion_stream.arguments import OneLineParser

from .benchmarks.extractors import benchmark_extractors, benchmark_flow
from .train import Example, Settings, Trainer
from .training.presets import PRESETS, Preset, add_preset_options, override

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
        examples.append(Example(features, labels, np.zeros(frames, np.float32)))
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
        f"{padded:.2f} steps/s in padded passes of {micro_batch}, {single:.2f} one video at a time: "
        f"{padded / single:.2f} times as fast"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["training", "extractors", "flow"])
    parser.add_argument("--preset", choices=PRESETS, default="50salads")
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5, help="the fastest counts")
    parser.add_argument("--width", type=float, default=1.0, help="of the I3D")
    parser.add_argument("--size", type=int, default=224, help="pixels of the I3D's pictures")
    parser.add_argument("--count", type=int, default=8, help="features, or pairs of frames")
    parser.add_argument("--video", type=Path, help="for flow")
    parser.add_argument("--device", help="default: a GPU where there is one")
    add_preset_options(parser)
    options = parser.parse_args(arguments)
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if options.what == "extractors":
        size, count = options.size, options.count
        print("\n".join(benchmark_extractors(options.width, size, count, options.rounds, device)))
        return 0
    if options.what == "flow":
        if options.video is None:
            parser.error("flow needs --video")
        methods = ["dis", "tvl1"] if hasattr(cv2, "optflow") else ["dis"]
        print("\n".join(benchmark_flow(options.video, methods, options.count)))
        return 0
    preset = override(PRESETS[options.preset], vars(options))
    print(benchmark_training(preset, options.micro_batch, options.rounds, device))
    return 0


if __name__ == "__main__":
    sys.exit(main())
