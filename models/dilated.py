"""The layer that ActFusion is built of: dilated convolution and dilated attention over the same taps.

Position t sees the J taps t + dilation · (j - J // 2). Everything is laid out (B, D, T), so that a tap is a
slice of time, and every product one of few rows with long columns: on a CPU those run at nearly its full
speed, four times that of a convolution of so few channels, and need no windows to be copied out.

Shapes: B videos, D channels, T feature steps, E conditioning channels, J taps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Literal, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_DISTANCE = 100  # the attention's position bias does not tell larger distances apart
_AT_ONCE = 1 << 17  # products, 0.5 MB: of more than that, a CPU goes tap by tap

Position = Literal["none", "bias", "embedding", "absolute"]
Values = Literal["labels", "both"]


class Prepared(NamedTuple):
    """What a layer needs beside its input; see `DilatedLayer.prepare`."""

    projection: Tensor  # (3 D, D) from the input to queries, keys and values
    constant: Tensor  # (B, 3 D, T) or (3 D, 1), what conditioning and biases add to these
    taps: Tensor  # (J, D, D) of the convolution
    score: Tensor  # (J, T), or (B, J, T) where videos are padded, added to every score
    distance: Tensor | None  # (J, D), whose products with the queries are added, too
    inside: Tensor | None  # (B, J, T) float, 1 where the tap lies within the video; None where none is padded
    valid: Tensor | None  # (B, 1, T) float, 1 within the video; None where none is padded


class DilatedLayer(nn.Module):
    """Dilated convolution and dilated attention side by side, then norm, feed-forward, residual.

    Queries and keys see the conditioning beside the input, values only where asked to. Source: ASFormer's
    layer as DiffAct mixed it; ActFusion, Fig. S2.

    Args:
        dim: channels D.
        kernel: taps J, odd.
        dilation: steps from one tap to the next.
        dropout: rate on the input, and separately on the conditioning.
        conditioning_dim: channels E, 0 for none.
        position, values: see `ActFusionConfig`.
    """

    def __init__(
        self,
        dim: int,
        kernel: int,
        dilation: int,
        dropout: float,
        conditioning_dim: int = 0,
        position: Position = "bias",
        values: Values = "labels",
    ) -> None:
        super().__init__()
        self.dim, self.kernel, self.dilation = dim, kernel, dilation
        self.dropout = Dropout(dropout)
        self.conv = nn.Conv1d(dim, dim, kernel, padding=kernel // 2 * dilation, dilation=dilation)
        self.query = nn.Conv1d(dim + conditioning_dim, dim, 1)
        self.key = nn.Conv1d(dim + conditioning_dim, dim, 1)
        self.value = nn.Conv1d(dim + (conditioning_dim if values == "both" else 0), dim, 1)
        # Tap j reads entry min(j · dilation, MAX_DISTANCE); deep layers share one entry among their far taps.
        if position == "bias":
            self.position_bias = nn.Parameter(torch.zeros(MAX_DISTANCE + 1))
        if position == "embedding":
            self.position_embedding = nn.Parameter(0.02 * torch.randn(MAX_DISTANCE + 1, dim))
        self.position = position
        self.norm = nn.InstanceNorm1d(dim)
        self.feed_forward = nn.Sequential(nn.Conv1d(dim, dim, 1), nn.ReLU(), nn.Conv1d(dim, dim, 1))

    def prepare(
        self, length: int, conditioning: Tensor | None = None, valid: Tensor | None = None
    ) -> Prepared:
        """Everything that does not depend on the layer's input, so that a sampler computes it once.

        A 1x1 convolution of [x, E] is W_x x + (W_E E + b); the bracket is constant over the diffusion steps,
        and with E several times as wide as x it is most of the work.

        Args:
            length: T.
            conditioning: (B, E, T) float, None in the encoder.
            valid: (B, T) bool, False where a video is padded; None where none is.
        """
        if conditioning is not None:
            conditioning = self.dropout(conditioning)
        parts = (self.query, self.key, self.value)
        weights = [part.weight[:, :, 0] for part in parts]
        biases = [cast(Tensor, part.bias) for part in parts]
        # Scores are divided by sqrt(D): so are the queries, once.
        weights[0], biases[0] = weights[0] / math.sqrt(self.dim), biases[0] / math.sqrt(self.dim)
        constant = torch.cat(biases)[:, None]  # (3 D, 1)
        if conditioning is not None:
            seeing = [weight[:, self.dim :] for weight in weights if weight.shape[1] > self.dim]
            seen = product(torch.cat(seeing), conditioning)  # (B, 2 D, T), or (B, 3 D, T)
            if len(seeing) < len(weights):  # values see the labels alone
                seen = F.pad(seen, (0, 0, 0, self.dim))
            constant = seen + constant  # (B, 3 D, T)
        inside, valid_steps = None, None
        if valid is not None:
            valid_steps = valid.to(constant.dtype)[:, None]  # (B, 1, T)
            inside = _taps(valid_steps, self.kernel, self.dilation)[:, 0]  # (B, J, T)
        return Prepared(
            torch.cat([weight[:, : self.dim] for weight in weights]),
            constant,
            self.conv.weight.permute(2, 0, 1).contiguous(),
            self._score(length, inside, constant),
            self.position_embedding[self._distance()] if self.position == "embedding" else None,
            inside,
            valid_steps,
        )

    def _score(self, length: int, inside: Tensor | None, like: Tensor) -> Tensor:
        """(J, T), or (B, J, T) like `inside`: log(1e-6) outside of the video, and the learned bias."""
        if inside is None:
            score = like.new_full((self.kernel, length), math.log(1e-6))
            for j, first, _, count in _shifts(length, self.kernel, self.dilation):
                score[j, first : first + count] = math.log(1 + 1e-6)
        else:
            score = torch.log(inside + 1e-6)
        if self.position == "bias":
            score = score + self.position_bias[self._distance()][:, None] / math.sqrt(self.dim)
        return score

    def _distance(self) -> Tensor:
        """(J,) int: how far each tap is from the first one, as the position tables count it."""
        tap = torch.arange(self.kernel, device=self.conv.weight.device)
        return (tap * self.dilation).clamp(max=MAX_DISTANCE)

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        normed = self._normalise(self.mix(self.dropout(x), prepared), prepared.valid)  # (B, D, T)
        first, last = cast(nn.Conv1d, self.feed_forward[0]), cast(nn.Conv1d, self.feed_forward[2])
        return x + pointwise(last, pointwise(first, normed).relu_())

    def mix(self, x: Tensor, prepared: Prepared) -> Tensor:
        """Dilated convolution of x (B, D, T), plus dilated attention."""
        if prepared.valid is not None:
            x = x * prepared.valid  # beyond its end, a video is as empty as beyond T
        projected = product(prepared.projection, x, prepared.constant)  # (B, 3 D, T)
        query, key, value = projected.chunk(3, dim=1)
        if prepared.valid is not None:
            key = key * prepared.valid
        scores = tap_dot(query, key, self.kernel, self.dilation)  # (B, J, T)
        if prepared.distance is not None:
            scores = product(prepared.distance, query, scores)
        weights = (scores + prepared.score).softmax(dim=1)
        if prepared.inside is not None:
            weights = weights * prepared.inside
        bias = cast(Tensor, self.conv.bias)[:, None]
        return tap_sum(x, prepared.taps, bias, weights, value, self.dilation)

    def _normalise(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """Instance norm over the steps of each video; one step alone becomes 0."""
        if valid is None:
            return F.layer_norm(x, x.shape[2:], eps=self.norm.eps)
        count = valid.sum(dim=2, keepdim=True).clamp(min=1)  # (B, 1, 1)
        centred = x - (x * valid).sum(dim=2, keepdim=True) / count
        variance = (centred.square() * valid).sum(dim=2, keepdim=True) / count
        return centred * (variance + self.norm.eps).rsqrt()


class Dropout(nn.Module):
    """Torch's dropout, at less cost on a CPU: a random number of 64 bits decides over four values.

    Of conditioning (1, 192, 1500) torch draws for 1.3 ms, as long as seven products with it take; this for
    0.3. The rate is rounded to a multiple of 1 / 65536.

    Args:
        rate: share of the values that become 0 in training; the others grow by as much.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.dropped = round(rate * 2**16)  # of all numbers of 16 bits

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.dropped == 0:
            return x
        drawn = torch.empty((x.numel() + 3) // 4, dtype=torch.int64, device=x.device)
        bits = drawn.random_(-(2**63), None).view(torch.int16)[: x.numel()].view(x.shape)
        kept = (bits >= self.dropped - 2**15).to(x.dtype)
        return x * kept.mul_(1 / (1 - self.dropped / 2**16))


def product(weight: Tensor, x: Tensor, added: Tensor | None = None) -> Tensor:
    """weight (O, I) @ x (B, I, T), plus what broadcasts to (B, O, T)."""
    each = weight.expand(len(x), -1, -1)
    return torch.bmm(each, x) if added is None else torch.baddbmm(added, each, x)


def pointwise(conv: nn.Conv1d, x: Tensor, added: Tensor | None = None) -> Tensor:
    """A convolution of one tap of x (B, I, T), plus what broadcasts to (B, O, T)."""
    bias = cast(Tensor, conv.bias)[:, None]
    return product(conv.weight[:, :, 0], x, bias if added is None else added + bias)


# What joins position t and its taps t + offset[j]. Plain autograd would keep a shifted copy of keys and
# values per tap for the way back; but the gradients are the same operations again, and a scatter:
#   dot(q, k)[j, t] = q[t] · k[t + offset[j]]     mix(w, v)[t] = sum_j w[j, t] v[t + offset[j]]
#   convolve(x, W)[t] = sum_j W[j] x[t + offset[j]]     scatter(w, x)[t + offset[j]] += w[j, t] x[t]


def tap_dot(query: Tensor, key: Tensor, kernel: int, dilation: int) -> Tensor:
    """Dot product of each query with the keys at its taps: (B, D, T), (B, D, T) -> (B, J, T)."""
    if torch.is_grad_enabled():
        return cast(Tensor, _TapDot.apply(query, key, kernel, dilation))
    return _dot(query, key, kernel, dilation)


def tap_sum(x: Tensor, taps: Tensor, bias: Tensor, weights: Tensor, value: Tensor, dilation: int) -> Tensor:
    """A convolution, and a sum of values weighted anew at each position, over the same taps.

    Args:
        x: (B, D, T) float, what is convolved.
        taps: (J, D, D) float, of the convolution.
        bias: (D, 1) float.
        weights: (B, J, T) float, of the values.
        value: (B, D, T) float.
        dilation: steps from one tap to the next.

    Returns:
        (B, D, T) float.
    """
    if torch.is_grad_enabled():
        return cast(Tensor, _TapSum.apply(x, taps, bias, weights, value, dilation))
    return _sum(x, taps, bias, weights, value, dilation)


class _TapDot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, kernel: int, dilation: int) -> Tensor:
        ctx.save_for_backward(query, key)
        ctx.dilation = dilation
        return _dot(query, key, kernel, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query, key = ctx.saved_tensors
        return _mix(grad, key, ctx.dilation), _scatter(grad, query, ctx.dilation), None, None


class _TapSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, taps: Tensor, bias: Tensor, weights: Tensor, value: Tensor, dilation: int
    ) -> Tensor:
        ctx.save_for_backward(x, taps, weights, value)
        ctx.dilation = dilation
        return _sum(x, taps, bias, weights, value, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, None]:
        x, taps, weights, value = ctx.saved_tensors
        narrow = grad.to(x.dtype)
        grad_taps, grad_x = torch.zeros_like(taps), torch.zeros_like(x)
        for j, first, seen, count in _shifts(x.shape[2], len(taps), ctx.dilation):
            there, here = x.narrow(2, seen, count), narrow.narrow(2, first, count)
            each = taps[j].T.to(x.dtype).expand(len(x), -1, -1)
            grad_x.narrow(2, seen, count).baddbmm_(each, here)
            grad_taps[j] = torch.bmm(here, there.transpose(1, 2)).sum(dim=0)
        return (
            grad_x,
            grad_taps,
            grad.sum(dim=(0, 2))[:, None],
            _dot(grad, value, len(taps), ctx.dilation),
            _scatter(weights, grad, ctx.dilation),
            None,
        )


