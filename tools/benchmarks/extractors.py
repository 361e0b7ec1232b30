"""What features cost: exact windows and the continual I3D against a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from actfusion_stream.extractors.continual import ContinualI3D
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.pictures import scale_pixels
from actfusion_stream.extractors.precision import has_bfloat16
from actfusion_stream.extractors.spec import ExtractorSpec

from .rows import Row, Setting, in_turns

_EVERY = (8, 1)  # frames from one feature to the next: of published models that run, and of published files
# How many times as fast as the plain loop they have to be.
_TARGETS = {"exact float32": 2.0, "exact bfloat16": 3.5, "continual bfloat16": 8.0}
_WARM, _COUNTED = 128, 64  # frames that a continual network has seen before it is counted


def extractor_rows(setting: Setting) -> Iterator[Row]:
    """Exact windows and the continual I3D on one random video, a feature every 8 frames.

    In float32, and in bfloat16 where the device multiplies in it.
    """
    width, size, features = (0.1, 32, 3) if setting.small else (1.0, 224, 8)
    device = setting.device
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig(width)).eval()
    for module in network.modules():  # random features would fade towards zero from layer to layer
        if isinstance(module, torch.nn.BatchNorm3d) and module.running_var is not None:
            module.running_var.fill_(0.02)
    spec = ExtractorSpec("random", width, 21, 30.0, 8, size, (size, size))
    state = network.state_dict()
    precisions = ["float32", "bfloat16"] if device.type != "cpu" or has_bfloat16() else ["float32"]
    extractors = {
        (windows, precision): Extractor(replace(spec, windows=windows), state, device, precision)
        for windows in ("exact", "continual")
        for precision in precisions
    }
    plain = network.to(device)
    rng = np.random.default_rng(0)
    base = cv2.resize(rng.integers(0, 256, (size // 8, size, 3), np.uint8), (2 * size, size))
    frames = 8 * (features - 1) + 1
    video = np.stack([np.roll(base, 3 * t, axis=1)[:, :size] for t in range(frames)])  # (T, h, w, 3)
    index = 8 * np.arange(features)[:, None] + np.arange(-10, 11)
    windows = index.clip(0, frames - 1)  # (N, 21)

    def one_by_one() -> np.ndarray:
        found = []
        with torch.inference_mode():
            for window in windows:
                pixels = scale_pixels(torch.from_numpy(video[window][None]).to(device)).contiguous()
                found.append(plain.features(pixels).cpu().numpy())
        return np.concatenate(found)

    def streamed(extractor: Extractor) -> np.ndarray:
        stream = FeatureStream(extractor)
        return (
            torch.cat([*(stream.push(picture).values for picture in video), stream.finish().values])
            .cpu()
            .numpy()
        )

    ways: dict[str, Callable[[], np.ndarray]] = {"plain loop": one_by_one}
    ways |= {
        f"{windows} {precision}": partial(streamed, extractor)
        for (windows, precision), extractor in extractors.items()
    }
    found = {name: way() for name, way in ways.items()}
    took = in_turns(ways, setting)
    counted = multiply_adds(width, size)
    settings = {"exact": "exact windows", "continual": "continual, every 8 frames"}
    adds = {"exact": counted["exact window"], "continual": counted["continual, every 8 frames"]}
    for kind, precision in extractors:
        name = f"{kind} {precision}"
        # A continual feature is another one, so it is held against itself in float32.
        against = found["plain loop" if kind == "exact" else "continual float32"]
        off = np.linalg.norm(found[name] - against, axis=1) / np.linalg.norm(against, axis=1)
        yield Row(
            f"I3D RGB at {size} x {size}, {features} features, {settings[kind]}, {precision}",
            "a loop over windows",
            took["plain loop"],
            took[name],
            _TARGETS.get(name),
            note=f"relative error {off.max():.0e}; {adds[kind]:.3g} G multiply-adds each",
        )


def multiply_adds(width: float, size: int) -> dict[str, float]:
    """Multiply-adds for a feature in thousands of millions, counted on shapes alone."""
    with torch.device("meta"):
        network = InceptionI3D(I3DConfig(width)).eval()

        def frames(count: int) -> torch.Tensor:
            return torch.empty(1, 3, count, size, size)

        with FlopCounterMode(display=False) as counter:
            network.mixed_5c(frames(21))
        counted = {"exact window": counter.get_total_flops() / 2e9}
        for every in _EVERY:
            continual = ContinualI3D(network, every)
            continual.push(frames(_WARM))
            with FlopCounterMode(display=False) as counter:
                made = len(continual.push(frames(_COUNTED)))
            counted[f"continual, every {every} frames"] = counter.get_total_flops() / 2e9 / made
    return counted
