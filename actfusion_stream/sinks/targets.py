"""Where results may go: checked before any work is done, and named when a write fails."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.source import is_file

VIDEO_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # suffix -> FFmpeg's name


def check_output(path: str | Path, source: str | Path | int | None = None) -> Path:
    """Make sure that a file can be created or replaced at `path`, before any work is done for it.

    Args:
        path: where a result is to go.
        source: what is being read, and must not be overwritten; a camera or None is in no danger.

    Returns:
        The path.

    Raises:
        StreamError: it is a folder or the source, or its folder does not exist or cannot be written.
    """
    path = check_target(path, source)
    if path.exists() and not path.is_file():
        raise StreamError(f"{path}: is not a regular file, so it cannot be replaced by one")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()  # the one sure test: rights, and read-only disks
    except OSError as error:
        raise StreamError(f"{path}: cannot write in the folder {path.parent} ({error.strerror})") from error
    return path


def check_video_output(path: str | Path, source: str | Path | int | None = None) -> Path:
    """`check_output` for an annotated video, whose suffix decides its container."""
    path = Path(path)
    if path.suffix.lower() not in VIDEO_FORMATS:
        found = f"ends in {path.suffix}" if path.suffix else "has no suffix"
        raise StreamError(f"{path}: {found}; an annotated video can be {', '.join(VIDEO_FORMATS)}")
    return check_output(path, source)


def check_target(path: str | Path, source: str | Path | int | None = None) -> Path:
    """As `check_output`, of a file that is written in place, which a pipe may be."""
    path = Path(path)
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise StreamError(f"{path}: there is no folder {path.parent}; create it first")
    if is_file(source) and path.exists() and Path(str(source)).exists() and path.samefile(str(source)):
        raise StreamError(f"{path}: is the input itself; give the output another name")
    return path


@contextlib.contextmanager
def saying_where(path: str | Path) -> Iterator[None]:
    """Turn the errors of a write, FFmpeg's too, into a line that names the file."""
    import av

    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error
