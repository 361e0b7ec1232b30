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
from pathlib import Path

import cv2
import torch

from actfusion_stream.arguments import OneLineParser, number, whole_number

from .benchmarks.extractors import benchmark_extractors
from .benchmarks.flow import benchmark_flow
from .benchmarks.training import benchmark_training
from .training.presets import PRESETS, add_preset_options, override


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["training", "extractors", "flow"])
    parser.add_argument("--preset", choices=PRESETS, default="50salads")
    parser.add_argument("--micro-batch", type=whole_number("videos", 1, 1000), default=8)
    parser.add_argument(
        "--rounds", type=whole_number("rounds", 1, 1000), default=5, help="the fastest counts"
    )
    parser.add_argument("--width", type=number("a factor", 0.01, 4), default=1.0, help="of the I3D")
    parser.add_argument(
        "--size", type=whole_number("pixels", 32, 4096), default=224, help="pixels of the I3D's pictures"
    )
    parser.add_argument(
        "--count", type=whole_number("how many", 1, 100_000), default=8, help="features, or pairs of frames"
    )
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
