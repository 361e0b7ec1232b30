"""The settings that ActFusion was trained with on each dataset, and how to override any of them.

Source: ActFusion, Table S5, with the values of the authors' release where the two differ (the paper's are in
the comments). GTEA has no released preset; what the paper leaves open there is DiffAct's.
"""

from __future__ import annotations

import argparse
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from actfusion_stream.arguments import number, whole_number
from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.models.losses import LossConfig
from actfusion_stream.models.masking import MaskConfig

_MOST = 1_000_000_000  # of any number


@dataclass(frozen=True)
class Preset:
    """Everything that decides what a training run gives, apart from the data and the seed.

    The defaults are those of 50 Salads.

    Attributes:
        model: sizes of the network; `feature_dim` and `num_classes` are taken from the data.
        mask: which masks training draws from.
        loss: weights of the losses.
        sample_rate: every so many frames of the features make a feature step.
        stretch: how much training changes the length of each action, as the sigma of a factor's logarithm; 0
            leaves the videos as they are, as in the release. With few videos, 0.3 helps anticipation.
        swap: most of a video's actions that training shows with the features of the same action in another
            video, as a share; how many is drawn anew each time. 0 in the release. It takes away what a model
            could know a video by, and keeps the order of actions.
        noise: standard deviation of the noise that training adds to the features, in their own unit; 0 in the
            release. It keeps few videos from being told apart by what has nothing to do with actions.
        streaming: share of the examples that are what a stream has seen instead of a video under a mask, see
            `streaming`; 0 in the release.
        boundary_sigma: frames, of the Gaussian that softens the boundaries.
        learning_rate, weight_decay: of Adam.
        average: decay per optimizer step of a moving average of the weights, which is then what is scored and
            saved; 0 for the weights themselves, as in the release. With few videos, 0.99 to 0.999 helps.
        epochs: passes over the training videos.
        batch_size: videos per step of the optimizer.
        median: feature steps of the median filter over each class's probabilities; 1 for none.
        merge: segments of at most so many frames are merged into their neighbours; 0 for none.
    """

    model: ActFusionConfig = field(default_factory=ActFusionConfig)
    mask: MaskConfig = field(default_factory=MaskConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    sample_rate: int = 8
    stretch: float = 0.0
    swap: float = 0.0
    noise: float = 0.0
    streaming: float = 0.0
    boundary_sigma: float = 20.0
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    average: float = 0.0
    epochs: int = 7001  # paper: 5000
    batch_size: int = 4
    median: int = 30
    merge: int = 0


PRESETS: dict[str, Preset] = {
    "50salads": Preset(),  # paper: 25 masked patches
    "breakfast": Preset(
        model=ActFusionConfig(
            num_classes=48,
            encoder_layers=12,
            encoder_dim=256,
            channel_dropout=0.1,
            time_dropout=0.1,
            conditioning_layers=(7, 8, 9),  # paper: 5, 7, 9
            decoder_dim=128,
            decoder_kernel=5,
            scale=0.5,
        ),
        mask=MaskConfig(
            kinds=("anticipative", "none", "boundary", "relation", "relation", "random"),
            patches=(10, 10),
            boundary_threshold=0.3,
            relation_classes=1,
        ),
        loss=LossConfig(encoder_smoothing=0.025, decoder_smoothing=0.025, soft_label_sigma=4.0),
        sample_rate=1,
        boundary_sigma=3.0,
        learning_rate=1e-4,
        epochs=1001,  # paper: 1000
        batch_size=16,  # paper: 4
        median=15,
    ),
    "gtea": Preset(
        model=ActFusionConfig(num_classes=11, conditioning_layers=(7, 9), decoder_kernel=5, scale=0.5),
        mask=MaskConfig(patches=(20, 20)),
        loss=LossConfig(soft_label_sigma=1.4),
        sample_rate=1,
        boundary_sigma=1.0,
        weight_decay=1e-6,
        epochs=10000,
        median=1,
        merge=3,
    ),
}


def add_preset_options(parser: argparse.ArgumentParser) -> None:
    """An option for every field of a preset: `--epochs 100`, `--mask.kinds none random`.

    Options that are not given stay out of the parsed arguments; `override` reads those that are.
    """
    groups: dict[str, Any] = {}
    for path, found, kind in _leaves(Preset):
        prefix = path.rpartition(".")[0]
        if prefix not in groups:
            title = f"preset: {prefix}" if prefix else "preset"
            groups[prefix] = parser.add_argument_group(title, "override a value of the preset")
        groups[prefix].add_argument(
            "--" + path.replace("_", "-"), dest=path, default=argparse.SUPPRESS, **_argument(found, kind)
        )


def override(preset: Preset, options: Mapping[str, Any]) -> Preset:
    """The preset with the values of parsed `options` in place of its own.

    Args:
        preset: what to start from.
        options: values by dotted path, as `vars(namespace)` of a parser with `add_preset_options` holds them;
            other names are ignored.

    Raises:
        ValueError: a combination of values makes no network.
    """
    changes: dict[str, dict[str, Any]] = {}
    for path, _, _ in _leaves(Preset):
        if path in options:
            prefix, _, name = path.rpartition(".")
            value = options[path]
            changes.setdefault(prefix, {})[name] = tuple(value) if isinstance(value, list) else value
    parts = {prefix: replace(getattr(preset, prefix), **new) for prefix, new in changes.items() if prefix}
    return replace(preset, **changes.get("", {}), **parts)


def preset_from_json(about: Mapping[str, Any]) -> Preset:
    """A preset from what `dataclasses.asdict` and JSON made of it.

    Raises:
        ValueError: it is not one.
    """
    try:
        nested = {"model": ActFusionConfig, "mask": MaskConfig, "loss": LossConfig}
        parts = {name: kind(**_tuples(about[name])) for name, kind in nested.items()}
        return Preset(**{**_tuples(about), **parts})
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"its preset cannot be read: {error}") from error


def _tuples(about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in about.items()}


def _leaves(kind: Any, prefix: str = "") -> Iterator[tuple[str, Field[Any], Any]]:
    """Dotted path, field and type of everything in a dataclass that is not itself a dataclass."""
    hints = get_type_hints(kind)
    for found in fields(kind):
        if is_dataclass(hints[found.name]):
            yield from _leaves(hints[found.name], f"{prefix}{found.name}.")
        else:
            yield prefix + found.name, found, hints[found.name]


def _argument(found: Field[Any], kind: Any) -> dict[str, Any]:
    """How argparse reads a field of that type."""
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        count = "+" if get_args(kind)[-1] is Ellipsis else len(get_args(kind))
        return {**_argument(found, item), "nargs": count}
    if get_origin(kind) in (Union, types.UnionType):  # X | None
        inner = next(option for option in get_args(kind) if option is not types.NoneType)
        parse = _number(found, inner)
        return {"type": lambda text: None if text == "none" else parse(text), "metavar": "N|none"}
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    return {"type": _number(found, kind) if kind in (int, float) else kind, "metavar": "N"}


def _number(found: Field[Any], kind: type) -> Callable[[str], float]:
    """No size, weight or share is negative; among layers, -1 and -2 are the input and the prediction."""
    if found.name == "streaming":
        return number("a share", 0, 1)
    least = -2 if found.name == "conditioning_layers" else 0
    return whole_number("a whole number", least, _MOST) if kind is int else number("a number", least, _MOST)
