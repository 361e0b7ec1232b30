"""Writes the state of a run so that being killed at any moment leaves a whole file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch


def save_whole(state: dict[str, Any], path: Path) -> None:
    """`torch.save` under a temporary name, renamed when complete: a run killed here can still be resumed."""
    partial = path.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(path)
