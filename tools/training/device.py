"""What a device that fails has to say, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from actfusion_stream.errors import StreamError

# torch raises its own kind of error for a GPU's memory only, and since version 2.8 for what else a GPU does.
_NO_MEMORY = ("out of memory", "can't allocate memory")
_GPU_FAILED = ("CUDA error", "CUDA driver", "cuDNN error", "CUBLAS_STATUS", "HIP error", "NVML")


@contextmanager
def failures_said(device: torch.device, advice: str) -> Iterator[None]:
    """Run what computes on a device; what is no fault of the program is said in a line.

    Args:
        device: where.
        advice: what would work where memory has run out.

    Raises:
        StreamError: memory has run out, or the GPU failed.
    """
    try:
        yield
    except MemoryError as error:
        raise StreamError(f"device {device}: out of memory; {advice}") from error
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if isinstance(error, torch.cuda.OutOfMemoryError) or any(text in said for text in _NO_MEMORY):
            raise StreamError(f"device {device}: out of memory; {advice}") from error
        if device.type != "cpu" and any(text in said for text in _GPU_FAILED):
            raise StreamError(f"device {device}: {said[:200]}; --device cpu goes without it") from error
        raise
