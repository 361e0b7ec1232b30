"""Does a device compute what the CPU computes? The first thing to run on a machine with a new one.

    python -m tools.check_device cuda

Features, optical flow, a tick's probabilities and a training step's gradients, each from the same weights,
inputs and noise on both: the largest differences as a table. The exit status is 1 where one is larger than
what float32 in another order, or bfloat16 where the device computes in it, explains.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.flow import open_flow
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.losses import LossConfig, training_losses
from actfusion_stream.shown import printable

_FRAMES, _SIZE = 21, 224  # of an I3D's window
_STEPS, _VISIBLE = 400, 300  # of the features of a tick, and how many of them are the past

_SMALL: dict[str, Any] = {
    "feature_dim": 8,
    "num_classes": 5,
    "encoder_layers": 2,
    "encoder_dim": 8,
    "conditioning_layers": (1,),
    "decoder_layers": 2,
    "decoder_dim": 8,
    "sampling_steps": 4,
}


@dataclass(frozen=True)
class Part:
    """Something that is computed on both.

    Attributes:
        name: what, and in which unit it differs.
        allowed: the largest difference that is no fault.
        compute: from a device to values on the CPU.
        apart: how far two such values lie apart.
    """

    name: str
    allowed: float
    compute: Callable[[torch.device], Tensor]
    apart: Callable[[Tensor, Tensor], float]


def parts(small: bool) -> Iterator[Part]:
    """What is compared.

    Args:
        small: networks of a tenth of the width, on smaller inputs.
    """
    width, size = (0.1, 32) if small else (1.0, _SIZE)
    pictures = _pictures(_FRAMES, size)
    for precision, allowed in [("float32", 2e-3), ("auto", 2e-2)]:
        yield Part(
            f"I3D's features in {precision}, relative",
            allowed,
            lambda device, precision=precision: _features(width, pictures, device, precision),  # type: ignore[misc]
            lambda one, other: float((one - other).norm() / one.norm()),
        )
    pairs = _pictures(4, 48 if small else 256)
    yield Part(
        "TV-L1 flow, pixels on average",
        0.05,
        lambda device: torch.from_numpy(open_flow("tvl1", device)(pairs[:-1], pairs[1:])),
        lambda one, other: float((one - other).norm(dim=1).mean()),
    )
    config = ActFusionConfig(**_SMALL) if small else ActFusionConfig()
    yield Part(
        f"a tick's probabilities, {_STEPS} steps",
        1e-2,
        lambda device: _tick(config, device),
        lambda one, other: float((one - other).abs().max()),
    )
    yield Part(
        "a training step's gradients, relative",
        5e-3,
        lambda device: _gradients(config, device),
        lambda one, other: float((one - other).norm() / one.norm()),
    )


def _pictures(count: int, size: int) -> np.ndarray:
    """A texture that moves to the left by 1.5 pixels a picture: (count, size, size, 3) uint8."""
    noise = np.random.default_rng(0).uniform(0, 255, (size, size + 2 * count, 3)).astype(np.float32)
    texture = cv2.GaussianBlur(noise, (0, 0), 2.5)
    texture = ((texture - texture.min()) / np.ptp(texture) * 255).astype(np.uint8)
    shifts = [np.array([[1, 0, -1.5 * i], [0, 1, 0]], np.float32) for i in range(count)]
    return np.stack([cv2.warpAffine(texture, shift, (size, size)) for shift in shifts])


def _features(width: float, pictures: np.ndarray, device: torch.device, precision: str) -> Tensor:
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig(width)).eval()
    for module in network.modules():  # random features would fade towards zero from layer to layer
        if isinstance(module, torch.nn.BatchNorm3d) and module.running_var is not None:
            module.running_var.fill_(0.02)
    size = pictures.shape[1]
    spec = ExtractorSpec("random", width, _FRAMES, 30.0, 8, size, (size, size))
    return Extractor(spec, network.state_dict(), device, precision)(pictures[None]).cpu()


def _inputs(config: ActFusionConfig) -> tuple[ActFusion, Tensor, Tensor]:
    """A network in eval mode, features (1, C, T) and what of them is visible (1, T)."""
    torch.manual_seed(0)
    return (
        ActFusion(config).eval(),
        torch.randn(1, config.feature_dim, _STEPS),
        torch.arange(_STEPS)[None] < _VISIBLE,
    )


def _tick(config: ActFusionConfig, device: torch.device) -> Tensor:
    model, features, visible = _inputs(config)
    noise = torch.randn(config.sampling_steps + 1, 1, config.num_classes, _STEPS)
    with torch.inference_mode():
        found = model.to(device).sample(features.to(device), visible.to(device), noise.to(device))
    return found.cpu()


def _gradients(config: ActFusionConfig, device: torch.device) -> Tensor:
    """Of every weight, one after the other; without dropout, whose draws a device makes in its own way."""
    model, features, visible = _inputs(config)
    labels = torch.arange(_STEPS)[None] * config.num_classes // _STEPS
    noise = torch.randn(1, config.num_classes, _STEPS)
    losses = training_losses(
        model.to(device),
        features.to(device),
        labels.to(device),
        torch.zeros(1, _STEPS, device=device),
        visible.to(device),
        torch.tensor([config.diffusion_steps // 2]),
        noise.to(device),
        LossConfig(),
    )
    losses["total"].backward()
    return torch.cat([p.grad.flatten().cpu() for p in model.parameters() if p.grad is not None])


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("device", help="as torch calls it: cuda, cuda:1, mps; cpu is held against itself")
    parser.add_argument("--small", action="store_true", help="small networks: seconds, even on a CPU")
    options = parser.parse_args(arguments)
    try:
        device = torch.device(options.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        parser.error(f"device {options.device!r}: {str(error).splitlines()[0]}")
    print(f"| the CPU against {device} | largest difference | allowed | |\n| --- | --- | --- | --- |")
    wrong = 0
    for part in parts(options.small):
        try:
            found = part.apart(part.compute(torch.device("cpu")), part.compute(device))
        except (RuntimeError, NotImplementedError) as error:  # as where an operator is missing
            said, good = printable(str(error).splitlines()[0]), False
        else:
            said, good = f"{found:.1e}", found <= part.allowed  # not so where it is not a number
        wrong += not good
        print(f"| {part.name} | {said} | {part.allowed:g} | {'' if good else 'wrong'} |", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
