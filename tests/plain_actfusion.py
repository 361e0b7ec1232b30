"""ActFusion once more, from its description: NumPy in double precision, one video, position by position.

Nothing is fast, shared or clever here, so that it can be held against the text: the paper's Sec. 4 and the
authors' release, whose names the weights have. `python tests/plain_actfusion.py` prints the numbers that
tests/models/small_actfusion.json holds, of a network of a few channels with weights that anyone can rebuild.

Shapes: C feature channels, K classes, T steps, D channels of a layer, J taps.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Weights = dict[str, Array]


@dataclass(frozen=True)
class Sizes:
    """Of the network; those of the fixture by default."""

    features: int = 6
    classes: int = 4
    encoder: tuple[int, int, int] = (3, 8, 5)  # layers, channels, taps
    decoder: tuple[int, int, int] = (2, 6, 3)
    conditioning: tuple[int, ...] = (0, 2)  # encoder layers; -1 the masked input, -2 the prediction
    time: int = 16
    scale: float = 1.0


# Weights


def released_weights(sizes: Sizes) -> Weights:
    """Weights by the released names; each is drawn from a seed that its name gives."""
    width = {-1: sizes.features, -2: sizes.classes}
    channels = sum(width.get(i, sizes.encoder[1]) for i in sizes.conditioning)
    shapes = {
        "mask_token": (1, sizes.features, 1),
        **_linear("encoder.conv_in", sizes.features, sizes.encoder[1]),
        **_linear("encoder.conv_out", sizes.encoder[1], sizes.classes),
        **_stack("encoder.encoder", sizes.encoder, 0),
        **_linear("decoder.conv_in", sizes.classes, sizes.decoder[1]),
        **_linear("decoder.conv_out", sizes.decoder[1], sizes.classes),
        **_stack("decoder.module", sizes.decoder, channels),
    }
    for name, out in (("time_in.0", sizes.time), ("time_in.1", sizes.time), ("module.time_proj", 0)):
        out = out or sizes.decoder[1]
        shapes |= {f"decoder.{name}.weight": (out, sizes.time), f"decoder.{name}.bias": (out,)}
    return {name: _drawn(name, shape) for name, shape in shapes.items()}


def _stack(prefix: str, layers: tuple[int, int, int], conditioning: int) -> dict[str, tuple[int, ...]]:
    count, dim, taps = layers
    shapes: dict[str, tuple[int, ...]] = {}
    for i in range(count):
        layer = f"{prefix}.layers.{i}"
        shapes |= _linear(f"{layer}.conv_block.0", dim, dim, taps)
        for part in ("q", "k"):
            shapes |= _linear(f"{layer}.att_linear_{part}", dim + conditioning, dim)
        for part in ("att_linear_v", "ffn_block.0", "ffn_block.2"):
            shapes |= _linear(f"{layer}.{part}", dim, dim)
        shapes[f"{layer}.rel_pos_emb.weight"] = (20000, 1)
    return shapes


def _linear(name: str, inputs: int, outputs: int, taps: int = 1) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs, taps), f"{name}.bias": (outputs,)}


def _drawn(name: str, shape: tuple[int, ...]) -> Array:
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    if name == "mask_token" or name.endswith("rel_pos_emb.weight"):
        return values * 0.5
    return values * (1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1)


# The network


def linear(w: Weights, name: str, x: Array) -> Array:
    """A convolution of one tap, of x (D, T)."""
    return w[f"{name}.weight"][:, :, 0] @ x + w[f"{name}.bias"][:, None]


def taps(length: int, count: int, dilation: int) -> Iterator[tuple[int, int, int]]:
    """Every position t, tap j, and the position that it sees, which may lie outside of the video."""
    for t in range(length):
        for j in range(count):
            yield t, j, t + dilation * (j - count // 2)


def convolution(w: Weights, name: str, x: Array, dilation: int) -> Array:
    weight = w[f"{name}.weight"]  # (D, D, J)
    out = np.tile(w[f"{name}.bias"][:, None], x.shape[1])
    for t, j, seen in taps(x.shape[1], weight.shape[2], dilation):
        if 0 <= seen < x.shape[1]:
            out[:, t] += weight[:, :, j] @ x[:, seen]
    return out


def attention(query: Array, key: Array, value: Array, bias: Array, dilation: int) -> Array:
    """Each position attends to its taps; `bias` (J,) is what the layer has learned of their distances."""
    dim, length = query.shape
    scores = np.zeros((len(bias), length))
    inside = np.zeros((len(bias), length))
    values = np.zeros((len(bias), dim, length))
    for t, j, seen in taps(length, len(bias), dilation):
        inside[j, t] = 0 <= seen < length
        dot = 0.0
        if inside[j, t]:
            dot = float(query[:, t] @ key[:, seen])
            values[j, :, t] = value[:, seen]
        scores[j, t] = (dot + bias[j]) / math.sqrt(dim) + math.log(inside[j, t] + 1e-6)
    weights = softmax(scores) * inside
    return np.einsum("jt,jdt->dt", weights, values)


def layer(w: Weights, name: str, x: Array, conditioning: Array | None, dilation: int) -> Array:
    joined = x if conditioning is None else np.concatenate([x, conditioning])
    count = w[f"{name}.conv_block.0.weight"].shape[2]
    table = w[f"{name}.rel_pos_emb.weight"][:, 0]
    bias = np.array([table[10000 + min(j * dilation, 100)] for j in range(count)])
    mixed = convolution(w, f"{name}.conv_block.0", x, dilation) + attention(
        linear(w, f"{name}.att_linear_q", joined),
        linear(w, f"{name}.att_linear_k", joined),
        linear(w, f"{name}.att_linear_v", x),
        bias,
        dilation,
    )
    centred = mixed - mixed.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    hidden = np.maximum(linear(w, f"{name}.ffn_block.0", normed), 0)
    return x + linear(w, f"{name}.ffn_block.2", hidden)


def encode(w: Weights, sizes: Sizes, features: Array, observed: int | None = None) -> tuple[Array, Array]:
    """Logits (K, T) and conditioning (E, T); beyond `observed` the mask token stands for features (C, T)."""
    x = features.copy()
    if observed is not None:
        x[:, observed:] = w["mask_token"][0]
    outputs = {-1: x}
    x = linear(w, "encoder.conv_in", x)
    for i in range(sizes.encoder[0]):
        x = outputs[i] = layer(w, f"encoder.encoder.layers.{i}", x, None, 2**i)
    logits = linear(w, "encoder.conv_out", x)
    outputs[-2] = softmax(logits)
    return logits, np.concatenate([outputs[i] for i in sizes.conditioning])


def decode(w: Weights, sizes: Sizes, noisy: Array, step: int, conditioning: Array) -> Array:
    """Logits (K, T) of the clean labels, from noisy ones (K, T) in [0, 1]."""
    half = sizes.time // 2
    frequencies = [10000 ** (-i / (half - 1)) for i in range(half)]
    wave = np.array([math.sin(step * f) for f in frequencies] + [math.cos(step * f) for f in frequencies])
    for part in ("time_in.0", "time_in.1"):
        wave = w[f"decoder.{part}.weight"] @ wave + w[f"decoder.{part}.bias"]
        wave = wave / (1 + np.exp(-wave))  # swish
    embedding = w["decoder.module.time_proj.weight"] @ wave + w["decoder.module.time_proj.bias"]
    x = linear(w, "decoder.conv_in", noisy) + embedding[:, None]
    for i in range(sizes.decoder[0]):
        x = layer(w, f"decoder.module.layers.{i}", x, conditioning, 2**i)
    return linear(w, "decoder.conv_out", x)


def softmax(x: Array) -> Array:
    """Over the first axis."""
    powers = np.exp(x - x.max(axis=0))
    return powers / powers.sum(axis=0)


# Diffusion


def alphas_cumprod(steps: int = 1000) -> list[float]:
    """How much of the clean labels' variance is left at each step."""

    def curve(step: int) -> float:
        return math.cos((step / steps + 0.008) / 1.008 * math.pi / 2) ** 2

    found, left = [], 1.0
    for step in range(steps):
        beta = min(1 - curve(step + 1) / curve(step), 0.999)
        left *= 1 - beta
        found.append(left)
    return found


