"""One safetensors file that runs by itself: the model, the names of its classes, and the extractor it was trained on.

Tensors are stored under `model.` and `extractor.`; everything else is one JSON object in the file's metadata.
Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from actfusion_stream.errors import StreamError
from extractors.extractor import Extractor, ExtractorSpec
from models.actfusion import ActFusion, ActFusionConfig

FORMAT = "actfusion-stream checkpoint 1"


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to run.

    Attributes:
        class_names: name of each class index.
        model_config: sizes and settings of the ActFusion.
        model_state: its weights.
        extractor_spec: what the features were that it was trained on.
        extractor_state: weights of that extractor.
        median: odd number of feature steps of the median filter that each class's probabilities go through
            before the argmax; 1 for none.
        note: a warning to show beside everything the model says, "" if none is needed.
        home: comment tag of the videos for which `note` is not needed, "" if there are none.
        training: how it was trained and what it scored, for the reader.
    """

    class_names: tuple[str, ...]
    model_config: ActFusionConfig
    model_state: dict[str, Tensor]
    extractor_spec: ExtractorSpec
    extractor_state: dict[str, Tensor]
    median: int = 1
    note: str = ""
    home: str = ""
    training: dict[str, Any] = field(default_factory=dict)

    def model(self, device: str | torch.device = "cpu") -> ActFusion:
        """The ActFusion, ready to sample."""
        model = ActFusion(self.model_config)
        model.load_state_dict(self.model_state)
        return model.eval().to(device)

    def extractor(self, device: str | torch.device = "cpu") -> Extractor:
        """The extractor, checked against its fingerprint."""
        return Extractor(self.extractor_spec, self.extractor_state, device)

    def save(self, path: Path) -> None:
        """Write the file under a temporary name and rename it."""
        tensors = {f"model.{name}": tensor.contiguous() for name, tensor in self.model_state.items()}
        tensors |= {f"extractor.{name}": tensor.contiguous() for name, tensor in self.extractor_state.items()}
        about = {
            "format": FORMAT,
            "class_names": self.class_names,
            "model": asdict(self.model_config),
            "extractor": self.extractor_spec.to_json(),
            "median": self.median,
            "note": self.note,
            "home": self.home,
            "training": self.training,
        }
        partial = path.with_name(path.name + ".part")
        save_file(tensors, str(partial), metadata={"actfusion_stream": json.dumps(about)})
        partial.replace(path)


def bundled_checkpoint() -> Path:
    """The checkpoint that comes with the package: it knows only the kitchen of `actfusion-kitchen`."""
    return Path(str(resources.files("actfusion_stream"))) / "assets" / "kitchen.safetensors"


def load_checkpoint(path: str | Path | None = None) -> Checkpoint:
    """Read a checkpoint; without a path, the bundled one.

    Raises:
        StreamError: there is no such file, or it is not a checkpoint of this program.
    """
    path = bundled_checkpoint() if path is None else Path(path)
    if not path.is_file():
        raise StreamError(f"checkpoint {path}: no such file; give a .safetensors file written by actfusion-stream")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if "actfusion_stream" not in metadata:
                raise StreamError(
                    f"checkpoint {path}: a safetensors file of another kind; it lacks the description that "
                    "actfusion-stream writes into its own"
                )
            about = json.loads(metadata["actfusion_stream"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    except (SafetensorError, OSError) as error:
        raise StreamError(
            f"checkpoint {path}: not a safetensors file ({error}); give one written by actfusion-stream"
        ) from error
    try:
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, this version reads {FORMAT!r}")
        checkpoint = Checkpoint(
            class_names=tuple(str(name) for name in about["class_names"]),
            model_config=ActFusionConfig(**about["model"]),
            model_state={k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")},
            extractor_spec=ExtractorSpec.from_json(about["extractor"]),
            extractor_state={
                k.removeprefix("extractor."): v for k, v in tensors.items() if k.startswith("extractor.")
            },
            median=int(about["median"]),
            note=str(about["note"]),
            home=str(about["home"]),
            training=dict(about["training"]),
        )
        if len(checkpoint.class_names) != checkpoint.model_config.num_classes:
            raise ValueError(
                f"it names {len(checkpoint.class_names)} classes for a model of "
                f"{checkpoint.model_config.num_classes}"
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StreamError(f"checkpoint {path}: damaged or of another version: {error}") from error
    return checkpoint


def build(checkpoint: Checkpoint, path: str | Path | None, device: str | torch.device) -> tuple[Extractor, ActFusion]:
    """The extractor and the model of a checkpoint.

    Raises:
        StreamError: its weights do not fit its own description.
    """
    try:
        extractor, model = checkpoint.extractor(device), checkpoint.model(device)
        if extractor.feature_dim != checkpoint.model_config.feature_dim:
            raise ValueError(
                f"the extractor's features have {extractor.feature_dim} channels, the model reads "
                f"{checkpoint.model_config.feature_dim}"
            )
    except (RuntimeError, KeyError, ValueError) as error:  # RuntimeError: torch, of missing or misshaped weights
        reason = " ".join(str(error).split())
        raise StreamError(f"checkpoint {path or bundled_checkpoint()}: {reason[:300]}") from error
    return extractor, model
