"""Video in: a file, pictures, an address or a camera as a sequence of frames that know their time.

    with open_source("kitchen.mp4") as source:
        for frame in source:
            ...

A reader thread decodes ahead of the consumer into a bounded queue. When the queue is full, a file waits (it
loses nothing, however slow the model is) and a live source throws its oldest frame away and counts it (it
stays fresh). FFmpeg is reached through PyAV for files and streams, through OpenCV for cameras.
"""

from __future__ import annotations

import stat
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import Frame, Reader
from actfusion_stream.sources.network import NetworkConnection, is_address, open_web, redacted
from actfusion_stream.sources.video_file import VideoFile

if TYPE_CHECKING:
    import av.container

    from actfusion_stream.sources.live import Connection

_FILE_QUEUE = 8  # frames decoded ahead: hides the jitter of decoding, and costs 200 MB at 4K
_LIVE_QUEUE = 30  # about a second: a model run may take that long without costing a frame
_LOOK = 0.1  # seconds between looks at whether to stop
_JOIN_SECONDS = 3.0  # a reader that does not end by then is stuck in a library, and dies with the program
MAX_STALENESS = 1.0

STANDARD_INPUT = "-"


def open_source(
    source: str | Path | int,
    *,
    outage: float | None = None,
    max_staleness: float = MAX_STALENESS,
    realtime: bool = False,
) -> Source:
    """Open something to watch.

    Args:
        source: path of a video file or of a folder of pictures, an address such as rtsp://host/path, "-" for
            a video on standard input, the number of a camera counted from 0, or the path of its device.
        outage: seconds for which a live source may be away; None for the usual ones, 0 to end at once.
        max_staleness: seconds after which a frame of a live source is too old to be looked at.
        realtime: deliver a file like a camera would.

    Returns:
        A context manager and iterator of `Frame`.

    Raises:
        StreamError: nothing is there, or it is no video: its first frame is decoded to be sure.
    """
    reader = _open_reader(source, outage)
    if realtime and not reader.info.live:
        from actfusion_stream.sources.realtime import Paced

        reader = Paced(reader)
    return Source(reader, max_staleness)


def _open_reader(source: str | Path | int, outage: float | None) -> Reader:
    if is_address(source):
        address = str(source)
        if not address.lower().startswith("http"):
            return _live(redacted(address), lambda: NetworkConnection(address), outage)
        found = open_web(address)
        return found if isinstance(found, VideoFile) else _live(redacted(address), found, outage)
    if source == STANDARD_INPUT:
        return VideoFile("standard input", _open_standard_input())
    path = None if isinstance(source, int) else Path(source)
    if path is None or _is_device(path):
        from actfusion_stream.sources.camera import CameraConnection

        name = f"camera {source}"
        camera = source if isinstance(source, int) else Path(source)
        return _live(name, lambda: CameraConnection(camera), outage)
    if path.is_dir():
        from actfusion_stream.sources.image_folder import ImageFolder

        return ImageFolder(path)
    return VideoFile(path)


def is_file(source: str | Path | int | None) -> bool:
    """Whether it is a file that can be opened twice, and must not be overwritten."""
    if source is None or isinstance(source, int) or is_address(source) or source == STANDARD_INPUT:
        return False
    return not _is_device(Path(source)) and not Path(source).is_dir()


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
        return av.open(sys.stdin.buffer, "r", metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise StreamError(f"standard input: no video that can be read ({error.strerror})") from error


class Source:
    """Frames of a reader, read ahead by a thread of its own. Made by `open_source`.

    The thread starts with the first iteration, and has ended when `close` returns, whether or not the frames
    had all been taken; unless a library does not come back from a read.

    Args:
        reader: where frames come from.
        max_staleness: seconds after which a frame of a live source is thrown away instead of delivered.

    Attributes:
        info: what was known from the start.
        drops: frames thrown away, by cause: "queue full", "stale". None of a file, ever.
    """

    def __init__(self, reader: Reader, max_staleness: float = MAX_STALENESS) -> None:
        self.info = reader.info
        self.drops: Counter[str] = Counter()
        self._reader = reader
        self._max_staleness = max_staleness
        # None says that no frame will follow. Two places at least: see `close`.
        self._queue: Queue[Frame | None] = Queue(maxsize=_LIVE_QUEUE if self.info.live else _FILE_QUEUE)
        self._stop = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._gap = ""  # of a frame that was thrown away

    @property
    def dropped(self) -> int:
        """Frames thrown away because nobody took them in time; always 0 for files."""
        return sum(self.drops.values())

    @property
    def warning(self) -> str | None:
        """What was wrong with the source; known after its end, None if nothing."""
        return self._reader.warning

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Frame:
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
            if self._is_stale(frame):
                self._drop(frame, "stale")
                continue
            return self._with_gap(frame)
        self.close()
        raise StopIteration

    def stop(self) -> None:
        """End the iteration soon, even while no frame comes; may be called from a signal handler."""
        self._stop.set()
        self._reader.stop()

    def close(self) -> None:
        """Stop reading and wait for the thread to end. Harmless when repeated."""
        self.stop()
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            self._reader.close()
            return
        # The thread may be waiting for room. Once the queue is empty it has room for the frame in its hands
        # and for the final None, and before any further frame it looks at the stop flag.
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                break
        self._thread.join(_JOIN_SECONDS)

    def _read(self) -> None:
        try:
            for frame in self._reader.frames():
                if self._stop.is_set():
                    break
                if self.info.live:
                    self._put_dropping_oldest(frame)
                else:
                    self._queue.put(frame)
        except Exception as error:  # whatever it is, it belongs to the consumer: here nobody would see it
            self._error = error
        finally:
            self._reader.close()
            self._put_dropping_oldest(None) if self.info.live else self._queue.put(None)

    def _put_dropping_oldest(self, frame: Frame | None) -> None:
        while True:
            try:
                self._queue.put_nowait(frame)
                return
            except Full:
                pass
            try:
                oldest = self._queue.get_nowait()
                if oldest is not None:
                    self._drop(oldest, "queue full")
            except Empty:  # the consumer was quicker, and has made room
                pass

    def _is_stale(self, frame: Frame) -> bool:
        """Whether a live frame is too old, and there is a newer one."""
        age = time.perf_counter() - frame.arrived
        return self.info.live and age > self._max_staleness and not self._queue.empty()

    def _drop(self, frame: Frame, cause: str) -> None:
        self.drops[cause] += 1
        self._gap = self._gap or frame.gap

    def _with_gap(self, frame: Frame) -> Frame:
        """The frame, with what a dropped one had to say of the time before it."""
        gap, self._gap = self._gap, ""
        if not gap or frame.gap:
            return frame
        return Frame(frame.time, frame.image, frame.index, frame.arrived, gap)