def _sum(x: Tensor, taps: Tensor, bias: Tensor, weights: Tensor, value: Tensor, dilation: int) -> Tensor:
    kernel = len(taps)
    if _at_once(x, kernel):
        seen = _taps(x, kernel, dilation).reshape(len(x), -1, x.shape[2])  # (B, D J, T)
        mixed = _mix(weights, value, dilation)
        return product(taps.permute(1, 2, 0).flatten(1), seen, bias).add_(mixed)
    out = torch.empty_like(x)
    centre, each = kernel // 2, taps.unbind()
    for one, of, by, values in zip(out, x, weights, value, strict=True):  # matrices (D, T), (J, T)
        torch.addmm(bias, each[centre], of, out=one)
        for j, first, there, count in _shifts(x.shape[2], kernel, dilation):
            here = one.narrow(1, first, count)
            if j != centre:
                here.addmm_(each[j], of.narrow(1, there, count))
            here.addcmul_(by[j].narrow(0, first, count), values.narrow(1, there, count))
    return out


def _dot(x: Tensor, y: Tensor, kernel: int, dilation: int) -> Tensor:
    if _at_once(x, kernel):
        return (x[:, :, None] * _taps(y, kernel, dilation)).sum(dim=1)
    out = x.new_zeros(len(x), kernel, x.shape[2], dtype=torch.result_type(x, y))
    for j, first, seen, count in _shifts(x.shape[2], kernel, dilation):
        products = x.narrow(2, first, count) * y.narrow(2, seen, count)
        torch.sum(products, dim=1, out=out[:, j].narrow(1, first, count))
    return out


