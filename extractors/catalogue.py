"""The extractors that have names: `i3d`, `i3d-rgb`, `i3d-flow`, and pytorchvideo's backbones as `hub:…`."""

from __future__ import annotations

from torch import Tensor

from .hub import HUB_MODELS, RATE, hub_model
from .spec import FLOW, HUB, RGB, ExtractorSpec

I3D_STREAMS = {"i3d": (RGB, FLOW), "i3d-rgb": (RGB,), "i3d-flow": (FLOW,)}
NAMES = (*I3D_STREAMS, *(HUB + name for name in HUB_MODELS))


def named_spec(
    name: str,
    *,
    rate: float | None = None,
    stride: int = 1,
    flow: str = "dis",
    flow_side: int = 0,
    windows: str = "exact",
    padding: str = "repeat",
) -> ExtractorSpec:
    """The settings of an extractor by name.

    Args:
        name: one of `NAMES`.
        rate: frames a second. The published I3D features take each video's own, so it has to be given there;
            a hub backbone takes the rate it was trained at.
        stride: frames from one feature to the next.
        flow: method, where the extractor has a flow stream; the published features took "tvl1".
        flow_side, windows, padding: see `ExtractorSpec`.

    Returns:
        The published recipe: 21 frames, shorter side 256, centre 224 x 224; or a backbone's own.

    Raises:
        ValueError: there is no such extractor, or a setting makes no sense for it.
    """
    if name.startswith(HUB):
        model = hub_model(name.removeprefix(HUB))
        return ExtractorSpec(
            name,
            width=1.0,
            window=model.frames,
            rate=rate or RATE,
            stride=stride,
            short_side=model.short_side,
            crop=(model.crop, model.crop),
            padding=padding,
            windows=windows,
            frame_stride=model.frame_stride,
        )
    if name not in I3D_STREAMS:
        raise ValueError(f"extractor {name}: no such one; there are {', '.join(NAMES)}")
    if rate is None:
        raise ValueError(f"extractor {name}: give the frames a second at which it shall watch")
    streams = I3D_STREAMS[name]
    return ExtractorSpec(
        name,
        width=1.0,
        window=21,
        rate=rate,
        stride=stride,
        short_side=256,
        crop=(224, 224),
        streams=streams,
        flow=flow if FLOW in streams else "",
        flow_side=flow_side if FLOW in streams else 0,
        windows=windows,
        padding=padding,
    )


def weight_names(spec: ExtractorSpec) -> list[str]:
    """The weight files of an extractor by name, one for each of its networks, in order."""
    if spec.is_hub:
        return [spec.name]
    names = [f"i3d-{stream}" for stream in spec.streams]
    return [*names, spec.flow] if spec.flow.startswith("raft") else names


def join_weights(spec: ExtractorSpec, states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One state dict of the files that `weight_names` names, as `Extractor` reads it.

    Raises:
        ValueError: there are more or fewer of them.
    """
    names = weight_names(spec)
    if len(states) != len(names):
        raise ValueError(
            f"extractor {spec.name} needs {len(names)} weight files ({', '.join(names)}), not {len(states)}"
        )
    if len(states) == 1:
        return states[0]
    prefixes = [*spec.streams, "raft"]
    return {
        f"{prefix}.{name}": weight
        for prefix, state in zip(prefixes, states, strict=False)
        for name, weight in state.items()
    }
