"""Turn a released ActFusion checkpoint into one of ours.

python -m tools.convert split1.model --preset 50salads --labels mapping.txt -o 50salads.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from rich.console import Console

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.models.released import convert_state_dict
from actfusion_stream.weights.checkpoint import Checkpoint

from .data.dataset import read_mapping
from .training.presets import PRESETS, Preset, add_preset_options, override


def convert(path: Path, preset: Preset, class_names: tuple[str, ...]) -> Checkpoint:
    """Read a released state dict, alone or as {"model": state dict}, without running anything in it.

    Args:
        path: file that torch.save wrote.
        preset: what it was trained with; the number of classes is taken from `class_names`.
        class_names: name of each class index.

    Raises:
        StreamError: the file cannot be read, or holds something else; what does not fit is named.
    """
    try:
        released = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise StreamError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise StreamError(
            f"{path}: not a file of nothing but weights, as torch.save writes a state dict: {reason}"
        ) from error
    if not isinstance(released, Mapping):
        raise StreamError(f"{path}: holds a {type(released).__name__}; a state dict was expected")
    preset = replace(preset, model=replace(preset.model, num_classes=len(class_names)))
    try:
        state = convert_state_dict(released, preset.model)
    except ValueError as error:
        raise StreamError(f"{path}: {error}") from error
    broken = [name for name, weight in state.items() if not weight.isfinite().all()]
    if broken:
        raise StreamError(f"{path}: weight {broken[0]} has values that are not finite")
    return Checkpoint(
        class_names=class_names,
        model_config=preset.model,
        model_state={name: weight.float() for name, weight in state.items()},
        extractor_spec=published_features(preset),
        extractor_state={},
        median=max(1, preset.median),
        training={
            "preset": asdict(preset),
            "source": "released",
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        },
    )


def published_features(preset: Preset) -> ExtractorSpec:
    """What released checkpoints were trained on: two-stream I3D at the dataset's own rate.

    The weights of its networks are not in the checkpoint, so the fingerprint is unknown. 50 Salads has 30
    frames a second, of which the release takes every eighth; Breakfast and GTEA have 15, and it takes all.
    """
    rate = 30.0 if preset.sample_rate >= 8 else 15.0
    return named_spec("i3d", rate=rate, stride=preset.sample_rate, flow="tvl1")


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.convert",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("released", type=Path, help="an official state dict")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--labels", type=Path, required=True, help="mapping.txt of the dataset")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    add_preset_options(parser)
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        preset = override(PRESETS[options.preset], vars(options))
        checkpoint = convert(options.released, preset, read_mapping(options.labels))
        if not options.output.parent.is_dir():
            raise StreamError(f"output {options.output}: there is no folder {options.output.parent}")
        checkpoint.save(options.output)
    except (StreamError, ValueError, OSError) as error:
        console.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
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
