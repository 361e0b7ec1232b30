"""A folder of features as extraction leaves it: arrays, what they are, and the weights that made them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.spec import ExtractorSpec, differences
from actfusion_stream.files import replacing

from .dataset import EXTRACTOR_JSON, EXTRACTOR_WEIGHTS


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video.

    Attributes:
        features: (C, T) float32.
        clock: when they are.
    """

    features: NDArray[np.float32]
    clock: FeatureClock


class FeatureFolder:
    """A folder of features, all of one extractor.

    Args:
        folder: created if it is not there.
        extractor: what writes into it.
        state: its weights.

    Raises:
        StreamError: it holds the features of another one.
    """

    def __init__(self, folder: Path, extractor: Extractor, state: dict[str, torch.Tensor]) -> None:
        self._folder = folder
        self._about: dict[str, Any] = {
            "extractor": extractor.spec.to_json(),
            "feature_dim": extractor.feature_dim,
            "videos": {},
        }
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / EXTRACTOR_JSON
        if known.exists():
            try:
                about = json.loads(known.read_text())
                spec = ExtractorSpec.from_json(about["extractor"])
                self._about["videos"] = dict(about["videos"])
            except (OSError, ValueError, TypeError, LookupError) as error:
                raise StreamError(f"{known}: damaged; remove it to extract anew") from error
            unlike = differences(spec, extractor.spec)
            if spec.stride != extractor.spec.stride:
                unlike.append(f"every {spec.stride} and {extractor.spec.stride}")
            if unlike:
                raise StreamError(
                    f"out {folder}: holds other features, of {spec.name}; they differ in "
                    f"{', '.join(unlike)}; give another folder"
                )
        weights = folder / EXTRACTOR_WEIGHTS
        if not weights.exists():
            with replacing(weights) as partial:
                save_file({name: weight.contiguous() for name, weight in state.items()}, str(partial))
                partial.chmod(0o644)  # safetensors makes it private

    def has(self, name: str) -> bool:
        """Whether the features of a video are here."""
        return name in self._about["videos"] and (self._folder / f"{name}.npy").is_file()

    def add(self, name: str, file: Path, found: VideoFeatures) -> None:
        """Keep features, each file whole or not at all."""
        with replacing(self._folder / f"{name}.npy") as partial, partial.open("wb") as target:
            np.save(target, found.features)
        self._about["videos"][name] = {
            "file": file.name,
            "rate": 1 / found.clock.period,
            "start": round(found.clock.start, 6),
            "count": found.features.shape[1],
        }
        with replacing(self._folder / EXTRACTOR_JSON) as partial:
            partial.write_text(json.dumps(self._about, indent=1) + "\n")
