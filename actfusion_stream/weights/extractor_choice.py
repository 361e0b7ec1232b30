"""Opens an extractor as asked for: by name with weights of files or the cache, or a checkpoint's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.catalogue import I3D_STREAMS, join_weights, named_spec, weight_names
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.precision import AUTO
from actfusion_stream.extractors.spec import ExtractorSpec, differences
from actfusion_stream.weights.cache import find, load_torch
from actfusion_stream.weights.checkpoint import load_checkpoint

KITCHEN = "kitchen"  # the extractor of the bundled checkpoint


@dataclass(frozen=True)
class ExtractorChoice:
    """What a user asks for; what is None is taken from the extractor.

    Attributes:
        name: of `extractors.catalogue.NAMES`, "kitchen", or the path of a checkpoint that brings its own.
        weights: files, in the order of the extractor's networks; none to look into the cache.
        rate: frames a second.
        stride: frames from one feature to the next.
        flow, windows, padding, flow_side: see `ExtractorSpec`.
    """

    name: str
    weights: tuple[Path, ...] = ()
    rate: float | None = None
    stride: int | None = None
    flow: str | None = None
    windows: str | None = None
    padding: str | None = None
    flow_side: int | None = None

    @property
    def _is_checkpoint(self) -> bool:
        return self.name == KITCHEN or self.name.endswith(".safetensors")

    def load(self) -> tuple[ExtractorSpec, dict[str, Tensor]]:
        """Settings and weights.

        Raises:
            StreamError: there is no such extractor, its weights are not here, or a setting makes no sense.
        """
        settings = ("rate", "stride", "flow", "windows", "padding", "flow_side")
        given = {name: getattr(self, name) for name in settings if getattr(self, name) is not None}
        try:
            if not self._is_checkpoint:
                spec = named_spec(self.name, **given)
                files = self.weights or tuple(find(name) for name in weight_names(spec))
                return spec, join_weights(spec, [load_torch(file) for file in files])
            if self.weights:
                raise StreamError(f"extractor {self.name}: brings its own weights; leave out --weights")
            checkpoint = load_checkpoint(None if self.name == KITCHEN else self.name)
            if checkpoint.extractor_spec is None or not checkpoint.extractor_state:
                raise StreamError(f"extractor {self.name}: this checkpoint brings no extractor")
            return replace(checkpoint.extractor_spec, **given), checkpoint.extractor_state
        except ValueError as error:
            raise StreamError(str(error)) from error


def check_same(
    expected: ExtractorSpec, found: ExtractorSpec, sides: Sequence[str], force: bool
) -> str | None:
    """Make sure that a model gets the features that it was trained on.

    Args:
        expected, found: of the model, and of what it is to be given.
        sides: how to call the two, e.g. ("checkpoint a.safetensors", "features b/ are of").
        force: go on nevertheless.

    Returns:
        A warning, if `force` was needed; None if the two are alike.

    Raises:
        StreamError: they differ.
    """
    unlike = differences(expected, found)
    if expected.stride != found.stride:
        unlike.append(f"stride {expected.stride} and {found.stride}")
    if not unlike:
        return None
    said = (
        f"{sides[0]} was trained on features of {expected.name}, {sides[1]} {found.name}; "
        f"they differ in {', '.join(unlike)}"
    )
    if not force:
        raise StreamError(f"{said}; --force-extractor runs it nevertheless")
    return f"{said}; what the model says may mean nothing"


def open_extractor(
    choice: ExtractorChoice,
    trained_on: ExtractorSpec | None,
    model: str,
    device: str | torch.device,
    force: bool,
    precision: str = AUTO,
) -> tuple[Extractor, str | None]:
    """The extractor of a choice, held against what a model was trained on.

    Args:
        choice: what it leaves open is as the model was trained.
        trained_on: None where nobody knows.
        model: how to call it in messages.
        device: where to compute.
        force: go on if they differ.
        precision: to compute in, one of `PRECISIONS`.

    Returns:
        The extractor, and a warning if it is another one.

    Raises:
        StreamError: it cannot be had, or is another one.
    """
    if trained_on is not None:
        flow = trained_on.flow if choice.name in I3D_STREAMS else ""
        choice = replace(
            choice,
            rate=choice.rate or trained_on.rate,
            stride=choice.stride or trained_on.stride,
            windows=choice.windows or trained_on.windows,
            padding=choice.padding or trained_on.padding,
            flow=choice.flow or flow or None,
            flow_side=trained_on.flow_side or None if choice.flow_side is None else choice.flow_side,
        )
    spec, state = choice.load()
    try:
        extractor = Extractor(spec, state, device, precision)
    except (ValueError, RuntimeError) as error:
        raise StreamError(f"extractor {choice.name}: {error}") from error
    if trained_on is None:
        return extractor, None
    sides = (model, f"--extractor {choice.name} gives those of")
    return extractor, check_same(trained_on, extractor.spec, sides, force)
