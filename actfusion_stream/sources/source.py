"""Video in: a file, pictures, an address or a camera as a sequence of frames that know their time.

    with open_source("kitchen.mp4") as source:
        for frame in source:
            ...

A reader thread decodes ahead of the consumer into a bounded queue. When the queue is full, a file waits (it
loses nothing, however slow the model is) and a live source drops its oldest frames and counts them (it stays
fresh). FFmpeg is reached through PyAV for files and streams, through OpenCV for cameras.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections import Counter
from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from queue import Empty
from types import TracebackType
from typing import TYPE_CHECKING, cast

from actfusion_stream.errors import StreamError, brief, number_within
from actfusion_stream.shown import is_address, redacted
from actfusion_stream.sources.frame_queue import DROP_CAUSES, FrameQueue, LiveQueue, bytes_of
from actfusion_stream.sources.frames import Frame, Reader, Wrapped
from actfusion_stream.sources.network import open_address
from actfusion_stream.sources.opening import open_pipe
from actfusion_stream.sources.video_file import VideoFile

if TYPE_CHECKING:
    from io import BufferedReader

    import av.container

    from actfusion_stream.sources.live import Connection

_LOOK = 0.1  # seconds between looks at whether to stop
_JOIN_SECONDS = 3.0  # a reader that does not end by then is stuck in a library, and dies with the program
MAX_STALENESS = 1.0
_LONGEST_STALENESS, _LONGEST_OUTAGE = 3600.0, 86_400.0

STANDARD_INPUT = "-"


def open_source(
    source: str | Path | int,
    *,
    outage: float | None = None,
    max_staleness: float = MAX_STALENESS,
    realtime: bool = False,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    start: float = 0.0,
    duration: float | None = None,
) -> Source:
    """Open something to watch.

    Args:
        source: path of a video file or of a folder of pictures, an address such as rtsp://host/path, "-" for
            a video on standard input, the number of a camera counted from 0, or the path of its device.
        outage: seconds for which a live source may be away; None for the usual ones, 0 to end at once.
        max_staleness: seconds after which a frame of a live source is too old to be looked at.
        realtime: deliver a file like a camera would.
        rate: pictures a second of a folder, None to take their times from names or EXIF, else 25; or of a
            camera, None for its own.
        size: (width, height) that a camera is asked for; None for its own.
        start: seconds from which on a file is watched; its times stay those of the file.
        duration: for how many seconds something is watched; None to its end.

    Returns:
        A context manager and iterator of `Frame`.

    Raises:
        StreamError: nothing is there, or it is no video: its first frame is decoded to be sure.
    """
    check_patience(outage, max_staleness)
    reader = _open_reader(_place(source), outage, rate, size)
    if start or duration is not None:
        from actfusion_stream.sources.excerpt import Excerpt

        reader = Excerpt(reader, start, duration)
    if realtime and not reader.info.live:
        from actfusion_stream.sources.realtime import Paced

        reader = Paced(reader)
    return Source(reader, max_staleness)


def check_patience(outage: float | None, max_staleness: float) -> None:
    """Make sure of how long a live source may be away, and a frame wait.

    Raises:
        StreamError: they are no seconds that make sense.
    """
    staleness = f"give seconds above 0, up to {_LONGEST_STALENESS:g}"
    number_within("max-staleness", max_staleness, 0, _LONGEST_STALENESS, staleness, above=True)
    if outage is not None:
        away = f"give seconds from 0, to end at once, to {_LONGEST_OUTAGE:g}"
        number_within("reconnect", outage, 0, _LONGEST_OUTAGE, away)


def _place(source: object) -> str | Path | int:
    """What was given, as one of the kinds that there are.

    Raises:
        StreamError: it is of another.
    """
    if isinstance(source, (str, Path)):
        return source
    if isinstance(source, Integral) and not isinstance(source, bool):
        return int(source)
    if isinstance(source, os.PathLike) and isinstance(path := os.fspath(source), str):
        return Path(path)
    raise StreamError(f"source {brief(source)}: give a path, an address, or the number of a camera")


def _open_reader(
    source: str | Path | int, outage: float | None, rate: float | None, size: tuple[int, int] | None
) -> Reader:
    if isinstance(source, int) or (not is_address(source) and _is_device(Path(source))):
        from actfusion_stream.sources.camera import CameraConnection

        name = f"camera {brief(source) if isinstance(source, int) else source}"
        camera = source if isinstance(source, int) else Path(source)
        return _live(name, lambda: CameraConnection(camera, size, rate), outage)
    if size is not None:
        raise StreamError(f"camera-size {size[0]}x{size[1]}: for a camera; a video has its own")
    if not is_address(source) and os.path.isdir(source):
        from actfusion_stream.sources.image_folder import ImageFolder

        return ImageFolder(Path(source), rate)
    if rate is not None:
        raise StreamError(f"rate {rate:g}: for a folder of pictures, or a camera; a video has its own")
    if is_address(source):
        from actfusion_stream.sources.live import OUTAGE_SECONDS

        address = str(source)
        found = open_address(address, OUTAGE_SECONDS if outage is None else outage)
        return found if isinstance(found, VideoFile) else _live(redacted(address), found, outage)
    if source == STANDARD_INPUT:
        return VideoFile("standard input", _open_standard_input())
    return VideoFile(Path(source))


def is_file(source: str | Path | int | None) -> bool:
    """Whether it is a file that can be opened twice, and must not be overwritten."""
    path = _path(source)
    return path is not None and not _is_device(path) and not path.is_dir()


def is_repeatable(source: str | Path | int | None) -> bool:
    """Whether each opening reads it from its beginning: of a file, or a folder of pictures."""
    path = _path(source)
    return path is not None and (path.is_file() or path.is_dir())  # no pipe, and no device


def _path(source: str | Path | int | None) -> Path | None:
    """Where it lies; None of what lies nowhere: a camera's number, an address, standard input."""
    if source is None or isinstance(source, int) or is_address(source) or source == STANDARD_INPUT:
        return None
    return Path(source)


