"""Training of the bundled ActFusion, in steps that a stopped run goes on from."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from actfusion_stream.kitchen.script import CLASS_NAMES
from actfusion_stream.models.actfusion import ActFusion, ActFusionConfig
from actfusion_stream.models.losses import LossConfig, balanced_class_weights, training_losses
from actfusion_stream.models.masking import MaskConfig

from ..training.averaging import averaged
from ..training.resume import save_whole
from .sequences import ANTICIPATING, MASKS, SequenceSource, draw_batch

CONFIG = ActFusionConfig(
    feature_dim=256,
    num_classes=len(CLASS_NAMES),
    encoder_layers=10,
    encoder_dim=64,
    encoder_kernel=5,
    encoder_dropout=0.2,
    channel_dropout=0.2,
    time_dropout=0.2,
    conditioning_layers=(5, 7, 9),
    decoder_layers=8,
    decoder_dim=32,
    decoder_kernel=5,
    decoder_dropout=0.1,
    decoder_values="both",
    time_embedding_dim=128,
    sampling_steps=4,  # on validation kitchens as right as 8, in half the time
)
LOSSES = LossConfig(encoder_smoothing=0.025, decoder_smoothing=0.025)
_EMA_DECAY = 0.998
_SAVE_EVERY = 250  # steps

log = logging.getLogger("build_demo")


@dataclass(frozen=True)
class Round:
    """One rise and fall of the learning rate.

    Attributes:
        name: of its files.
        number: from which its random numbers are drawn.
        rate: highest learning rate.
        scale: of the labels in the diffusion, against noise of one. Labels of a segment agree, so that even
            faint ones say which it is: the smaller, the later in denoising is a future decided upon.
        streaming_share, masks: as for `draw_batch`.
    """

    name: str
    number: int
    rate: float
    scale: float
    streaming_share: float
    masks: MaskConfig


FIRST = Round("model", 8, 1e-3, 0.5, 0.6, MASKS)
SECOND = Round("model-2", 9, 6e-4, 0.5, 0.4, ANTICIPATING)
THIRD = Round("model-3", 10, 8e-4, 0.2, 0.4, ANTICIPATING)
FOURTH = Round("model-4", 12, 8e-4, 0.2, 0.5, ANTICIPATING)


def train(
    source: SequenceSource,
    work: Path,
    steps: int,
    of: Round = FIRST,
    begin: ActFusion | None = None,
    batch: int = 12,
) -> ActFusion:
    """Train, or pick up where a run was stopped.

    Args:
        source: of sequences.
        work: folder for what a stopped run goes on from.
        steps: of the round.
        of: which round it is.
        begin: weights to begin with; None for new ones.
        batch: sequences a step, at most.

    Returns:
        The moving average of the weights, in eval mode.
    """
    resume, final = work / f"{of.name}.resume.pt", work / f"{of.name}.pt"
    torch.manual_seed(0)
    model = ActFusion(replace(CONFIG, scale=of.scale))
    if begin is not None:
        model.load_state_dict(begin.state_dict())
    average = averaged(model, _EMA_DECAY, early=9)
    outcome = cast(ActFusion, average.module)
    if final.exists():
        outcome.load_state_dict(torch.load(final, weights_only=True))
        return outcome
    optimizer = torch.optim.Adam(model.parameters(), lr=of.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, of.rate, total_steps=steps, pct_start=0.1)
    first = 0
    if resume.exists():
        saved = torch.load(resume, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        schedule.load_state_dict(saved["schedule"])
        first = saved["step"]
        log.info("%s: resumed at step %d", of.name, first)
    counts = np.bincount(np.concatenate([v.labels for v in source.videos]), minlength=len(CLASS_NAMES))
    weights = torch.from_numpy(balanced_class_weights(counts))
    started, losses = time.perf_counter(), []
    model.train()
    for step in range(first, steps):
        # By step, so that a resumed run sees what an unbroken one sees.
        rng = np.random.default_rng([of.number, step])
        torch.manual_seed(step)
        features, labels, boundary, visible = draw_batch(source, batch, rng, of.streaming_share, of.masks)
        times = torch.randint(CONFIG.diffusion_steps, (len(features),))
        noise = torch.randn(len(features), CONFIG.num_classes, features.shape[2])
        result = training_losses(model, features, labels, boundary, visible, times, noise, LOSSES, weights)
        optimizer.zero_grad(set_to_none=True)
        result["total"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        losses.append(result["total"].item())
        if (step + 1) % _SAVE_EVERY == 0:
            pace = (time.perf_counter() - started) / (step + 1 - first)
            log.info(
                "%s: step %d/%d, loss %.3f, %.1f min left",
                of.name, step + 1, steps, np.mean(losses[-_SAVE_EVERY:]), pace * (steps - step - 1) / 60,
            )  # fmt: skip
            state = {"model": model.state_dict(), "average": average.state_dict(), "step": step + 1}
            state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
            save_whole(state, resume)
    save_whole(outcome.state_dict(), final)
    return outcome
