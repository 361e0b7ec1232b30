"""ActFusion as the authors' release computes it: the plain way that the network's speed is measured against.

Every product is a module of its own on (B, D, T), the conditioning is concatenated to the input at every
layer and every denoising step, and attention gathers padded keys and values into windows (B, D, T, J). The
names of the weights are the release's, so that `models.released` converts them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.models.diffusion import CosineSchedule, ddim_times

_ROWS, _CENTRE, _FARTHEST = 20_000, 10_000, 100  # of a layer's table of position biases


class ReleasedLayer(nn.Module):
    """Dilated convolution and attention side by side."""

    def __init__(self, dim: int, crossed: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.dim, self.kernel, self.dilation = dim, kernel, dilation
        self.padding = kernel // 2 * dilation
        conv = nn.Conv1d(dim, dim, kernel, padding=self.padding, dilation=dilation)
        self.conv_block = nn.Sequential(conv)
        self.att_linear_q = nn.Conv1d(dim + crossed, dim, 1)
        self.att_linear_k = nn.Conv1d(dim + crossed, dim, 1)
        self.att_linear_v = nn.Conv1d(dim, dim, 1)
        self.rel_pos_emb = nn.Embedding(_ROWS, 1)
        self.ffn_block = nn.Sequential(nn.Conv1d(dim, dim, 1), nn.ReLU(), nn.Conv1d(dim, dim, 1))
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.InstanceNorm1d(dim)
        self._seen = torch.zeros(0, kernel, dtype=torch.int64)  # kept from pass to pass

    def attention(self, x: Tensor, crossed: Tensor | None) -> Tensor:
        length = x.shape[2]
        if len(self._seen) < length:
            taps = self.dilation * torch.arange(self.kernel)
            self._seen = (torch.arange(length)[:, None] + taps).to(x.device)  # (T, J) in what is padded
        seen = self._seen[:length]
        joined = x if crossed is None else torch.cat([x, crossed], dim=1)
        query, key, value = self.att_linear_q(joined), self.att_linear_k(joined), self.att_linear_v(x)
        shape = (*x.shape, self.kernel)
        key = F.pad(key, (self.padding, self.padding)).index_select(2, seen.flatten()).view(shape)
        value = F.pad(value, (self.padding, self.padding)).index_select(2, seen.flatten()).view(shape)
        distance = (self.dilation * torch.arange(self.kernel, device=x.device)).clamp(max=_FARTHEST)
        bias = self.rel_pos_emb(_CENTRE + distance)[:, 0]  # (J,)
        scores = torch.einsum("bdt,bdtj->btj", query, key) + bias
        inside = torch.logical_and(seen >= self.padding, seen < length + self.padding)  # (T, J)
        scores = scores / math.sqrt(self.dim) + torch.log(inside + 1e-6)
        weights = scores.softmax(dim=2) * inside
        return torch.einsum("btj,bdtj->bdt", weights, value)

    def forward(self, x: Tensor, crossed: Tensor | None = None) -> Tensor:
        dropped = self.dropout(x)
        crossed = None if crossed is None else self.dropout(crossed)
        mixed = self.conv_block(dropped) + self.attention(dropped, crossed)
        return x + cast(Tensor, self.ffn_block(self.norm(mixed)))


class _Layers(nn.Module):
    def __init__(self, layers: Iterable[ReleasedLayer], time: nn.Linear | None = None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        if time is not None:
            self.time_proj = time


class ReleasedEncoder(nn.Module):
    """Features to logits and conditioning."""

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        dim, kernel, rate = config.encoder_dim, config.encoder_kernel, config.encoder_dropout
        self.conditioning_layers = config.conditioning_layers
        self.drop_channels = nn.Dropout1d(config.channel_dropout)
        self.drop_steps = nn.Dropout1d(config.time_dropout)
        self.conv_in = nn.Conv1d(config.feature_dim, dim, 1)
        self.encoder = _Layers(
            ReleasedLayer(dim, 0, kernel, 2**i, rate) for i in range(config.encoder_layers)
        )
        self.conv_out = nn.Conv1d(dim, config.num_classes, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        dropped = self.drop_channels(features)
        dropped = self.drop_steps(dropped.transpose(1, 2)).transpose(1, 2)
        x, outputs = self.conv_in(dropped), []
        for layer in self.encoder.layers:
            x = layer(x)
            outputs.append(x)
        return self.conv_out(x), torch.cat([outputs[i] for i in self.conditioning_layers], dim=1)


class ReleasedDecoder(nn.Module):
    """Noisy labels, the diffusion step and the conditioning to logits."""

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        dim, self.width = config.decoder_dim, config.time_embedding_dim
        self.time_in = nn.ModuleList(nn.Linear(self.width, self.width) for _ in range(2))
        self.conv_in = nn.Conv1d(config.num_classes, dim, 1)
        kernel, rate = config.decoder_kernel, config.decoder_dropout
        layers = (
            ReleasedLayer(dim, config.conditioning_dim, kernel, 2**i, rate)
            for i in range(config.decoder_layers)
        )
        self.module = _Layers(layers, nn.Linear(self.width, dim))
        self.conv_out = nn.Conv1d(dim, config.num_classes, 1)

    def forward(self, noisy: Tensor, step: Tensor, conditioning: Tensor) -> Tensor:
        half = self.width // 2
        rates = torch.exp(-math.log(10_000) * torch.arange(half, device=noisy.device) / (half - 1))
        angles = step[:, None] * rates
        embedding = torch.cat([angles.sin(), angles.cos()], dim=1)
        for linear in self.time_in:
            embedding = F.silu(linear(embedding))
        x = self.conv_in(noisy) + self.module.time_proj(embedding)[:, :, None]
        for layer in self.module.layers:
            x = layer(x, conditioning)
        return cast(Tensor, self.conv_out(x))


class ReleasedActFusion(nn.Module):
    """Encoder, decoder and sampler; of the configuration only what the release has."""

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_token = nn.Parameter(torch.zeros(1, config.feature_dim, 1).normal_(std=0.02))
        self.encoder, self.decoder = ReleasedEncoder(config), ReleasedDecoder(config)
        self.schedule = CosineSchedule(config.diffusion_steps)

    def encode(
        self, features: Tensor, visible: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """(B, K, T) logits and (B, E, T) conditioning, of features (B, C, T) seen where visible (B, T).

        Nothing is padded: `lengths` is there to be called as `ActFusion.encode` is.
        """
        if visible is not None:
            features = torch.where(visible[:, None], features, self.mask_token)
        return cast(tuple[Tensor, Tensor], self.encoder(features))

    def decode(
        self, noisy: Tensor, step: Tensor, conditioning: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """(B, K, T) logits of noisy labels (B, K, T) in [0, 1]; called as `ActFusion.decode` is."""
        return cast(Tensor, self.decoder(noisy, step, conditioning))

    def to_signal(self, labels: Tensor) -> Tensor:
        return (labels * 2 - 1) * self.config.scale

    def to_labels(self, signal: Tensor) -> Tensor:
        scale = self.config.scale
        return (signal.clamp(-scale, scale) / scale + 1) / 2

    @torch.no_grad()
    def sample(self, features: Tensor, visible: Tensor | None, noise: Tensor) -> Tensor:
        """(B, K, T) probabilities by DDIM from noise (steps, B, K, T)."""
        config = self.config
        _, conditioning = self.encode(features, visible)
        alphas = self.schedule.alphas_cumprod.float().to(features.device)
        sample = noise[0]
        for i, (now, then) in enumerate(ddim_times(config.diffusion_steps, config.sampling_steps)):
            step = torch.full((len(sample),), now, device=features.device)
            logits = self.decode(self.to_labels(sample), step, conditioning)
            probabilities = F.softmax(logits, dim=1)
            clean = self.to_signal(probabilities).clamp(-config.scale, config.scale)
            if then < 0:
                break
            a, b = alphas[now], alphas[then]
            error = (sample / a.sqrt() - clean) / (1 / a - 1).sqrt()
            sigma = config.eta * ((1 - a / b) * (1 - b) / (1 - a)).sqrt()
            sample = clean * b.sqrt() + (1 - b - sigma**2).sqrt() * error + sigma * noise[i + 1]
        return probabilities