def _live(name: str, connect: Callable[[], Connection], outage: float | None) -> Reader:
    from actfusion_stream.sources.live import OUTAGE_SECONDS, LiveReader

    return LiveReader(name, connect, outage=OUTAGE_SECONDS if outage is None else outage)


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except (OSError, ValueError):
        return str(path).startswith("/dev/video")


def _open_standard_input() -> av.container.InputContainer:
    import av

    if sys.stdin is None or sys.stdin.isatty():
        raise StreamError("standard input: is a terminal; pipe a video into it")
    try:
        return open_pipe(cast("BufferedReader", sys.stdin.buffer))
    except StreamError as error:
        raise StreamError(f"standard input: {error}") from None
    except av.error.FFmpegError as error:
        raise StreamError(f"standard input: no video that can be read ({error.strerror})") from error


class Source(Wrapped):
    """Frames of a reader, read ahead by a thread of its own. Made by `open_source`.

    The thread starts with the first iteration, and has ended when `close` returns, whether or not the frames
    had all been taken; unless a library does not come back from a read.

    Args:
        reader: where frames come from.
        max_staleness: seconds after which a frame of a live source is dropped instead of delivered.

    Attributes:
        info: what was known from the start.
        drops: frames dropped, by cause: "queue full", "stale". None of a file, ever.
    """

    def __init__(self, reader: Reader, max_staleness: float = MAX_STALENESS) -> None:
        check_patience(None, max_staleness)
        self.info = reader.info
        super().__init__(reader)
        self._queue = LiveQueue(max_staleness) if self.info.live else FrameQueue(bytes_of)
        self.drops: Counter[str] = self._queue.drops
        self._stop = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._process = os.getpid()

    @property
    def dropped(self) -> int:
        """Frames dropped because nobody took them in time; always 0 for files."""
        return sum(self.drops[cause] for cause in DROP_CAUSES)

    @property
    def fullness(self) -> float:
        """Share of the room for frames that wait which is taken; 0 for files, whose reader waits itself."""
        return self._queue.fullness

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Frame:
        if self._is_elsewhere:
            raise StreamError(
                f"{self.info.name}: was opened before this process was forked from another, and is read "
                "there; open it in this one"
            )
        if self._thread is None and not self._stop.is_set():
            self._thread = threading.Thread(target=self._read, name=f"read {self.info.name}", daemon=True)
            self._thread.start()
        while not self._stop.is_set():
            try:
                frame = self._queue.get(timeout=_LOOK)
            except Empty:
                continue
            if frame is None:
                self.close()
                if self._error is not None:
                    raise StreamError(f"{self.info.name}: reading failed: {self._error}") from self._error
                break
            return frame
        self.close()
        raise StopIteration

    def stop(self) -> None:
        """End the iteration soon, even while no frame comes; may be called from a signal handler."""
        self._stop.set()
        super().stop()

    def close(self) -> None:
        """Stop reading and wait for the thread to end. Harmless when repeated."""
        if self._closed or self._is_elsewhere:
            return
        self.stop()
        self._closed = True
        if self._thread is None:
            self._reader.close()
            return
        self._queue.close()
        self._thread.join(_JOIN_SECONDS)

    @property
    def _is_elsewhere(self) -> bool:
        """Whether this process was forked from the one that reads: none of its threads came along."""
        return os.getpid() != self._process

    def _read(self) -> None:
        try:
            for frame in self._reader.frames():
                if self._stop.is_set() or not self._queue.put(frame):
                    break
        except Exception as error:  # whatever it is, it belongs to the consumer: here nobody would see it
            self._error = error
        finally:
            self._reader.close()
            self._queue.end()
