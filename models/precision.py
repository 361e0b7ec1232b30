"""Float32 convolutions that compute in float32, on GPUs that otherwise would not.

cuDNN rounds the factors of a float32 convolution to ten bits (TF32) unless it is told not to. Labels rarely
change by that, but numbers do in the fourth digit, and those of the authors' code are promised to 1e-4.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0  # blocks that are running, in all threads
_before: bool | str  # what holds outside of them


@contextmanager
def full_float32(device: torch.device) -> Iterator[None]:
    """Keep convolutions on a CUDA device from using TF32 within the block.

    The setting is one for the whole process: it goes back to what it was when the last block has ended, in
    whatever thread.
    """
    global _inside, _before
    if device.type != "cuda":
        yield
        return
    with _lock:
        if _inside == 0:
            _before = _setting()
            _set(False if isinstance(_before, bool) else "ieee")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_before)


def _setting() -> bool | str:
    """As torch's older interface has it, or its newer one, where a program has used that: they do not mix."""
    try:
        return torch.backends.cudnn.allow_tf32
    except RuntimeError:
        return torch.backends.cudnn.conv.fp32_precision  # type: ignore[attr-defined, no-any-return]


def _set(value: bool | str) -> None:
    if isinstance(value, bool):
        torch.backends.cudnn.allow_tf32 = value
    else:
        torch.backends.cudnn.conv.fp32_precision = value  # type: ignore[attr-defined]
