"""Checkpoints that have been changed, and what is said of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from actfusion_stream.errors import StreamError
from actfusion_stream.weights.checkpoint import build, load_checkpoint

Change = Callable[[dict[str, Any]], Any]


def rewritten(
    source: Path,
    target: Path,
    description: Change = lambda about: None,
    tensors: Change = lambda tensors: None,
) -> Path:
    """A copy of a checkpoint whose description and tensors have been changed in place."""
    with safe_open(str(source), framework="pt") as file:
        about = json.loads(file.metadata()["actfusion_stream"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    description(about)
    tensors(weights)
    save_file(weights, str(target), metadata={"actfusion_stream": json.dumps(about)})
    return target


def reason(path: Path) -> str:
    """Why a checkpoint is refused; one line that names it."""
    with pytest.raises(StreamError) as refused:
        build(load_checkpoint(path), path, "cpu")
    message = str(refused.value)
    assert message.startswith(f"checkpoint {path}: ")
    assert message.isprintable(), "one line, without control characters"
    assert len(message) < 500 + len(str(path))
    return message.removeprefix(f"checkpoint {path}: ")
