"""What is here to work with: versions, devices, decoders, cameras, weights, and what an extra would add."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

_PACKAGE = "actfusion-stream"
_SHOWN = ("torch", "torchvision", "numpy", "av", "opencv-python", "pytorchvideo", "safetensors", "rich")
_DECODERS = ("h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg", "prores")
_ENCODERS = ("libx264", "aac", "libvpx-vp9", "gif")
_EXTRA = re.compile(r"""^([A-Za-z0-9._-]+).*extra\s*==\s*["']([\w-]+)["']""")


def report() -> Iterator[str]:
    """Lines for a person, or for a report of a bug; nothing of them is secret, and nothing is fetched."""
    yield f"actfusion-stream {_version(_PACKAGE)}, Python {platform.python_version()}, {platform.platform()}"
    yield "packages: " + ", ".join(f"{name} {_version(name)}" for name in _SHOWN)
    yield from _devices()
    yield from _codecs()
    yield from _cameras()
    yield from _weights()
    yield from _extras()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _devices() -> Iterator[str]:
    import torch

    yield f"device cpu: {torch.get_num_threads()} threads, float32"
    if not torch.cuda.is_available():
        yield f"device cuda: none (torch {torch.__version__} sees no GPU)"
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        yield f"device cuda:{index}: {about.name}, {about.total_memory / 2**30:.0f} GiB, float32 without TF32"


def _codecs() -> Iterator[str]:
    import av

    kinds: tuple[tuple[str, Literal["r", "w"], tuple[str, ...]], ...]
    kinds = (("decoders", "r", _DECODERS), ("encoders", "w", _ENCODERS))
    for what, mode, names in kinds:
        here = {name: _codec(name, mode) for name in names}
        missing = [name for name, found in here.items() if not found]
        yield f"{what}: {', '.join(name for name in names if here[name])}" + (
            f"; missing {', '.join(missing)}" if missing else ""
        )
    yield f"FFmpeg: libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def _codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec.codec import Codec, UnknownCodecError

    try:
        Codec(name, mode)
    except UnknownCodecError:
        return False
    return True


def _cameras() -> Iterator[str]:
    if platform.system() != "Linux":
        yield "cameras: only tried when asked for, --camera 0"
        return
    found = []
    for device in sorted(Path("/dev").glob("video[0-9]*")):
        name = Path("/sys/class/video4linux", device.name, "name")
        found.append(f"{device} ({name.read_text().strip()})" if name.is_file() else str(device))
    yield f"cameras: {', '.join(found) or 'none'}"


def _weights() -> Iterator[str]:
    from actfusion_stream.weights.cache import cache_folder
    from actfusion_stream.weights.catalogue import WEIGHTS
    from actfusion_stream.weights.checkpoint import bundled_checkpoint

    folder = cache_folder()
    here = [name for name, weight in WEIGHTS.items() if (folder / weight.file_name).is_file()]
    yield f"bundled model: {'here' if bundled_checkpoint().is_file() else 'missing; install again'}"
    yield f"weights in {folder}: {', '.join(here) or 'none; actfusion-weights get NAME fetches some'}"


def _extras() -> Iterator[str]:
    wanted: dict[str, list[str]] = {}
    for line in requires(_PACKAGE) or () if _version(_PACKAGE) != "missing" else ():
        if found := _EXTRA.match(line):
            wanted.setdefault(found[2], []).append(found[1])
    for extra, names in sorted(wanted.items()):
        missing = [name for name in names if name != _PACKAGE and _version(name) == "missing"]
        yield f"extra {extra}: " + (
            f"missing {', '.join(missing)}; pip install '{_PACKAGE}[{extra}]'" if missing else "complete"
        )
