"""The network, the optimizer and the average of the weights, an epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.losses import balanced_class_weights, training_losses

from .augmentation import SegmentPool
from .averaging import averaged
from .batches import Batch, collate, draw_example, group_videos
from .examples import Example
from .prefetch import Prefetched
from .presets import Preset
from .settings import EPOCH, Settings


class Trainer:
    """One run: the network, the optimizer, and where they stand.

    Args:
        preset: with the data's `feature_dim` and `num_classes`.
        settings: of the run.
        examples: the training videos.
        micro_batch: most videos in one padded pass, see `group_videos`; the optimizer still steps after
            `preset.batch_size`.
        device: where it runs; mixed precision on a GPU.

    Attributes:
        epoch: epochs done.
        model: the network in training.
        waited: seconds for which the last epoch waited for features to be read.
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
        self.epoch, self.waited = 0, 0.0
        self._threads = torch.get_num_threads() if device.type == "cpu" else None
        self.model = ActFusion(preset.model).to(device)
        self._average = averaged(self.model, preset.average) if preset.average else None
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), preset.learning_rate, weight_decay=preset.weight_decay
        )
        counts = np.bincount(
            np.concatenate([example.labels for example in examples]), minlength=preset.model.num_classes
        )
        self.class_weights = torch.from_numpy(balanced_class_weights(counts)).to(device)

    def run_epoch(self, progress: Callable[[float], object] = lambda done: None) -> dict[str, float]:
        """Every training video once; returns the mean of each loss.

        Args:
            progress: told after every step of the optimizer what share of the videos is done.

        Raises:
            StreamError: the features of a video cannot be read, or are not finite.
        """
        # By epoch, so that a resumed run draws what an unbroken one draws.
        rng = np.random.default_rng([self.settings.seed, EPOCH, self.epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        self.model.train()
        order = rng.permutation(len(self.examples))
        names: list[str] = []
        measured: list[tuple[int, Tensor]] = []  # of each pass: its videos, and (losses,)
        done = 0
        passes = Prefetched(self._passes(order, rng))
        for batch, last in passes:
            losses = self._backward(batch.to(self.device))
            names = list(losses)
            measured.append((len(batch.lengths), torch.stack(list(losses.values()))))
            done += len(batch.lengths)
            if last:
                self._update()
                progress(done / len(order))
        self.epoch += 1
        self.waited = passes.waited
        # Read once an epoch: a GPU has to finish what it is doing before it can say a number.
        values = torch.stack([losses for _, losses in measured]).cpu().double()  # (passes, losses)
        counts = torch.tensor([count for count, _ in measured], dtype=torch.double)
        return dict(zip(names, (counts @ values / len(order)).tolist(), strict=True))

    def outcome(self) -> ActFusion:
        """The network that is scored and saved, in eval mode: the averaged one where an average is kept."""
        if self._average is None:
            return self.model.eval()
        return cast(ActFusion, self._average.module)

    def _passes(
        self, order: NDArray[np.integer[Any]], rng: np.random.Generator
    ) -> Iterator[tuple[Batch, bool]]:
        """What the network sees, pass by pass, on the CPU; and whether the optimizer steps after it."""
        preset = self.preset
        for first in range(0, len(order), preset.batch_size):
            draws = [
                draw_example(
                    self._pool.swap(self.examples[i], preset.swap, rng),
                    preset,
                    self.settings.no_length,
                    rng,
                )
                for i in order[first : first + preset.batch_size]
            ]
            lengths = [len(draw.labels) for draw in draws]
            groups = group_videos(lengths, self.micro_batch, self._threads)
            for group in groups:
                batch = collate([draws[i] for i in group])
                yield batch.pinned() if self.device.type == "cuda" else batch, group is groups[-1]

    def _backward(self, batch: Batch) -> dict[str, Tensor]:
        """Add the gradients of one pass; its losses."""
        losses = self._losses(batch)
        # Each video weighs 1 / batch size, in whatever company it passes.
        (losses["total"] * len(batch.lengths) / self.preset.batch_size).backward()
        return {name: loss.detach() for name, loss in losses.items()}

    def _update(self) -> None:
        """Step the optimizer, and the average."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self._average is not None:
            self._average.update_parameters(self.model)

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        count, longest = batch.labels.shape
        step = torch.randint(self.preset.model.diffusion_steps, (count,))  # on the CPU, see `training_losses`
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
