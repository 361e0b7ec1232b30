"""Files that are whole or not there: written under a temporary name beside their target, then renamed."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import platform
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LONGEST_NAME = 255  # bytes, where the disk does not say
_OLD = 86_400.0  # seconds: nothing is under way for so long without a write
_PART = re.compile(r"\.(\d{1,10})\.(?:([0-9a-f]{6})\.)?part", re.ASCII)  # process, and where it ran


def temporary_name(path: Path) -> Path:
    """In the same folder, so that renaming it is one step; hidden, and not shared with another process.

    Process numbers mean something only where they were given: on a disk that several machines or containers
    share, the name tells those apart, too.
    """
    return path.with_name(_hidden(path, f".{os.getpid()}.{_here()}.part"))


def fitting(name: str, ending: str, folder: Path) -> str:
    """A file name that begins as `name` and ends in `ending`; shortened where the disk takes no longer one.

    Two long names that begin alike stay apart: what is cut off is replaced by a checksum.
    """
    most = longest_name(folder) - len(os.fsencode(ending))
    whole = os.fsencode(name)
    if len(whole) <= most:
        return name + ending
    mark = f"~{hashlib.sha1(whole, usedforsecurity=False).hexdigest()[:8]}"
    return whole[: most - len(mark)].decode("utf-8", "ignore") + mark + ending


def longest_name(folder: Path) -> int:
    """Bytes that a file name in that folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError, AttributeError):
        return _LONGEST_NAME


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file that takes the place of `path` only once it is complete.

    Args:
        path: target; an older file there stays as it is until the block has ended well.

    Yields:
        The name to write to; it is removed if the block raises. It does not end in the target's suffix:
        libraries that go by the suffix want an open file or a format.

    Raises:
        OSError: the folder does not take it, or what is there is no file.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a rename would put a file in the place of a device or a pipe
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    temporary = temporary_name(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):  # of a folder that has gone, say: what went wrong is told already
            temporary.unlink(missing_ok=True)


def check_room(path: Path) -> None:
    """Make sure that `replacing` can begin: the one sure test of rights, read-only disks and long names.

    What killed runs have left of the same target is cleared away.

    Raises:
        OSError: it cannot.
    """
    with contextlib.suppress(OSError):
        _clear_away(path)
    temporary = temporary_name(path)
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600))
    temporary.unlink(missing_ok=True)


def read_regular(path: Path, most: int) -> bytes:
    """What a file holds, if it is one: devices and pipes may never end, or never begin.

    Args:
        path: file to read.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read, is no regular file, or too large.
    """
    with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        content = file.read(most + 1)
        if len(content) > most:
            size = max(len(content), os.fstat(file.fileno()).st_size)
            raise OSError(errno.EFBIG, f"{size} bytes; at most {most} are read", str(path))
    return content


def _clear_away(path: Path) -> None:
    """Remove temporary files of the same target whose processes are gone.

    Of a process of this machine that is certain. Another machine's, or one of an older version of this
    program, is left alone until a day after the last write.
    """
    for found in path.parent.iterdir():
        match = re.search(rf"{_PART.pattern}\Z", found.name, re.ASCII)
        if match is None or found.name != _hidden(path, match.group()):
            continue
        with contextlib.suppress(OSError):
            state = found.lstat()
            ours = match.group(2) == _here()
            gone = not _is_alive(int(match.group(1))) if ours else time.time() - state.st_mtime > _OLD
            if gone and stat.S_ISREG(state.st_mode):
                found.unlink()


def _hidden(path: Path, ending: str) -> str:
    return fitting(f".{path.name}", ending, path.parent)


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere asking means ending it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@functools.cache
def _here() -> str:
    """Six digits for where process numbers are given: this machine since it was started, this container."""
    place = [platform.node()]
    with contextlib.suppress(OSError):
        place.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        place.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha1("".join(place).encode(errors="replace"), usedforsecurity=False).hexdigest()[:6]
