"""What a training run is, apart from its preset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RATIO = 4.0  # without the true length, the future is so many times what was observed (Sec. 5.4)
LIVE_RATIO = 0.5  # the same of a replay, where the model was not trained for another
VIDEO, SUBJECT = "video", "subject"  # what may be held out together
HELD_OUT, EPOCH = 1, 2  # what random generators are for: a number each, so that none repeats another's draws


@dataclass(frozen=True)
class Settings:
    """What a run is, apart from its preset; it cannot be resumed under another one.

    Attributes:
        data: folder of the dataset.
        split: name of the split.
        features: "labels", or a folder of (C, T) arrays.
        no_length: anticipate `RATIO` times the observed length, instead of the rest of a known length.
        held_out: share of the training list that chooses the best epoch, and trains nothing.
        seed: of everything random.
        held_out_by: what it is a share of, see `hold_out`.
    """

    data: Path
    split: str
    features: str
    no_length: bool
    held_out: float
    seed: int
    held_out_by: str = VIDEO
