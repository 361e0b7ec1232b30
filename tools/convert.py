"""Turn a released ActFusion checkpoint into one of ours.

actfusion-convert split1.model --preset 50salads --labels mapping.txt -o 50salads.safetensors
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError, print_error

from .data.dataset import read_mapping
from .training.presets import PRESETS, add_preset_options, override
from .training.released import convert


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("released", type=Path, help="an official state dict")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--labels", type=Path, required=True, help="mapping.txt of the dataset")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    add_preset_options(parser)
    options = parser.parse_args(arguments)
    try:
        preset = override(PRESETS[options.preset], vars(options))
        checkpoint = convert(options.released, preset, read_mapping(options.labels))
        if not options.output.parent.is_dir():
            raise StreamError(f"output {options.output}: there is no folder {options.output.parent}")
        checkpoint.save(options.output)
    except (StreamError, ValueError, OSError) as error:
        print_error(error)
        return 1
    config = checkpoint.model_config
    count = sum(weight.numel() for weight in checkpoint.model_state.values())
    print(
        f"{options.output}: {config.num_classes} classes, {config.feature_dim} channels, "
        f"{count / 1e6:.2f} million weights"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
