"""Published weights on this machine: fetched when asked for, checked, and read without running code.

A file is kept in a cache folder under its final name only once it came whole. Some sources publish a
checksum, or the id that git gives a file; of the others, the first download's is recorded, so that a later
download, or a file that changed on the disk, is noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from platformdirs import user_cache_path

from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing
from actfusion_stream.weights.catalogue import WeightFile, weight_file
from actfusion_stream.weights.download import DownloadError, discard, download, finish

if TYPE_CHECKING:
    from torch import Tensor

_CHECKSUMS = "checksums.json"


def cache_folder() -> Path:
    """Where weights are kept: $ACTFUSION_CACHE, else where the platform keeps what can be fetched again."""
    if given := os.environ.get("ACTFUSION_CACHE"):
        return Path(given).expanduser().absolute()
    return user_cache_path("actfusion-stream", appauthor=False)


def find(name: str, *, cache: Path | None = None) -> Path:
    """The file of these weights in the cache.

    Raises:
        StreamError: it is not there, or there are no weights of this name.
    """
    weight = weight_file(name)
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
    weight, folder = weight_file(name), cache or cache_folder()
    path = folder / weight.file_name
    address = address or weight.address
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):  # two processes that write one `.part` would both spoil it
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
    part = part_of(path)
    with _progress(weight.name, progress) as on_bytes:
        download(address, part, on_bytes)
    found, size = sha256(part), part.stat().st_size
    unlike = difference(weight, part, found)
    if weight.size not in (None, size):
        unlike = f"it has {size} bytes, published were {weight.size}"
    if unlike:
        discard(part)
        raise StreamError(f"{weight.name}: {address} is not the expected file, and was removed: {unlike}")
    finish(part, path)
    if weight.sha256 is None and weight.git_blob is None:
        recorded = recorded_checksums(path.parent)
        if weight.name not in recorded:
            with replacing(path.parent / _CHECKSUMS) as temporary:
                sums = recorded | {weight.name: found}
                temporary.write_text(json.dumps(sums, indent=1, sort_keys=True) + "\n")
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


def part_of(path: Path) -> Path:
    """Where the download of a file grows until it is whole."""
    return path.with_name(path.name + ".part")


def sha256(path: Path) -> str:
    """The checksum of a file, as 64 hexadecimal digits.

    Raises:
        StreamError: it cannot be read.
    """
    return _digest(path, hashlib.sha256())


def git_blob(path: Path) -> str:
    """The id that git gives the file, as 40 hexadecimal digits.

    It is a SHA-1: who plans for it can make two files of one id, but not one for the id of another's file.

    Raises:
        StreamError: it cannot be read.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error
    return _digest(path, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False))


def _digest(path: Path, digest: hashlib._Hash) -> str:
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def difference(weight: WeightFile, path: Path, found: str) -> str:
    """How a file differs from what is known of it; "" if it does not.

    Args:
        weight: what is known.
        path: the file, in the cache folder.
        found: its SHA-256.
    """
    folder = path.parent
    if weight.git_blob and (blob := git_blob(path)) != weight.git_blob:
        return f"its git blob id is {blob}, published is {weight.git_blob}"
    published = weight.sha256 or weight.sha256_prefix or ""
    if not found.startswith(published):
        more = "" if weight.sha256 else "…"
        return f"its SHA-256 is {found}, published is {published}{more}"
    recorded = recorded_checksums(folder).get(weight.name, found)
    if found != recorded:
        return f"its SHA-256 is {found}, of the first download {folder / _CHECKSUMS} says {recorded}"
    return ""


def recorded_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of the first download of each name.

    Raises:
        StreamError: what is there cannot be read as that.
    """
    path = folder / _CHECKSUMS
    try:
        recorded = json.loads(path.read_bytes())
        if not isinstance(recorded, dict) or not all(isinstance(value, str) for value in recorded.values()):
            raise ValueError
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:  # RecursionError: of brackets in brackets
        raise StreamError(
            f"{path}: cannot be read as recorded checksums; repair it, or delete it to start anew"
        ) from error
    return recorded


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