def _mix(weights: Tensor, x: Tensor, dilation: int) -> Tensor:
    kernel = weights.shape[1]
    if _at_once(x, kernel):
        return (weights[:, None] * _taps(x, kernel, dilation)).sum(dim=2)
    out = weights[:, kernel // 2, None] * x  # the centre tap, which is always inside
    for j, first, seen, count in _shifts(x.shape[2], kernel, dilation):
        if j != kernel // 2:
            by = weights[:, j, None].narrow(2, first, count)
            out.narrow(2, first, count).addcmul_(by, x.narrow(2, seen, count))
    return out


def _at_once(x: Tensor, kernel: int) -> bool:
    """Whether the products with all taps fit the cache of a core; a GPU would rather start few operations."""
    return x.device.type != "cpu" or x.numel() * kernel <= _AT_ONCE


def _taps(x: Tensor, kernel: int, dilation: int) -> Tensor:
    """View (B, D, T) as (B, D, J, T): position t and tap j see x[t + dilation · (j - J // 2)], 0 outside."""
    batch, dim, length = x.shape
    reach = kernel // 2 * dilation
    padded = F.pad(x, (reach, reach)).contiguous()
    width = length + 2 * reach
    return padded.as_strided((batch, dim, kernel, length), (dim * width, width, dilation, 1))


def _scatter(weights: Tensor, x: Tensor, dilation: int) -> Tensor:
    kernel = weights.shape[1]
    out = weights[:, kernel // 2, None] * x  # the centre tap, which is always inside
    for j, first, seen, count in _shifts(x.shape[2], kernel, dilation):
        if j != kernel // 2:
            by = weights[:, j, None].narrow(2, first, count)
            out.narrow(2, seen, count).addcmul_(by, x.narrow(2, first, count))
    return out


@lru_cache(maxsize=256)
def _shifts(length: int, kernel: int, dilation: int) -> tuple[tuple[int, int, int, int], ...]:
    """Each tap j that is inside for some position: the first such t, the first that it sees, how many."""
    offsets = ((j, (j - kernel // 2) * dilation) for j in range(kernel))
    return tuple(
        (j, max(0, -offset), max(0, offset), length - abs(offset))
        for j, offset in offsets
        if abs(offset) < length
    )
