"""Inception-I3D once more, from its description: NumPy in double precision, one clip, position by position.

By the names of the published weights; see `plain_actfusion`, which does the same for ActFusion.

Shapes: C channels, T frames, H x W pixels.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Triple = tuple[int, int, int]

NORM = ("running_mean", "running_var", "weight", "bias")

STEM = (
    ("Conv3d_1a_7x7", "convolution", (2, 2, 2)),
    ("MaxPool3d_2a_3x3", "pool", (1, 3, 3), (1, 2, 2)),
    ("Conv3d_2b_1x1", "convolution", (1, 1, 1)),
    ("Conv3d_2c_3x3", "convolution", (1, 1, 1)),
    ("MaxPool3d_3a_3x3", "pool", (1, 3, 3), (1, 2, 2)),
    ("Mixed_3b", "inception"),
    ("Mixed_3c", "inception"),
    ("MaxPool3d_4a_3x3", "pool", (3, 3, 3), (2, 2, 2)),
    *((f"Mixed_4{letter}", "inception") for letter in "bcdef"),
    ("MaxPool3d_5a_2x2", "pool", (2, 2, 2), (2, 2, 2)),
    ("Mixed_5b", "inception"),
    ("Mixed_5c", "inception"),
)


def windows(x: Array, kernel: Triple, stride: Triple, compute: Callable[[Array], Array]) -> Array:
    """What `compute` makes of each window (C, kT, kH, kW), padded by zeros as TensorFlow's 'SAME' does it."""
    sizes = [-(-size // step) for size, step in zip(x.shape[1:], stride, strict=True)]
    padding = [(0, 0)]
    for size, outputs, k, step in zip(x.shape[1:], sizes, kernel, stride, strict=True):
        lacking = max((outputs - 1) * step + k - size, 0)
        padding.append((lacking // 2, lacking - lacking // 2))  # the odd one at the end
    padded = np.pad(x, padding)
    out = None
    for place in itertools.product(*(range(size) for size in sizes)):
        first = [p * step for p, step in zip(place, stride, strict=True)]
        window = padded[(slice(None), *(slice(f, f + k) for f, k in zip(first, kernel, strict=True)))]
        value = compute(window)
        out = np.zeros((len(value), *sizes)) if out is None else out
        out[(slice(None), *place)] = value
    assert out is not None
    return out


def convolution(w: dict[str, Array], name: str, x: Array, stride: Triple = (1, 1, 1)) -> Array:
    """Convolution, batch norm with TensorFlow's epsilon, ReLU."""
    kernel = w[f"{name}.conv3d.weight"]  # (C', C, kT, kH, kW)
    size = (kernel.shape[2], kernel.shape[3], kernel.shape[4])
    y = windows(x, size, stride, lambda window: np.tensordot(kernel, window, 4))
    norm = {part: w[f"{name}.bn.{part}"][:, None, None, None] for part in NORM}
    normed = (y - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3)
    return np.maximum(normed * norm["weight"] + norm["bias"], 0)


def pool(x: Array, kernel: Triple, stride: Triple) -> Array:
    return windows(x, kernel, stride, lambda window: window.max(axis=(1, 2, 3)))


def inception(w: dict[str, Array], name: str, x: Array) -> Array:
    """Four branches, their channels one after the other."""
    return np.concatenate(
        [
            convolution(w, f"{name}.b0", x),
            convolution(w, f"{name}.b1b", convolution(w, f"{name}.b1a", x)),
            convolution(w, f"{name}.b2b", convolution(w, f"{name}.b2a", x)),
            convolution(w, f"{name}.b3b", pool(x, (3, 3, 3), (1, 1, 1))),
        ]
    )


def feature(w: dict[str, Array], clip: Array) -> Array:
    """(C',) of a clip (3, T, H, W) in [-1, 1]: the last maps over space, pairs in time, and the pairs."""
    x = clip
    for name, kind, *settings in STEM:
        if kind == "convolution":
            x = convolution(w, name, x, *settings)
        elif kind == "pool":
            x = pool(x, *settings)
        else:
            x = inception(w, name, x)
    over_space = x.mean(axis=(2, 3))  # (C', T')
    if over_space.shape[1] == 1:
        return over_space[:, 0]
    pairs = [(over_space[:, t] + over_space[:, t + 1]) / 2 for t in range(over_space.shape[1] - 1)]
    return np.mean(pairs, axis=0)
