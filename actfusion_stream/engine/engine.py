"""The weights of a checkpoint on a device: loaded once, they serve any number of sessions."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from actfusion_stream.engine.predictor import Predictor
from actfusion_stream.engine.session import Session
from actfusion_stream.engine.settings import FUTURES, MEMORY_SECONDS, Horizon, Settings
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.precision import AUTO
from actfusion_stream.extractors.spec import fingerprint
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.weights.checkpoint import Checkpoint, build, load_checkpoint
from actfusion_stream.weights.extractor_choice import ExtractorChoice, open_extractor

_process: int | None = None  # that first loaded an engine: torch's threads are in it alone


class Engine:
    """An extractor and a model, ready to compute. Made by `Engine.load`.

    It has no state of its own: sessions may use it from several threads at once.

    Attributes:
        checkpoint: how the checkpoint is called, "bundled" for the one that comes with the program.
        fingerprint: of the model's weights.
        class_names: the classes of the checkpoint, in order.
        extractor: pictures to features.
        model: features to labels, in eval mode.
        median: feature steps of the filter over each class's probabilities.
        device: where both compute.
        familiarity: what the features of training looked like; None where the checkpoint does not say.
        doubt: how likely what comes next is in none of the futures that the model draws.
        warning: what is odd about the extractor that was forced upon the model, None if nothing is.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        extractor: Extractor,
        model: ActFusion,
        device: torch.device,
        name: str = "bundled",
        warning: str | None = None,
    ) -> None:
        self.checkpoint, self.fingerprint = name, fingerprint(checkpoint.model_state)
        self.class_names = checkpoint.class_names
        self.extractor, self.model, self.median = extractor, model, checkpoint.median
        self.device, self.warning = device, warning
        self.familiarity = checkpoint.familiarity
        self.doubt = checkpoint.doubt
        global _process
        _process = _process or os.getpid()

    @classmethod
    def load(
        cls,
        checkpoint: str | Path | None = None,
        *,
        device: str | torch.device | None = None,
        extractor: str | ExtractorChoice | None = None,
        force_extractor: bool = False,
        precision: str = AUTO,
    ) -> Engine:
        """Read a checkpoint and put it on a device.

        Args:
            checkpoint: a .safetensors file of this program; None for the bundled one, which knows only the
                drawn kitchen.
            device: torch device; None takes a GPU where there is one.
            extractor: what to watch with, by name, e.g. "i3d"; None for the one that the checkpoint brings.
            force_extractor: take another one than the model was trained with.
            precision: in which it computes features, "float32", "bfloat16", or "auto" for what is fast here.

        Raises:
            StreamError: the checkpoint, the extractor or the device cannot be used; the message says why.

        Example:
            >>> engine = Engine.load(device="cpu")
            >>> session = engine.session(horizon="20s")
        """
        place = choose_device(device)
        _check_process(place)
        loaded = load_checkpoint(checkpoint)
        name = "bundled" if checkpoint is None else str(checkpoint)
        given, warning = None, None
        if extractor is not None:
            choice = ExtractorChoice(extractor) if isinstance(extractor, str) else extractor
            given, warning = open_extractor(
                choice, loaded.extractor_spec, f"checkpoint {name}", place, force_extractor, precision
            )
        built, model = build(loaded, checkpoint, place, given, precision)
        return cls(loaded, built, model, place, name, warning)

    @property
    def lookahead(self) -> float:
        """Seconds of video that a feature needs after its own time: so the past trails."""
        return self.extractor.spec.lookahead

    def session(
        self,
        *,
        horizon: str | float = 0.5,
        tick: float | None = None,
        memory: float = MEMORY_SECONDS,
        futures: int = FUTURES,
        calm: bool = True,
        seed: int = 0,
    ) -> Session:
        """Begin to watch a source, frame by frame.

        Args:
            horizon: how far to anticipate, as a ratio of the observed length (0.5) or in seconds ("20s").
            tick: seconds of video from one run of the model to the next; None for as often as
                features come, up to four times a second.
            memory: seconds that the model looks back on; labels of what is older are final.
            futures: how many are drawn at every tick, from 1 to 64; probabilities are shares of them.
            calm: change what was said of the past for a reason only; False for each tick by itself, as
                published.
            seed: of the noise that the model starts from; another one draws other futures.

        Raises:
            StreamError: a setting makes no sense.

        Example:
            >>> session = engine.session(horizon="20s")
            >>> tick = session.push(np.zeros((240, 320, 3), np.uint8), 0.0)
        """
        return Session(self, Settings(Horizon.parse(horizon), tick, memory, futures, calm, seed))

    def check_process(self) -> None:
        """Make sure that this process can compute.

        Raises:
            StreamError: it was forked from one that had loaded an engine, whose threads are not here.
        """
        _check_process(self.device)

    def predictor(self, futures: int = FUTURES, calm: bool = True, seed: int = 0) -> Predictor:
        """The model with the noise of one new stream.

        Args:
            futures: how many are drawn at every tick.
            calm: as for `session`.
            seed: as for `session`.
        """
        return Predictor(self.model, self.median, futures, calm, seed)


def _check_process(device: torch.device) -> None:
    if _process in (None, os.getpid()) or (device.type == "cpu" and torch.get_num_threads() == 1):
        return
    alone = ", or call torch.set_num_threads(1) in it" if device.type == "cpu" else ""
    raise StreamError(
        f"engine: this process was forked from one that had loaded an engine, and cannot compute on "
        f"{device.type} as it is; start it by multiprocessing's spawn{alone}"
    )


def choose_device(name: str | torch.device | None) -> torch.device:
    """The device of that name, tried out; None takes a GPU where there is one.

    Raises:
        StreamError: there is none, or it cannot be used.
    """
    usable = ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]
    if name is None:
        return torch.device(usable[0])
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch without CUDA asserts
        raise StreamError(f"device {name}: cannot be used here; give one of: {', '.join(usable)}") from error
    return device
