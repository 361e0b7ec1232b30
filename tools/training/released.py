"""A checkpoint that the authors released, as one of ours: with everything that is needed to run it."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.catalogue import named_spec
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.models.released import convert_state_dict
from actfusion_stream.weights.checkpoint import Checkpoint

from .presets import Preset


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
