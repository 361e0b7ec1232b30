"""Writes the state of a run so that being killed at any moment leaves a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from actfusion_stream.files import replacing


def save_whole(state: dict[str, Any], path: Path) -> None:
    """`torch.save` into the place of `path` once complete: a run killed here can still be resumed."""
    with replacing(path) as partial, partial.open("wb") as file:  # torch does not say that a disk is full
        torch.save(state, file)
