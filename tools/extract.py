"""Turn videos into features, as the stream would compute them.

    actfusion-extract kitchens/ --extractor i3d --out data/features

OUT gets VIDEO.npy, (C, T) float32 in the MS-TCN layout, a column a feature; extractor.json, which says what
the features are and at what times; and extractor.safetensors, the weights, which training puts into its
checkpoint so that the stream can go on with the same extractor. Videos that are done are skipped.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from actfusion_stream.arguments import OneLineParser, number, whole_number
from actfusion_stream.engine.engine import choose_device
from actfusion_stream.errors import StreamError, print_error
from actfusion_stream.extractors.catalogue import I3D_STREAMS, NAMES
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.flow import default_flow
from actfusion_stream.extractors.precision import FLOAT32, PRECISIONS
from actfusion_stream.extractors.spec import FLOW, FLOW_METHODS
from actfusion_stream.weights.extractor_choice import ExtractorChoice

from .data.extraction import extract_all
from .data.feature_folder import FeatureFolder
from .data.videos import common_rate, find_videos


def add_extractor_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose an extractor; `choice` reads them."""
    parser.add_argument(
        "--extractor",
        default="i3d",
        help=f"one of {', '.join(NAMES)}; kitchen, the bundled one; or a checkpoint (.safetensors) that "
        "brings its own; default: i3d",
    )
    parser.add_argument(
        "--weights", type=Path, nargs="+", default=[],
        help="files of its networks: pictures, flow, raft; default: what actfusion-weights has fetched",
    )  # fmt: skip
    parser.add_argument("--flow", choices=FLOW_METHODS, help="default: raft-large on a GPU, else dis")
    parser.add_argument(
        "--flow-side", type=whole_number("pixels", 0, 4096), metavar="N",
        help="resize the shorter side to N pixels before flow is computed; default: 0, its own size",
    )  # fmt: skip
    parser.add_argument("--windows", choices=("exact", "continual"))
    parser.add_argument("--padding", choices=("repeat", "zero"), help="beyond the ends; default: repeat")
    parser.add_argument(
        "--rate",
        type=number("frames a second", 0, 1000, above=True),
        help="frames a second; default: the videos' own",
    )


def choice(options: argparse.Namespace, stride: int | None, device: torch.device) -> ExtractorChoice:
    """What the options ask for."""
    flow = options.flow or (default_flow(device) if FLOW in I3D_STREAMS.get(options.extractor, ()) else None)
    return ExtractorChoice(
        options.extractor,
        tuple(options.weights),
        options.rate,
        stride,
        flow,
        options.windows,
        options.padding,
        options.flow_side,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="files, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the features, e.g. DATA/features")
    add_extractor_options(parser)
    parser.add_argument(
        "--every",
        type=whole_number("a number", 1, 1_000_000),
        help="frames from one feature to the next; default: 1, or the checkpoint's own",
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=FLOAT32,
        help="of the arithmetic; auto: bfloat16 where it is fast; default: float32, as published",
    )  # fmt: skip
    parser.add_argument("--device", help="default: a GPU where there is one")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        device = choose_device(options.device)
        videos = find_videos(options.videos)
        wanted = choice(options, options.every, device)
        if wanted.name in I3D_STREAMS and wanted.rate is None:
            wanted = replace(wanted, rate=common_rate(videos))
        spec, state = wanted.load()
        extractor = Extractor(spec, state, device, options.precision)
        folder = FeatureFolder(options.out, extractor, state)
        broken = extract_all(videos, extractor, folder, console)
    except (StreamError, ValueError, OSError, RuntimeError) as error:
        print_error(error)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on with the video that was not done")
        return 130
    if broken:
        print_error(f"{len(broken)} of {len(videos)} videos could not be read: {', '.join(broken)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