def sample(
    w: Weights, sizes: Sizes, features: Array, noise: Array, steps: int, observed: int | None = None
) -> Array:
    """Probabilities (K, T) after `steps` steps of DDIM with eta 1; `noise` (steps, K, T), the start first."""
    alphas, scale = alphas_cumprod(), sizes.scale
    times = [int(time) for time in np.linspace(-1, 999, steps + 1)][::-1]
    _, conditioning = encode(w, sizes, features, observed)
    x = noise[0]
    for i in range(steps):
        now, then = times[i], times[i + 1]
        noisy = (np.clip(x, -scale, scale) / scale + 1) / 2
        probabilities = softmax(decode(w, sizes, noisy, now, conditioning))
        clean = (2 * probabilities - 1) * scale
        if then >= 0:
            a, b = alphas[now], alphas[then]
            error = (x - math.sqrt(a) * clean) / math.sqrt(1 - a)
            sigma = math.sqrt((1 - a / b) * (1 - b) / (1 - a))
            x = math.sqrt(b) * clean + math.sqrt(1 - b - sigma**2) * error + sigma * noise[i + 1]
    return probabilities


# Training


def gaussian(x: Array, sigma: float) -> Array:
    """Smooth x (T,), mirrored at its ends, by a Gaussian that ends at four sigma."""
    reach = int(4 * sigma + 0.5)
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(-reach, reach + 1)]
    out = np.zeros(len(x))
    for t in range(len(x)):
        for i in range(-reach, reach + 1):
            seen = (t + i) % (2 * len(x))
            seen = min(seen, 2 * len(x) - 1 - seen)
            out[t] += weights[i + reach] / sum(weights) * x[seen]
    return out


