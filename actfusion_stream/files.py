"""Files that are whole or not there: written under a temporary name beside their target, then renamed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def temporary_name(path: Path) -> Path:
    """In the same folder, so that renaming it is one step; hidden, and not shared with another process."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


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
        temporary.unlink(missing_ok=True)
