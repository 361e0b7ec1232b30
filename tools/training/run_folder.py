"""What a training run leaves in its folder: checkpoints, and the state that it goes on from."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from actfusion_stream.errors import StreamError
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.weights.checkpoint import Checkpoint, load_checkpoint
from actfusion_stream.weights.familiarity import Familiarity

from ..data.dataset import FeatureSource
from .resume import save_whole
from .trainer import Trainer


class RunFolder:
    """The folder of one run.

    Args:
        folder: created if it is not there.
        trainer: of the run.
        source: the features it learns from, whose extractor goes into the checkpoints.
        about: what the checkpoints say of their training; a run is resumed under the same only.
        familiarity: what those features look like; None where that says nothing.

    Attributes:
        best: mean score of the best epoch so far; minus infinity before the first is scored.
    """

    def __init__(
        self,
        folder: Path,
        trainer: Trainer,
        source: FeatureSource,
        about: dict[str, Any],
        familiarity: Familiarity | None,
    ) -> None:
        self._folder, self._trainer, self._about, self._familiarity = folder, trainer, about, familiarity
        self._class_names = source.dataset.class_names
        self._extractor, self._extractor_state = source.extractor, source.extractor_state()
        if self._extractor is not None:  # the model reads every so many of them
            stride = self._extractor.stride * trainer.preset.sample_rate
            self._extractor = replace(self._extractor, stride=stride)
        self._state = folder / "resume.pt"
        self.best = float("-inf")
        folder.mkdir(parents=True, exist_ok=True)

    def resume(self) -> bool:
        """Bring the trainer to where the run was stopped; whether there was one.

        Raises:
            StreamError: the folder holds another run, or a damaged one.
        """
        if not self._state.exists():
            return False
        try:
            # To the CPU: what belongs on a GPU is copied there, and Adam's counters stay where it wants them.
            saved = torch.load(self._state, map_location="cpu", weights_only=True)
            if saved["about"] != json.dumps(self._about):
                raise StreamError(
                    f"out {self._folder}: holds a run with other settings; give another folder, or remove it"
                )
            self._trainer.load_state(saved)
            self.best = saved["best"]
        except (RuntimeError, ValueError, TypeError, LookupError, EOFError, pickle.UnpicklingError) as error:
            raise StreamError(f"{self._state}: damaged; remove it to start the run anew") from error
        return True

    def save_state(self) -> None:
        """Keep what the next epoch depends on."""
        about = json.dumps(self._about)
        save_whole({**self._trainer.state(), "best": self.best, "about": about}, self._state)

    def learn_doubt(self, doubt_of: Callable[[ActFusion], float]) -> None:
        """Let the best checkpoint say how far its several futures are to be trusted."""
        path = self._folder / "best.safetensors"
        best = load_checkpoint(path)
        replace(best, doubt=doubt_of(best.model(self._trainer.device))).save(path)

    def save_checkpoint(self, name: str, scores: dict[str, float]) -> None:
        """Write the network as it is now, to run by itself."""
        preset = self._trainer.preset
        weights = self._trainer.outcome().state_dict()
        Checkpoint(
            class_names=self._class_names,
            model_config=preset.model,
            model_state={key: value.cpu() for key, value in weights.items()},
            extractor_spec=self._extractor,
            extractor_state=self._extractor_state,
            median=max(1, preset.median),
            familiarity=self._familiarity,
            training={**self._about, "epoch": self._trainer.epoch, "scores": scores},
        ).save(self._folder / name)
