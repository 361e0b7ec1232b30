"""One safetensors file that runs by itself: model, class names, and the extractor that it was trained on.

Tensors are stored under `model.`, `extractor.` and `familiarity.`; everything else is one JSON object in the
file's metadata. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.extractor import Extractor, networks
from actfusion_stream.extractors.precision import AUTO
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.files import replacing
from actfusion_stream.models.actfusion import (
    ActFusion,
    ActFusionConfig,
    Decoder,
    Encoder,
    reconstruction_head,
)
from actfusion_stream.weights.familiarity import Familiarity, shapes

FORMAT = "actfusion-stream checkpoint 1"
_METADATA_KEY = "actfusion_stream"

# A file may come from anybody. What it says of its weights is held against the weights in it before anything
# is allocated; the rest needs limits: (lowest, highest), whole numbers where the lowest is one.
_LIMITS: dict[str, tuple[float, float]] = {
    "encoder_layers": (1, 16),  # layer i reaches 2^i steps far, and pads by as much
    "decoder_layers": (1, 16),
    "encoder_kernel": (1, 63),
    "decoder_kernel": (1, 63),
    "encoder_dim": (1, 2**16),
    "decoder_dim": (1, 2**16),
    "feature_dim": (1, 2**16),
    "num_classes": (1, 2**16),
    "time_embedding_dim": (4, 2**12),
    "diffusion_steps": (1, 10_000),
    "sampling_steps": (1, 1000),
    "scale": (0.01, 100.0),
    "eta": (0.0, 1.0),
}
_MAX_MEDIAN = 1001
_MAX_TEXT = 500


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to run.

    Attributes:
        class_names: name of each class index.
        model_config: sizes and settings of the ActFusion.
        model_state: its weights.
        extractor_spec: what the features were that it was trained on; None if they came from files, so that
            only files like those can be fed to it.
        extractor_state: weights of that extractor; none if they have to be given beside it.
        median: feature steps of the median filter that each class's probabilities go through before the
            argmax; 1 for none.
        familiarity: what the features of training looked like; None where nobody has kept that.
        doubt: how likely what a person does next is in none of the futures that the model draws; 0 where
            nobody has learned that.
        training: how it was trained and what it scored, for the reader.
    """

    class_names: tuple[str, ...]
    model_config: ActFusionConfig
    model_state: dict[str, Tensor]
    extractor_spec: ExtractorSpec | None
    extractor_state: dict[str, Tensor]
    median: int = 1
    familiarity: Familiarity | None = None
    doubt: float = 0.0
    training: dict[str, Any] = field(default_factory=dict)

    def model(self, device: str | torch.device = "cpu") -> ActFusion:
        """The ActFusion, ready to sample."""
        model = ActFusion(self.model_config)
        model.load_state_dict(self.model_state)
        return model.eval().to(device)

    def extractor(self, device: str | torch.device = "cpu", precision: str = AUTO) -> Extractor:
        """The extractor, checked against its fingerprint.

        Raises:
            ValueError: there is none, or it is another one than the fingerprint says.
        """
        if self.extractor_spec is None or not self.extractor_state:
            what = f"features of {self.extractor_spec.name}" if self.extractor_spec else "features from files"
            raise ValueError(
                f"it was trained on {what} and brings no extractor to watch a video with; --extractor gives "
                "one, and actfusion-evaluate runs it on features from files"
            )
        return Extractor(self.extractor_spec, self.extractor_state, device, precision)

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            StreamError: it cannot be written.
        """
        tensors = {f"model.{name}": tensor.contiguous() for name, tensor in self.model_state.items()}
        tensors |= {f"extractor.{name}": tensor.contiguous() for name, tensor in self.extractor_state.items()}
        familiar = self.familiarity
        kept = {} if familiar is None else familiar.tensors()
        tensors |= {f"familiarity.{name}": tensor.contiguous() for name, tensor in kept.items()}
        about = {
            "format": FORMAT,
            "class_names": self.class_names,
            "model": asdict(self.model_config),
            "extractor": self.extractor_spec and self.extractor_spec.to_json(),
            "median": self.median,
            "familiarity": familiar and {"axes": len(familiar.axes), "threshold": familiar.threshold},
            "doubt": self.doubt,
            "training": self.training,
        }
        # Not by save_file: it makes the file private, and wraps what the system says in words of its own.
        content = safetensors.torch.save(tensors, metadata={_METADATA_KEY: json.dumps(about)})
        try:
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        except (OSError, ValueError) as error:  # ValueError: a path that cannot be one
            why = getattr(error, "strerror", None) or error
            raise StreamError(
                f"checkpoint {path}: cannot be written ({why}); give a file in a folder that takes it"
            ) from error


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
        raise StreamError(
            f"checkpoint {path}: no such file; give a .safetensors file written by actfusion-stream"
        )
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if _METADATA_KEY not in metadata:
                raise StreamError(
                    f"checkpoint {path}: a safetensors file of another kind; it lacks the description that "
                    "actfusion-stream writes into its own"
                )
            about = _parsed(metadata[_METADATA_KEY])
            checkpoint, familiar = _described(about), about.get("familiarity")
            names = list(file.keys())
            found = {name: tuple(file.get_slice(name).get_shape()) for name in names}
            expected = _expected_shapes(checkpoint, found)
            for name, shape in shapes(familiar, checkpoint.model_config.feature_dim).items():
                expected[f"familiarity.{name}"] = shape
            _check_shapes(found, expected)
            tensors = {name: file.get_tensor(name) for name in names}
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise ValueError(f"weight {name} has values that are not finite")
        parts: dict[str, dict[str, Tensor]] = {"model": {}, "extractor": {}, "familiarity": {}}
        for name, tensor in tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = tensor
        familiarity = familiar and Familiarity.of(parts["familiarity"], familiar["threshold"])
    except (SafetensorError, OSError) as error:
        raise StreamError(
            f"checkpoint {path}: not a safetensors file ({_one_line(error)}); "
            "give one written by actfusion-stream"
        ) from error
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        RuntimeError,
    ) as error:  # JSON of any content
        raise StreamError(f"checkpoint {path}: damaged or of another version: {_one_line(error)}") from error
    return replace(
        checkpoint,
        model_state=parts["model"],
        extractor_state=parts["extractor"],
        familiarity=familiarity,
    )


def build(
    checkpoint: Checkpoint,
    path: str | Path | None,
    device: str | torch.device,
    extractor: Extractor | None = None,
    precision: str = AUTO,
) -> tuple[Extractor, ActFusion]:
    """The extractor and the model of a checkpoint.

    Args:
        checkpoint, path: what was loaded, and from where.
        device: where to compute.
        extractor: to take instead of the checkpoint's own.
        precision: of the checkpoint's own, one of `extractors.precision.PRECISIONS`.

    Raises:
        StreamError: its weights do not fit its own description, or the extractor does not fit the model.
    """
    try:
        extractor, model = extractor or checkpoint.extractor(device, precision), checkpoint.model(device)
        if extractor.feature_dim != checkpoint.model_config.feature_dim:
            raise ValueError(
                f"the extractor's features have {extractor.feature_dim} channels, the model reads "
                f"{checkpoint.model_config.feature_dim}"
            )
    except (RuntimeError, ValueError) as error:  # RuntimeError: the device has no room for it
        raise StreamError(f"checkpoint {path or bundled_checkpoint()}: {_one_line(error)}") from error
    return extractor, model


def _parsed(text: str) -> dict[str, Any]:
    """What the metadata says; files of older versions may say more than is read.

    Raises:
        ValueError, or RecursionError: it is not the JSON object of a checkpoint.
    """
    about = json.loads(text)
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else about
        raise ValueError(f"its format is {str(found)[:50]!r}, this version reads {FORMAT!r}")
    return about


def _described(about: dict[str, Any]) -> Checkpoint:
    """A checkpoint that still lacks its weights.

    Raises:
        ValueError, or another exception of what JSON may hold instead of what is expected.
    """
    names, median = about["class_names"], about["median"]
    if (
        not isinstance(names, list)
        or not names
        or len({_printable("class name", n) for n in names}) < len(names)
    ):
        raise ValueError("its class names are not a list of different names")
    if not isinstance(median, int) or not 1 <= median <= _MAX_MEDIAN:
        raise ValueError(f"its median is {median}; it must be a number from 1 to {_MAX_MEDIAN}")
    doubt = about.get("doubt", 0.0)  # files of before do not say
    if not isinstance(doubt, (int, float)) or not 0 <= doubt <= 1:
        raise ValueError(f"its doubt is {str(doubt)[:50]}; it must be a number from 0 to 1")
    if not isinstance(about["training"], dict):
        raise ValueError(f"its training is {str(about['training'])[:50]!r}; it must be a JSON object")
    checkpoint = Checkpoint(
        class_names=tuple(names),
        model_config=ActFusionConfig(**about["model"]),
        model_state={},
        extractor_spec=None if about["extractor"] is None else ExtractorSpec.from_json(about["extractor"]),
        extractor_state={},
        median=median,
        doubt=float(doubt),
        training=about["training"],
    )
    if checkpoint.extractor_spec is not None:
        _printable("extractor name", checkpoint.extractor_spec.name)
        _printable("fingerprint", checkpoint.extractor_spec.fingerprint)
    config = checkpoint.model_config
    for name, (lowest, highest) in _LIMITS.items():
        value = getattr(config, name)
        if (isinstance(lowest, int) and not isinstance(value, int)) or not lowest <= value <= highest:
            raise ValueError(f"its {name} is {value!r}; it must be from {lowest} to {highest}")
    if config.time_embedding_dim % 2:
        raise ValueError(f"its time_embedding_dim is {config.time_embedding_dim}; it must be even")
    if config.sampling_steps > config.diffusion_steps:
        raise ValueError(
            f"it takes {config.sampling_steps} sampling steps of {config.diffusion_steps} diffusion steps"
        )
    if len(names) != config.num_classes:
        raise ValueError(f"it names {len(names)} classes for a model of {config.num_classes}")
    return checkpoint


def _printable(what: str, text: object) -> str:
    """`text` if it is harmless on a terminal, which control characters are not."""
    if not isinstance(text, str) or not text.isprintable() or len(text) > _MAX_TEXT:
        raise ValueError(
            f"its {what} is {str(text)[:50]!r}; it must be text of at most {_MAX_TEXT} characters, in a line"
        )
    return text


def _expected_shapes(checkpoint: Checkpoint, found: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor that the description asks for, without allocating any."""
    config, spec = checkpoint.model_config, checkpoint.extractor_spec
    # In parts: a whole ActFusion would draw its mask token, for which torch imports for a second.
    with torch.device("meta"):
        parts: dict[str, torch.nn.Module] = {
            "model.encoder.": Encoder(config),
            "model.decoder.": Decoder(config),
        }
        if config.reconstruction:
            parts["model.reconstruct."] = reconstruction_head(config)
        prefix = "extractor."
        if spec is not None and any(name.startswith(prefix) for name in found):
            given = {name.removeprefix(prefix): s for name, s in found.items() if name.startswith(prefix)}
            parts |= {prefix + name: network for name, network in networks(spec, given).items()}
    shapes = {
        f"{prefix}{name}": tuple(tensor.shape)
        for prefix, network in parts.items()
        for name, tensor in network.state_dict().items()
    }
    return {"model.mask_token": (1, config.mask_token_dim, 1), **shapes}


def _check_shapes(found: dict[str, tuple[int, ...]], expected: dict[str, tuple[int, ...]]) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if name not in found:
            raise ValueError(f"weight {name} is missing")
        if name not in expected:
            raise ValueError(f"weight {name} does not belong to it")
        if found[name] != expected[name]:
            raise ValueError(
                f"weight {name} has shape {found[name]}, its description asks for {expected[name]}"
            )


def _one_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    line = " ".join(str(error).split())[:300]
    return "".join(character if character.isprintable() else "?" for character in line)
