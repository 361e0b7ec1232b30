"""In which arithmetic features are computed: exact, or as fast as the machine can."""

from __future__ import annotations

import torch

from .spec import ExtractorSpec

AUTO, FLOAT32, BFLOAT16 = PRECISIONS = ("auto", "float32", "bfloat16")

_SMALL = 0.5  # of width: what is narrower keeps up in float32, and says the same on every processor


def choose_precision(wanted: str, spec: ExtractorSpec, device: torch.device) -> torch.dtype:
    """What to compute in. Features in bfloat16 differ from those in float32 by half a percent.

    Args:
        wanted: one of `PRECISIONS`; "auto" takes bfloat16 on a GPU, and for a large I3D on a processor that
            computes in it (an exact window of the published network was 2.9 times as fast), else float32.
        spec: of the extractor.
        device: where it computes.

    Raises:
        ValueError: there is no such precision.
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision {wanted!r}: give one of {', '.join(PRECISIONS)}")
    if wanted != AUTO:
        return torch.float32 if wanted == FLOAT32 else torch.bfloat16
    if device.type != "cpu":
        return torch.bfloat16
    large = not spec.is_hub and spec.width >= _SMALL
    return torch.bfloat16 if large and has_bfloat16() else torch.float32


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; others would imitate it, slowly."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
