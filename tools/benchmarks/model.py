"""What a full pass of the network costs, beside the authors' release; several futures, and any length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.released import convert_state_dict

from .released import ReleasedActFusion
from .rows import Row, Setting, in_turns

_OBSERVED = 2 / 3  # of what a stream's tick looks at, by its own horizon
_FUTURES = 16
SMALL = ActFusionConfig(
    feature_dim=3,
    num_classes=4,
    encoder_layers=2,
    encoder_dim=4,
    conditioning_layers=(1,),
    decoder_layers=1,
    decoder_dim=4,
    time_embedding_dim=8,
    sampling_steps=2,
)


def both(config: ActFusionConfig, device: torch.device) -> tuple[ReleasedActFusion, ActFusion]:
    """The release's network and ours, of the same random weights, in eval mode."""
    torch.manual_seed(0)
    released, ours = ReleasedActFusion(config), ActFusion(config)
    ours.load_state_dict(convert_state_dict(released.state_dict(), config))
    return released.to(device).eval(), ours.to(device).eval()


def model_rows(setting: Setting) -> Iterator[Row]:
    """The 50 Salads preset: a full pass by length, a tick in the stream, futures, long buffers."""
    config = SMALL if setting.small else ActFusionConfig()
    released, ours = both(config, setting.device)
    seconds = {}
    for steps in [40, 60] if setting.small else [360, 1440, 2160, 4000]:
        features, noise = _drawn(config, steps, setting.device)
        visible = torch.arange(steps, device=setting.device)[None] < int(_OBSERVED * steps)
        ways = {
            "plain": lambda: released.sample(features, visible, noise),  # noqa: B023 - called at once
            "ours": lambda: ours.sample(features, visible, noise),  # noqa: B023
        }
        apart = float((ways["plain"]() - ways["ours"]()).abs().max())
        took = in_turns(ways, setting)
        seconds[steps] = took["plain"]
        yield Row(
            f"full pass, 50 Salads preset, T {steps}, {config.sampling_steps} steps",
            "the release's code",
            took["plain"],
            took["ours"],
            target=6.0 if steps == 1440 else 5.0,
            note=f"largest difference {apart:.0e}",
        )
    steps = 60 if setting.small else 2160
    yield _tick_row(ours, steps, seconds[steps], setting)
    yield from _futures_rows(ours, steps, setting)
    yield from _length_rows(ours, setting)


def _drawn(config: ActFusionConfig, steps: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (1, C, T) and noise (sampling steps, 1, K, T)."""
    source = torch.Generator().manual_seed(1)
    features = torch.randn(1, config.feature_dim, steps, generator=source)
    noise = torch.randn(config.sampling_steps, 1, config.num_classes, steps, generator=source)
    return features.to(device), noise.to(device)


class _Stream:
    """A stream whose buffer is full, and rolls on by a feature from tick to tick."""

    def __init__(self, model: ActFusion, steps: int, futures: int, calm: bool) -> None:
        self.observed = int(_OBSERVED * steps)
        self.future = steps - self.observed
        rng = np.random.default_rng(1)
        self.features = torch.from_numpy(
            rng.standard_normal((model.config.feature_dim, self.observed + 64), np.float32)
        ).to(model.mask_token.device)
        self.predictor = Predictor(model, samples=futures, calm=calm)
        self.first = 0

    def tick(self) -> None:
        start = self.first % 64
        self.predictor(self.features[:, start : start + self.observed], self.first, self.future)
        self.first += 1


def _tick_row(model: ActFusion, steps: int, released: float, setting: Setting) -> Row:
    stream = _Stream(model, steps, 1, calm=True)
    took = in_turns({"tick": stream.tick}, setting)
    return Row(
        f"a tick in the stream, 50 Salads preset, T {steps}",
        "a full pass of the release's code",
        released,
        took["tick"],
        target=20.0,
    )


def _futures_rows(model: ActFusion, steps: int, setting: Setting) -> Iterator[Row]:
    """What several futures cost beside one: that ratio is below 1."""
    streams = {count: _Stream(model, steps, count, calm=True) for count in (1, _FUTURES)}
    took = in_turns({count: stream.tick for count, stream in streams.items()}, setting)
    yield Row(
        f"a tick of {_FUTURES} futures, 50 Salads preset, T {steps}",
        "a tick of one",
        took[1],
        took[_FUTURES],
        target=0.2,
    )


def _length_rows(model: ActFusion, setting: Setting) -> Iterator[Row]:
    """The cost of a tick by what the buffer holds: linear."""
    for steps in [60, 120] if setting.small else [1250, 2500, 5000, 10_000]:
        stream = _Stream(model, steps, 1, calm=True)
        took = in_turns({"tick": stream.tick}, replace(setting, rounds=min(3, setting.rounds)))
        yield Row(
            f"a tick in the stream, 50 Salads preset, by length: T {steps}",
            "",
            None,
            took["tick"],
            note=f"{1e6 * took['tick'] / steps:.1f} us a step",
        )
