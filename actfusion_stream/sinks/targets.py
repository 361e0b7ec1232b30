"""Where results may go: checked before any work is done, and named when a write fails."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from actfusion_stream.errors import StreamError
from actfusion_stream.files import check_room, longest_name
from actfusion_stream.sinks.muxers import KNOWN, muxer_of
from actfusion_stream.sources.source import is_file


def check_output(path: str | Path, source: str | Path | int | None = None) -> Path:
    """Make sure that a file can be created or replaced at `path`, before any work is done for it.

    What killed runs have left of it is cleared away.

    Args:
        path: where a result is to go.
        source: what is being read, and must not be overwritten; a camera or None is in no danger.

    Returns:
        The path.

    Raises:
        StreamError: it is a folder or the source, or its folder does not exist or cannot be written.
    """
    path, found = _look(Path(path), source)
    if found is not None and not stat.S_ISREG(found.st_mode):
        raise StreamError(f"{path}: is not a regular file, so it cannot be replaced by one")
    _check_folder(path)
    return path


def check_video_output(path: str | Path, source: str | Path | int | None = None) -> Path:
    """`check_output` for an annotated video, whose suffix decides its container."""
    path = Path(path)
    if muxer_of(path.suffix.lower()) is None:
        found = f"ends in {path.suffix}" if path.suffix else "has no suffix"
        raise StreamError(
            f"{path}: {found}; an annotated video can be {', '.join(KNOWN)}, and what else FFmpeg puts H.264 "
            "or VP9 into, e.g. .avi"
        )
    return check_output(path, source)


def check_target(path: str | Path, source: str | Path | int | None = None) -> Path:
    """As `check_output`, of a file that is written in place, which a pipe may be."""
    path, found = _look(Path(path), source)
    if found is None:
        _check_folder(path)
    elif not os.access(path, os.W_OK):
        raise StreamError(f"{path}: cannot be written (Permission denied)")
    return path


def _look(path: Path, source: str | Path | int | None) -> tuple[Path, os.stat_result | None]:
    """What is there, None if nothing; what no output can be is refused."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        found = None
    except NotADirectoryError:
        raise StreamError(f"{path}: {_no_folder(path)} is a file; give a folder there") from None
    except OSError as error:
        name = len(os.fsencode(path.name))
        if name > (most := longest_name(path.parent)):
            raise StreamError(
                f"{path}: its name has {name} bytes; at most {most} can be written there"
            ) from error
        raise StreamError(f"{path}: cannot be looked at ({error.strerror})") from error
    if found is not None and stat.S_ISDIR(found.st_mode):
        raise StreamError(f"{path}: is a folder; give the name of a file in it")
    if found is None and not path.parent.is_dir():
        raise StreamError(f"{path}: there is no folder {path.parent}; create it first")
    with contextlib.suppress(OSError):  # what is wrong with the source is said when it is opened
        if found is not None and is_file(source) and os.path.samestat(found, os.stat(str(source))):
            raise StreamError(f"{path}: is the input itself; give the output another name")
    return path, found


def _no_folder(path: Path) -> Path:
    """The file in the way of a path that goes on behind it."""
    return next((parent for parent in path.parents if parent.is_file()), path.parent)


def _check_folder(path: Path) -> None:
    try:
        check_room(path)
    except OSError as error:
        raise StreamError(f"{path}: cannot write in the folder {path.parent} ({error.strerror})") from error


@contextlib.contextmanager
def saying_where(path: str | Path) -> Iterator[None]:
    """Turn the errors of a write, FFmpeg's too, into a line that names the file."""
    import av

    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror or error})") from error
