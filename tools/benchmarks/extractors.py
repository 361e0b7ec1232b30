"""What features cost: exact windows and the continual I3D against a plain loop."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from actfusion_stream.extractors.continual import ContinualI3D
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.extractors.pictures import scale_pixels
from actfusion_stream.extractors.spec import ExtractorSpec

_EVERY = (8, 1)  # frames from one feature to the next: of published models that run, and of published files
_WARM, _COUNTED = 128, 64  # frames that a continual network has seen before it is counted


def benchmark_extractors(
    width: float, size: int, features: int, rounds: int, device: torch.device
) -> list[str]:
    """Compare three ways to the features of one random video, a feature every 8 frames.

    Args:
        width: of the I3D.
        size: pixels of its square pictures.
        features: how many.
        rounds: the fastest counts; the ways take turns, so that other work of the machine slows down all.
        device: where to compute.

    Returns:
        Lines to print.
    """
    torch.manual_seed(0)
    network = InceptionI3D(I3DConfig(width)).eval()
    for module in network.modules():  # random features would fade towards zero from layer to layer
        if isinstance(module, torch.nn.BatchNorm3d) and module.running_var is not None:
            module.running_var.fill_(0.02)
    spec = ExtractorSpec("random", width, 21, 30.0, 8, size, (size, size))
    state = network.state_dict()
    exact = Extractor(spec, state, device)
    continual = Extractor(ExtractorSpec(**{**vars(spec), "windows": "continual"}), state, device)
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

    ways: dict[str, Callable[[], np.ndarray]] = {
        "plain loop": one_by_one,
        "exact windows": lambda: streamed(exact),
        "continual": lambda: streamed(continual),
    }
    seconds = dict.fromkeys(ways, float("inf"))
    results: dict[str, np.ndarray] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.perf_counter()
            results[name] = way()  # ends with a copy to the CPU, so nothing is left running
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    expected = results["plain loop"]
    difference = np.abs(results["exact windows"] - expected).max() / np.abs(expected).max()
    lines = [
        f"I3D of width {width:g} at {size} x {size}, a feature every 8 frames, {features} features, "
        f"{device}, {torch.get_num_threads()} threads:"
    ]
    for name in ways:
        ratio = seconds["plain loop"] / seconds[name]
        lines.append(f"  {name}: {features / seconds[name]:.2f} features/s, {ratio:.2f} times the plain loop")
    lines.append(
        f"  largest difference of exact windows from the plain loop: {difference:.1e} of the largest"
    )
    return lines + multiply_adds(width, size)


def multiply_adds(width: float, size: int) -> list[str]:
    """Multiply-adds for a feature, counted on shapes alone."""
    with torch.device("meta"):
        network = InceptionI3D(I3DConfig(width)).eval()

        def frames(count: int) -> torch.Tensor:
            return torch.empty(1, 3, count, size, size)

        with FlopCounterMode(display=False) as counter:
            network.mixed_5c(frames(21))
        window = counter.get_total_flops() / 2
        lines = [f"  multiply-adds: {window / 1e9:.2f} G for an exact window"]
        for every in _EVERY:
            continual = ContinualI3D(network, every)
            continual.push(frames(_WARM))
            with FlopCounterMode(display=False) as counter:
                made = len(continual.push(frames(_COUNTED)))
            each = counter.get_total_flops() / 2 / made
            lines.append(
                f"  continual, a feature every {every} frames: {each / 1e9:.2f} G, "
                f"{window / each:.2f} times fewer"
            )
    return lines
