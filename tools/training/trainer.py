"""The network, the optimizer and the average of the weights, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.losses import balanced_class_weights, training_losses

from .augmentation import SegmentPool
from .averaging import averaged
from .batches import Batch, collate, draw_example
from .examples import Example
from .presets import Preset
from .settings import EPOCH, Settings


class Trainer:
    """One run: the network, the optimizer, and where they stand.

    Args:
        preset: with the data's `feature_dim` and `num_classes`.
        settings: of the run.
        examples: the training videos.
        micro_batch: most videos in one padded pass; the optimizer still steps after `preset.batch_size`.
        device: where it runs; mixed precision on a GPU.

    Attributes:
        epoch: epochs done.
        model: the network in training.
    """

    def __init__(
        self,
        preset: Preset,
        settings: Settings,
        examples: list[Example],
        micro_batch: int,
        device: torch.device,
    ) -> None:
        torch.manual_seed(settings.seed)
        self.preset, self.settings, self.examples = preset, settings, examples
        self._pool = SegmentPool(examples)
        self.micro_batch, self.device = micro_batch, device
        self.epoch = 0
        self.model = ActFusion(preset.model).to(device)
        self._average = averaged(self.model, preset.average) if preset.average else None
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), preset.learning_rate, weight_decay=preset.weight_decay
        )
        counts = np.bincount(
            np.concatenate([example.labels for example in examples]), minlength=preset.model.num_classes
        )
        self.class_weights = torch.from_numpy(balanced_class_weights(counts)).to(device)

    def run_epoch(self) -> dict[str, float]:
        """Every training video once; returns the mean of each loss."""
        # By epoch, so that a resumed run draws what an unbroken one draws.
        rng = np.random.default_rng([self.settings.seed, EPOCH, self.epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.model.train()
        sums: dict[str, float] = {}
        order = rng.permutation(len(self.examples))
        for first in range(0, len(order), self.preset.batch_size):
            drawn = [
                draw_example(
                    self._pool.swap(self.examples[i], self.preset.swap, rng),
                    self.preset,
                    self.settings.no_length,
                    rng,
                )
                for i in order[first : first + self.preset.batch_size]
            ]
            self.optimizer.zero_grad(set_to_none=True)
            for batch in self._passes(drawn):
                losses = self._losses(batch)
                # Each video weighs 1 / batch size, in whatever company it passes.
                (losses["total"] * len(batch.lengths) / self.preset.batch_size).backward()
                for name, loss in losses.items():
                    sums[name] = sums.get(name, 0.0) + loss.item() * len(batch.lengths)
            self.optimizer.step()
            if self._average is not None:
                self._average.update_parameters(self.model)
        self.epoch += 1
        return {name: value / len(order) for name, value in sums.items()}

    def outcome(self) -> ActFusion:
        """The network that is scored and saved, in eval mode: the averaged one where an average is kept."""
        if self._average is None:
            return self.model.eval()
        return cast(ActFusion, self._average.module)

    def _passes(self, drawn: list[tuple[np.ndarray, ...]]) -> Iterator[Batch]:
        """The videos of one optimizer step in padded passes, alike in length so that little is padding."""
        by_length = sorted(drawn, key=lambda video: len(video[1]))
        for first in range(0, len(by_length), self.micro_batch):
            yield collate(by_length[first : first + self.micro_batch]).to(self.device)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        count, longest = batch.labels.shape
        step = torch.randint(self.preset.model.diffusion_steps, (count,), device=self.device)
        noise = torch.randn(count, self.preset.model.num_classes, longest, device=self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            return training_losses(
                self.model,
                batch.features,
                batch.labels,
                batch.boundary,
                batch.visible,
                step,
                noise,
                self.preset.loss,
                self.class_weights,
                batch.lengths,
                batch.scored,
            )

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on."""
        return {
            "model": self.model.state_dict(),
            "average": None if self._average is None else self._average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.model.load_state_dict(state["model"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
