"""ActFusion: segments the observed part of a video and anticipates its future with one diffusion model.

Gong, Kwak & Cho, "ActFusion: A Unified Diffusion Model for Action Segmentation and Anticipation" (NeurIPS
2024), built on DiffAct (ICCV 2023) and ASFormer (BMVC 2021). A masked encoder turns features into logits and
conditioning; a decoder denoises action labels under it. Before the encoder, a learned mask token replaces
steps that are not visible (the future, or what training hides): segmentation and anticipation are one call.

Shapes: B videos, C feature channels, K classes, T feature steps, D channels within encoder or decoder, E
conditioning channels, J taps of a dilated kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .diffusion import CosineSchedule, ddim_times
from .precision import full_float32

INPUT = -1  # in `conditioning_layers`: the masked input features
PREDICTION = -2  # in `conditioning_layers`: the encoder's softmaxed prediction
MAX_DISTANCE = 100  # the attention's position bias does not tell larger distances apart
MAX_POSITION = 10_000  # steps beyond share the last absolute position
_AT_ONCE = 1 << 18  # products, 1 MB: of more than that, a dilated attention goes tap by tap

MaskToken = Literal["learned", "zero"]
MaskAt = Literal["encoder", "decoder"]
Position = Literal["none", "bias", "embedding", "absolute"]
Values = Literal["labels", "both"]

NoiseSource = Callable[[int, tuple[int, int, int]], Tensor]


@dataclass(frozen=True)
class ActFusionConfig:
    """Sizes and settings of one ActFusion; the defaults are those of the 50 Salads release.

    Attributes:
        feature_dim: channels C of the input features.
        num_classes: classes K.
        encoder_layers, encoder_dim, encoder_kernel: size of the encoder; layer i has dilation 2^i.
        encoder_dropout, channel_dropout, time_dropout: rates within the encoder's layers, and of whole
            channels and whole time steps of its input.
        conditioning_layers: encoder layers (from 0) whose outputs condition the decoder; `INPUT` and
            `PREDICTION` stand for the masked features and the encoder's prediction.
        decoder_layers, decoder_dim, decoder_kernel, decoder_dropout: size and dropout of the decoder.
        scale: one-hot labels are scaled to [-scale, scale] for the diffusion.
        time_embedding_dim: width of the embedding of the diffusion step.
        diffusion_steps: steps S of the schedule.
        sampling_steps: DDIM steps of `sample`.
        eta: fresh noise of DDIM, from 0 (none) to 1 (as ancestral sampling).
        mask_token: what stands in for invisible steps: a learned vector, or zeros (Table 5).
        mask_at: where it does: in the encoder's input; or in the decoder's conditioning, with an encoder
            that reads nothing but the visible steps, side by side (Table 5).
        position: what attention knows of distance (Table S2): nothing; a learned bias per distance; a learned
            vector per distance, added to the keys; or a learned vector per time step, added to the inputs of
            encoder and decoder.
        decoder_values: what the decoder's attention passes on: the noisy labels only, as published, where the
            conditioning decides no more than whom to listen to; or both labels and conditioning. Not in the
            paper: with few videos it learns in tens of epochs what the published way needs thousands for.
        reconstruction: a head that predicts the features of invisible steps, for training only (Table S4).
    """

    feature_dim: int = 2048
    num_classes: int = 19
    encoder_layers: int = 10
    encoder_dim: int = 64
    encoder_kernel: int = 5
    encoder_dropout: float = 0.5
    channel_dropout: float = 0.5
    time_dropout: float = 0.5
    conditioning_layers: tuple[int, ...] = (5, 7, 9)
    decoder_layers: int = 8
    decoder_dim: int = 24
    decoder_kernel: int = 7
    decoder_dropout: float = 0.1
    scale: float = 1.0
    time_embedding_dim: int = 512
    diffusion_steps: int = 1000
    sampling_steps: int = 25
    eta: float = 1.0
    mask_token: MaskToken = "learned"
    mask_at: MaskAt = "encoder"
    position: Position = "bias"
    decoder_values: Values = "labels"
    reconstruction: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditioning_layers", tuple(self.conditioning_layers))  # JSON gives lists
        for name in ("encoder_kernel", "decoder_kernel"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; a dilated kernel has a centre, so it must be odd"
                )
        choices = {
            "mask_token": MaskToken,
            "mask_at": MaskAt,
            "position": Position,
            "decoder_values": Values,
        }
        for name, kind in choices.items():
            if getattr(self, name) not in get_args(kind):
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(get_args(kind))}"
                )
        if not isinstance(self.reconstruction, bool):
            raise ValueError(f"reconstruction is {self.reconstruction!r}; it must be true or false")
        beyond = [i for i in self.conditioning_layers if not PREDICTION <= i < self.encoder_layers]
        if beyond or not self.conditioning_layers:
            raise ValueError(
                f"conditioning_layers is {self.conditioning_layers}; it must name one or more of the encoder "
                f"layers 0 to {self.encoder_layers - 1}, {INPUT} (its input), {PREDICTION} (its prediction)"
            )

    @property
    def conditioning_dim(self) -> int:
        """Channels E of the conditioning."""
        width = {INPUT: self.feature_dim, PREDICTION: self.num_classes}
        return sum(width.get(i, self.encoder_dim) for i in self.conditioning_layers)

    @property
    def mask_token_dim(self) -> int:
        """Channels of the mask token."""
        return self.feature_dim if self.mask_at == "encoder" else self.conditioning_dim


class ActFusion(nn.Module):
    """The encoder, the decoder, and the sampler that joins them.

    Source: ActFusion, Sec. 4.2; the details that the paper leaves out follow the authors' release.
    """

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        self.config = config
        self.schedule = CosineSchedule(config.diffusion_steps)
        token = torch.zeros(1, config.mask_token_dim, 1)
        if config.mask_token == "learned":
            self.mask_token = nn.Parameter(token.normal_(std=0.02))
        else:
            self.register_buffer("mask_token", token)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        if config.reconstruction:
            self.reconstruct = reconstruction_head(config)

    def encode(
        self, features: Tensor, visible: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Read the features once: a first prediction, and what the decoder is conditioned on.

        Args:
            features: (B, C, T) float.
            visible: (B, T) bool, False where the mask token replaces the features; None sees everything.
            lengths: (B,) int, steps of each video; what lies beyond is padding, which changes nothing before
                it. None where all fill T. Best on the CPU, wherever the features are: see `valid_steps`.

        Returns:
            The encoder's logits (B, K, T) and the conditioning (B, E, T). With mask tokens at the decoder the
            encoder says nothing of invisible steps: their logits are 0.

        Raises:
            ValueError: the features are not (B, C, T) with the configured C, or `visible` is not (B, T).
        """
        if features.dim() != 3 or features.shape[1] != self.config.feature_dim:
            raise ValueError(
                f"features have shape {tuple(features.shape)}; "
                f"this model reads (B, {self.config.feature_dim}, T)"
            )
        valid = valid_steps(lengths, features.shape[2], features.device)
        if visible is None:
            return cast(tuple[Tensor, Tensor], self.encoder(features, valid))
        if visible.shape != (features.shape[0], features.shape[2]):
            raise ValueError(
                f"visible has shape {tuple(visible.shape)}; features of shape {tuple(features.shape)} "
                f"need ({features.shape[0]}, {features.shape[2]})"
            )
        if self.config.mask_at == "decoder":
            return self._encode_visible(features, visible if valid is None else visible & valid)
        masked = torch.where(visible[:, None], features, self.mask_token)
        return cast(tuple[Tensor, Tensor], self.encoder(masked, valid))

    def _encode_visible(self, features: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Encode the visible steps alone, then put them back between mask tokens, as a masked autoencoder."""
        order = visible.int().argsort(dim=1, descending=True, stable=True)  # (B, T) visible steps first
        back = order.argsort(dim=1)
        packed = features.gather(2, order[:, None].expand_as(features))  # (B, C, T)
        counted = valid_steps(visible.sum(dim=1), features.shape[2], features.device)
        logits, conditioning = self.encoder(packed, counted, order)
        logits = logits.gather(2, back[:, None].expand_as(logits))  # (B, K, T)
        conditioning = conditioning.gather(2, back[:, None].expand_as(conditioning))  # (B, E, T)
        return (
            torch.where(visible[:, None], logits, 0.0),
            torch.where(visible[:, None], conditioning, self.mask_token.to(conditioning)),
        )

    def decode(
        self, noisy: Tensor, step: Tensor, conditioning: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """Denoise labels once.

        Args:
            noisy: (B, K, T) float in [0, 1], noisy labels.
            step: (B,) int, diffusion step of each; on the CPU or where the rest is.
            conditioning: (B, E, T) float, from `encode`.
            lengths: (B,) int, as for `encode`.

        Returns:
            (B, K, T) logits of the clean labels.
        """
        valid = valid_steps(lengths, noisy.shape[2], noisy.device)
        prepared = self.decoder.prepare(conditioning, valid)
        return cast(Tensor, self.decoder(noisy, self.decoder.embed(step), prepared))

    def to_signal(self, labels: Tensor) -> Tensor:
        """Map labels or probabilities in [0, 1] to the range [-scale, scale] of the diffusion."""
        return (2 * labels - 1) * self.config.scale

    def to_labels(self, signal: Tensor) -> Tensor:
        """Map a noisy sample to labels in [0, 1], clamping what lies beyond: what the decoder sees."""
        scale = self.config.scale
        return (signal.clamp(-scale, scale) / scale + 1) / 2

    @torch.no_grad()
    def sample(
        self,
        features: Tensor,
        visible: Tensor | None = None,
        noise: NoiseSource | Tensor | None = None,
        sampling_steps: int | None = None,
        eta: float | None = None,
        lengths: Tensor | None = None,
        samples: int | None = None,
        encoded: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Segment the visible steps and anticipate the others, by DDIM from noise.

        What depends neither on the noisy labels nor on the diffusion step is computed once, before the loop,
        and for all samples of one video: they are a batch of the decoder alone.

        Args:
            features: (B, C, T) float; invisible steps may hold anything.
            visible: (B, T) bool, False for the future; None sees everything.
            noise: standard normal (B, K, T) values on the features' device: a function of (i, shape), or a
                tensor (steps + 1, B, K, T) read at i, where i = 0 is the start and i >= 1 is added after the
                i-th step (the last step adds none). None draws them from torch's global generator on the CPU,
                so that one seed gives the same labels on every device.
            sampling_steps: DDIM steps; None takes the configuration's.
            eta: fresh noise of DDIM; None takes the configuration's.
            lengths: (B,) int, as for `encode`.
            samples: so many of one video, each from noise of its own, in the place of B videos: B is 1 for
                features, visible and lengths, and `samples` for the noise and what is returned. None for one
                sample of each video.
            encoded: what `encode` returned of these features, where that is known already.

        Returns:
            (B, K, T) probabilities.

        Raises:
            ValueError: the model is in training mode (dropout would spoil the labels), a shape is wrong, or
                several samples are asked for of several videos.
        """
        if self.training:
            raise ValueError(
                "sample() on a model in training mode, where dropout is on; call model.eval() first"
            )
        if samples is not None and len(features) != 1:
            raise ValueError(f"samples is {samples}, of {len(features)} videos; give one video at a time")
        eta = self.config.eta if eta is None else eta
        sampling_steps = self.config.sampling_steps if sampling_steps is None else sampling_steps
        times = ddim_times(self.config.diffusion_steps, sampling_steps)
        shape = (len(features) if samples is None else samples, self.config.num_classes, features.shape[2])
        draw = _noise_source(noise, features)

        with full_float32(features.device):
            _, conditioning = self.encode(features, visible, lengths) if encoded is None else encoded
            valid = valid_steps(lengths, features.shape[2], features.device)
            prepared = self.decoder.prepare(conditioning, valid)
            embeddings = self.decoder.embed(torch.tensor([step for step, _ in times]))  # (steps, D)

            sample = draw(0, shape)  # (B, K, T)
            for i, (step, next_step) in enumerate(times):
                logits: Tensor = self.decoder(self.to_labels(sample), embeddings[i : i + 1], prepared)
                probabilities = logits.softmax(dim=1)
                fresh = draw(i + 1, shape) if eta > 0 and i + 1 < len(times) else None
                sample = self.schedule.ddim_step(
                    sample, self.to_signal(probabilities), step, next_step, eta, fresh
                )
        return probabilities


def valid_steps(lengths: Tensor | None, total: int, device: torch.device) -> Tensor | None:
    """(B, total) bool on `device`, True within each video of `lengths` (B,); None where nothing is padded.

    Of lengths on a GPU it is not asked whether anything is padded: the program would have to wait for them.
    """
    if lengths is None or (lengths.device.type == "cpu" and bool((lengths == total).all())):
        return None
    return torch.arange(total, device=device) < lengths.to(device)[:, None]


def _noise_source(noise: NoiseSource | Tensor | None, like: Tensor) -> NoiseSource:
    """See `ActFusion.sample`."""
    if noise is None:
        return lambda i, shape: torch.randn(shape, dtype=like.dtype).to(like.device)
    if isinstance(noise, Tensor):
        return lambda i, shape: noise[i]
    return noise


def reconstruction_head(config: ActFusionConfig) -> nn.Sequential:
    """From the conditioning (B, E, T) back to features (B, C, T). Source: ActFusion, Sec. E."""
    return nn.Sequential(
        nn.Conv1d(config.conditioning_dim, config.encoder_dim, 1),
        nn.ReLU(),
        nn.Conv1d(config.encoder_dim, config.feature_dim, 1),
    )


class Encoder(nn.Module):
    """Masked features to logits and conditioning. Source: ActFusion, eq. 4 and 5."""

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        dim, kernel = config.encoder_dim, config.encoder_kernel
        self.conditioning_layers = config.conditioning_layers
        self.drop_channels = nn.Dropout1d(config.channel_dropout)
        self.drop_steps = nn.Dropout1d(config.time_dropout)
        self.project_in = nn.Conv1d(config.feature_dim, dim, 1)
        self.position = _absolute_positions(config, dim)
        self.layers = nn.ModuleList(
            DilatedLayer(dim, kernel, 2**i, config.encoder_dropout, position=config.position)
            for i in range(config.encoder_layers)
        )
        self.project_out = nn.Conv1d(dim, config.num_classes, 1)

    def forward(
        self, features: Tensor, valid: Tensor | None = None, position: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """`position` (B, T) int is where each step lies in its video, if not where it lies here."""
        x = self._project_in(features)  # (B, D, T)
        if self.position is not None:
            if position is None:
                position = torch.arange(x.shape[2], device=x.device)
            x = x + self.position(position.clamp(max=MAX_POSITION - 1)).transpose(-1, -2)
        outputs = {INPUT: features}
        for i, layer in enumerate(cast(Iterable[DilatedLayer], self.layers)):
            x = outputs[i] = layer(x, layer.prepare(x.shape[2], valid=valid))
        logits = self.project_out(x)  # (B, K, T)
        outputs[PREDICTION] = logits.softmax(dim=1)
        return logits, torch.cat([outputs[i] for i in self.conditioning_layers], dim=1)

    def _project_in(self, features: Tensor) -> Tensor:
        """The first convolution; in training, of features without whole channels and whole time steps.

        Features are by far the largest tensor there is, 18 MB of a video against half a megabyte of what
        becomes of it. So their channels are dropped from the weights, and their steps from the outcome: that
        is the same, without a copy of them.
        """
        if not self.training:
            return cast(Tensor, self.project_in(features))
        batch, channels, steps = features.shape
        kept_channels = self.drop_channels(features.new_ones(batch, channels, 1))
        kept_steps = self.drop_steps(features.new_ones(batch, steps, 1))
        weight = self.project_in.weight[:, :, 0] * kept_channels.transpose(1, 2)  # (B, D, C)
        bias = cast(Tensor, self.project_in.bias)[:, None]
        return cast(Tensor, weight @ features * kept_steps.transpose(1, 2) + bias)


class Decoder(nn.Module):
    """Noisy labels, the diffusion step and the conditioning to logits. Source: ActFusion, eq. 6 and 7."""

    def __init__(self, config: ActFusionConfig) -> None:
        super().__init__()
        dim, kernel, width = config.decoder_dim, config.decoder_kernel, config.time_embedding_dim
        self.width = width
        self.time_mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.time_out = nn.Linear(width, dim)
        self.project_in = nn.Conv1d(config.num_classes, dim, 1)
        self.position = _absolute_positions(config, dim)
        self.layers = nn.ModuleList(
            DilatedLayer(
                dim,
                kernel,
                2**i,
                config.decoder_dropout,
                config.conditioning_dim,
                config.position,
                config.decoder_values,
            )
            for i in range(config.decoder_layers)
        )
        self.project_out = nn.Conv1d(dim, config.num_classes, 1)

    def embed(self, step: Tensor) -> Tensor:
        """Embed diffusion steps (N,) int, on the CPU or not, as (N, D) float on the decoder's device."""
        waves = sinusoidal_embedding(step, self.width).to(self.time_out.weight)  # (N, width)
        return cast(Tensor, self.time_out(self.time_mlp(waves)))

    def prepare(self, conditioning: Tensor, valid: Tensor | None = None) -> list[Prepared]:
        """What the layers need of the conditioning (B, E, T); the same for every diffusion step."""
        return [
            layer.prepare(conditioning.shape[2], conditioning, valid)
            for layer in cast(Iterable[DilatedLayer], self.layers)
        ]

    def forward(self, noisy: Tensor, embedding: Tensor, prepared: list[Prepared]) -> Tensor:
        x = self.project_in(noisy) + embedding[:, :, None]  # (B, D, T)
        if self.position is not None:
            position = torch.arange(x.shape[2], device=x.device).clamp(max=MAX_POSITION - 1)
            x = x + self.position(position).transpose(0, 1)
        for layer, context in zip(self.layers, prepared, strict=True):
            x = layer(x, context)
        return cast(Tensor, self.project_out(x))  # (B, K, T)


def _absolute_positions(config: ActFusionConfig, dim: int) -> nn.Embedding | None:
    return nn.Embedding(MAX_POSITION, dim) if config.position == "absolute" else None


def sinusoidal_embedding(step: Tensor, width: int) -> Tensor:
    """Sines, then cosines, of the step at frequencies from 1 down to 1/10000.

    Args:
        step: (N,) int.
        width: numbers per step, even.

    Returns:
        (N, width) float32.
    """
    half = width // 2
    exponent = torch.arange(half, device=step.device) / (half - 1)
    angles = step[:, None] * torch.exp(-math.log(10000) * exponent)  # (N, width / 2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Prepared(NamedTuple):
    """What a layer adds to its input's queries, keys, values and scores; see `DilatedLayer.prepare`."""

    query: Tensor  # (B, D, T) or (D, 1)
    key: Tensor  # (B, D, T) or (D, 1)
    value: Tensor  # (B, D, T) or (D, 1)
    score: Tensor  # (J, T), or (B, J, T) where videos are padded
    inside: Tensor  # of the same shape, float, 1 where the tap lies within the video
    valid: Tensor | None  # (B, 1, T) float, 1 within the video; None where nothing is padded


class DilatedLayer(nn.Module):
    """Dilated convolution and dilated attention side by side, then norm, feed-forward, residual.

    Position t convolves and attends to the same J taps t + dilation · (j - J // 2). Queries and keys see the
    conditioning beside the input, values only where asked to. Source: ASFormer's layer as DiffAct mixed it;
    ActFusion, Fig. S2.

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
        self.dropout = nn.Dropout(dropout)
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
        query = self._constant_part(self.query, conditioning)
        key = self._constant_part(self.key, conditioning)
        value = self._constant_part(self.value, conditioning)

        within = torch.ones(1, length, device=query.device) if valid is None else valid
        weight = within.to(query.dtype)[:, None]  # (B, 1, T)
        inside = _taps(weight, self.kernel, self.dilation)[:, 0]  # (B, J, T)
        if valid is None:
            inside = inside[0]  # (J, T)
        score = torch.log(inside + 1e-6)
        if self.position == "bias":
            score = score + self.position_bias[self._distance()][:, None] / math.sqrt(self.dim)
        return Prepared(query, key, value, score, inside, None if valid is None else weight)

    def _distance(self) -> Tensor:
        """(J,) int: how far each tap is from the first one, as the position tables count it."""
        tap = torch.arange(self.kernel, device=self.conv.weight.device)
        return (tap * self.dilation).clamp(max=MAX_DISTANCE)

    def _constant_part(self, projection: nn.Conv1d, conditioning: Tensor | None) -> Tensor:
        bias = cast(Tensor, projection.bias)[:, None]  # (D, 1)
        if conditioning is None or projection.in_channels == self.dim:
            return bias
        return F.conv1d(conditioning, projection.weight[:, self.dim :]) + bias  # (B, D, T)

    def forward(self, x: Tensor, prepared: Prepared) -> Tensor:
        dropped = self.dropout(x)  # (B, D, T)
        if prepared.valid is not None:
            dropped = dropped * prepared.valid  # beyond its end, a video is as empty as beyond T
        mixed = self._convolve(dropped) + self.attention(dropped, prepared)
        return x + cast(Tensor, self.feed_forward(self._normalise(mixed, prepared.valid)))

    def _convolve(self, x: Tensor) -> Tensor:
        """The dilated convolution; where several samples of a video are drawn on the CPU, tap by tap.

        Torch pads, and computes what lies outside, too: at (8, 32, 300) with 5 taps, 0.32 against 0.20 ms.
        """
        if len(x) == 1 or x.device.type != "cpu" or torch.is_grad_enabled():
            return cast(Tensor, self.conv(x))
        taps = self.conv.weight.permute(2, 0, 1)[:, None].expand(-1, len(x), -1, -1)  # (J, B, D, D)
        out = torch.baddbmm(cast(Tensor, self.conv.bias)[:, None], taps[self.kernel // 2], x)  # (B, D, T)
        for j, here, there in _shifts(x.shape[2], self.kernel, self.dilation):
            if j != self.kernel // 2:
                out[:, :, here].baddbmm_(taps[j], x[:, :, there])
        return out

    def _normalise(self, x: Tensor, valid: Tensor | None) -> Tensor:
        """Instance norm over the steps of each video."""
        if valid is None:
            # One step alone is its own mean: normalised it is 0. Torch refuses to say so.
            return cast(Tensor, self.norm(x)) if x.shape[2] > 1 else torch.zeros_like(x)
        count = valid.sum(dim=2, keepdim=True).clamp(min=1)  # (B, 1, 1)
        centred = x - (x * valid).sum(dim=2, keepdim=True) / count
        variance = (centred.square() * valid).sum(dim=2, keepdim=True) / count
        return centred * (variance + self.norm.eps).rsqrt()

    def attention(self, x: Tensor, prepared: Prepared) -> Tensor:
        query = F.conv1d(x, self.query.weight[:, : self.dim]) + prepared.query  # (B, D, T)
        key = F.conv1d(x, self.key.weight[:, : self.dim]) + prepared.key
        if prepared.valid is not None:
            key = key * prepared.valid
        scores = TapDot.apply(query, key, self.kernel, self.dilation)  # (B, J, T)
        if self.position == "embedding":
            scores = scores + torch.einsum("bdt,jd->bjt", query, self.position_embedding[self._distance()])
        weights = (scores / math.sqrt(self.dim) + prepared.score).softmax(dim=1) * prepared.inside
        value = F.conv1d(x, self.value.weight[:, : self.dim]) + prepared.value
        return cast(Tensor, TapMix.apply(weights, value, self.dilation))  # (B, D, T)


# The two halves of dilated attention, between position t and its taps t + offset[j]. Plain autograd would
# keep a shifted copy of keys and values per tap for the backward pass; but the gradients are the same two
# operations again, and a scatter:
#   dot(q, k)[j, t] = q[t] · k[t + offset[j]]        mix(w, v)[t] = sum_j w[j, t] v[t + offset[j]]
#   scatter(w, x)[t + offset[j]] += w[j, t] x[t]
# Forward and backward on one core, against autograd through stacked shifted copies: 0.8 against 2.1 ms at
# (8, 64, 200) with 5 taps, 3.9 against 11.7 ms at (1, 256, 1500).


class TapDot(torch.autograd.Function):
    """Dot product of each query with the keys at its taps: (B, D, T), (B, D, T) -> (B, J, T)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, kernel: int, dilation: int) -> Tensor:
        ctx.save_for_backward(query, key)
        ctx.dilation = dilation
        return _dot(query, key, kernel, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query, key = ctx.saved_tensors
        return _mix(grad, key, ctx.dilation), _scatter(grad, query, ctx.dilation), None, None


class TapMix(torch.autograd.Function):
    """Sum of the values at each position's taps, weighted: (B, J, T), (B, D, T) -> (B, D, T)."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, value: Tensor, dilation: int) -> Tensor:
        ctx.save_for_backward(weights, value)
        ctx.dilation = dilation
        return _mix(weights, value, dilation)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        weights, value = ctx.saved_tensors
        return _dot(grad, value, weights.shape[1], ctx.dilation), _scatter(weights, grad, ctx.dilation), None


def _dot(x: Tensor, y: Tensor, kernel: int, dilation: int) -> Tensor:
    if _at_once(x, kernel):
        return (x[:, :, None] * _taps(y, kernel, dilation)).sum(dim=1)
    out = x.new_zeros(len(x), kernel, x.shape[2], dtype=torch.result_type(x, y))
    for j, here, there in _shifts(x.shape[2], kernel, dilation):
        out[:, j, here] = (x[:, :, here] * y[:, :, there]).sum(dim=1)
    return out


def _mix(weights: Tensor, x: Tensor, dilation: int) -> Tensor:
    kernel = weights.shape[1]
    if _at_once(x, kernel):
        return (weights[:, None] * _taps(x, kernel, dilation)).sum(dim=2)
    out = weights[:, kernel // 2, None] * x  # the centre tap, which is always inside
    for j, here, there in _shifts(x.shape[2], kernel, dilation):
        if j != kernel // 2:
            out[:, :, here].addcmul_(weights[:, j, None, here], x[:, :, there])
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
    for j, here, there in _shifts(x.shape[2], kernel, dilation):
        if j != kernel // 2:
            out[:, :, there].addcmul_(weights[:, j, None, here], x[:, :, here])
    return out


def _shifts(length: int, kernel: int, dilation: int) -> Iterator[tuple[int, slice, slice]]:
    """Each tap j that lies inside for some position, those positions t, and what they see, t + offset[j]."""
    for j in range(kernel):
        offset = (j - kernel // 2) * dilation
        if abs(offset) < length:
            yield (
                j,
                slice(max(0, -offset), length - max(0, offset)),
                slice(max(0, offset), length + min(0, offset)),
            )