def soft_boundary(labels: NDArray[np.int64], sigma: float) -> Array:
    """(T,) how near each step is to a change of label."""
    beside, alone = np.zeros(len(labels)), np.zeros(len(labels))
    for t in range(1, len(labels)):
        if labels[t] != labels[t - 1]:
            beside[t - 1] = beside[t] = 1
    alone[len(labels) // 2 - 1 : len(labels) // 2 + 1] = 1
    smooth = np.minimum(gaussian(beside, sigma), gaussian(alone, sigma).max())
    return smooth / smooth.max()


def losses(logits: Array, target: Array, weights: Array, boundary: Array) -> dict[str, float]:
    """Of logits (K, T), against labels as distributions (K, T), weights (K, T) and a soft boundary (T,)."""
    log = np.log(softmax(logits))
    p = np.exp(log)
    entropy, smoothing, change = [], [], []
    for t in range(logits.shape[1]):
        entropy.append(-float((weights[:, t] * target[:, t] * log[:, t]).sum()))
        if t > 0:
            smoothing.append(float(np.minimum((log[:, t] - log[:, t - 1]) ** 2, 16).mean()))
            changed = 1 - float(p[:, t] @ p[:, t - 1])
            b = boundary[t]
            change.append(-b * math.log(changed) - (1 - b) * math.log(1 - changed))
    return {
        "cross_entropy": float(np.mean(entropy)),
        "smoothing": float(np.mean(smoothing)),
        "boundary": float(np.mean(change)),
    }


# The fixture

STEPS, OBSERVED, NOISED = 24, 10, 640
SAMPLING = 5
SIGMA, SOFT = 2.0, 1.4
LABELS = np.repeat([2, 0, 3, 2], [7, 4, 9, 4])


def inputs(sizes: Sizes) -> tuple[Array, Array]:
    """Features (C, T) and noise (SAMPLING, K, T), rounded to what float32 holds."""
    features = np.random.RandomState(1).standard_normal((sizes.features, STEPS))
    noise = np.random.RandomState(2).standard_normal((SAMPLING, sizes.classes, STEPS))
    return features.astype(np.float32).astype(float), noise.astype(np.float32).astype(float)


def numbers() -> dict[str, list[list[float]] | dict[str, float]]:
    """What the network of the fixture gives."""
    sizes = Sizes()
    w, (features, noise) = released_weights(sizes), inputs(sizes)
    encoder_logits, conditioning = encode(w, sizes, features)
    one_hot = np.eye(sizes.classes)[:, LABELS]
    left = alphas_cumprod()[NOISED]
    noisy = math.sqrt(left) * (2 * one_hot - 1) + math.sqrt(1 - left) * noise[0]
    decoder_logits = decode(w, sizes, (np.clip(noisy, -1, 1) + 1) / 2, NOISED, conditioning)
    boundary = soft_boundary(LABELS, SIGMA)
    counts = one_hot.sum(axis=1)
    weights = (STEPS / ((counts + 10) * sizes.classes))[:, None] * np.ones(STEPS)
    soft = np.stack([gaussian(row, SOFT) for row in one_hot])
    return {
        "encoder_logits": encoder_logits.tolist(),
        "decoder_logits": decoder_logits.tolist(),
        "segmented": sample(w, sizes, features, noise, SAMPLING).tolist(),
        "anticipated": sample(w, sizes, features, noise, SAMPLING, OBSERVED).tolist(),
        "boundary": [boundary.tolist()],
        "encoder_losses": losses(encoder_logits, one_hot, weights, boundary),
        "decoder_losses": losses(decoder_logits, one_hot, weights, boundary),
        "soft_decoder_losses": losses(decoder_logits, soft, np.ones_like(soft), boundary),
    }


if __name__ == "__main__":
    print(json.dumps(numbers()))
