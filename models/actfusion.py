"""ActFusion: segments the observed part of a video and anticipates its future with one diffusion model.

Gong, Kwak & Cho, "ActFusion: A Unified Diffusion Model for Action Segmentation and Anticipation" (NeurIPS
2024), built on DiffAct (ICCV 2023) and ASFormer (BMVC 2021). A masked encoder turns features into logits and
conditioning; a decoder denoises action labels under it. Before the encoder, a learned mask token replaces
steps that are not visible (the future, or what training hides): segmentation and anticipation are one call.

Shapes: B videos, C feature channels, K classes, T feature steps, D channels within encoder or decoder, E
conditioning channels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from .diffusion import CosineSchedule, ddim_times
from .dilated import DilatedLayer, Position, Prepared, Values, pointwise, product
from .precision import full_float32

INPUT = -1  # in `conditioning_layers`: the masked input features
PREDICTION = -2  # in `conditioning_layers`: the encoder's softmaxed prediction
MAX_POSITION = 10_000  # steps beyond share the last absolute position

MaskToken = Literal["learned", "zero"]
MaskAt = Literal["encoder", "decoder"]

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
        if visible is not None and visible.shape != (features.shape[0], features.shape[2]):
            raise ValueError(
                f"visible has shape {tuple(visible.shape)}; features of shape {tuple(features.shape)} "
                f"need ({features.shape[0]}, {features.shape[2]})"
            )
        if visible is not None and self.config.mask_at == "decoder":
            return self._encode_visible(features, visible if valid is None else visible & valid)
        return cast(
            tuple[Tensor, Tensor], self.encoder(features, valid, visible=visible, token=self.mask_token)
        )

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
        self,
        features: Tensor,
        valid: Tensor | None = None,
        position: Tensor | None = None,
        visible: Tensor | None = None,
        token: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """`position` (B, T) int is where each step lies in its video, if not where it lies here.

        Where `visible` (B, T) is False, the features are `token` (1, C, 1).
        """
        x = self._project_in(features, visible, token)  # (B, D, T)
        if self.position is not None:
            if position is None:
                position = torch.arange(x.shape[2], device=x.device)
            x = x + self.position(position.clamp(max=MAX_POSITION - 1)).transpose(-1, -2)
        outputs = {}
        for i, layer in enumerate(cast(Iterable[DilatedLayer], self.layers)):
            x = outputs[i] = layer(x, layer.prepare(x.shape[2], valid=valid))
        logits = pointwise(self.project_out, x)  # (B, K, T)
        if INPUT in self.conditioning_layers:
            outputs[INPUT] = features
            if visible is not None and token is not None:
                outputs[INPUT] = torch.where(visible[:, None], features, token)
        if PREDICTION in self.conditioning_layers:
            outputs[PREDICTION] = logits.softmax(dim=1)
        return logits, torch.cat([outputs[i] for i in self.conditioning_layers], dim=1)

    def _project_in(
        self, features: Tensor, visible: Tensor | None = None, token: Tensor | None = None
    ) -> Tensor:
        """The first convolution; in training, of features without whole channels and whole time steps.

        Features are by far the largest tensor there is, 18 MB of a video against half a megabyte of what
        becomes of it. So their channels are dropped from the weights, their steps from the outcome, and the
        token is projected by itself: that is the same, without a copy of them.
        """
        batch, channels, steps = features.shape
        weight, bias = self.project_in.weight[:, :, 0], cast(Tensor, self.project_in.bias)[:, None]
        if self.training:
            kept_channels = self.drop_channels(features.new_ones(batch, channels, 1))
            weight = weight * kept_channels.transpose(1, 2)  # (B, D, C)
        x = product(weight, features)  # (B, D, T)
        if visible is not None and token is not None:
            x = torch.where(visible[:, None], x, weight @ token)
        if self.training:
            x = x * self.drop_steps(features.new_ones(batch, steps, 1)).transpose(1, 2)
        return x + bias


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
        x = pointwise(self.project_in, noisy, embedding[:, :, None])  # (B, D, T)
        if self.position is not None:
            position = torch.arange(x.shape[2], device=x.device).clamp(max=MAX_POSITION - 1)
            x = x + self.position(position).transpose(0, 1)
        for layer, context in zip(self.layers, prepared, strict=True):
            x = layer(x, context)
        return pointwise(self.project_out, x)  # (B, K, T)


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
