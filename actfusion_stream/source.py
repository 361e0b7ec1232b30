"""Video in: a file or a camera as a sequence of frames that know their time.

    with open_source("kitchen.mp4") as source:
        for frame in source:
            ...

A reader thread decodes ahead of the consumer into a bounded queue. When the queue is full, a file waits (it
loses nothing, however slow the model is) and a camera throws its oldest frame away and counts it (it stays
fresh). Time comes from presentation timestamps, never from counting frames, so a variable frame rate is no
special case. FFmpeg is reached through PyAV for files, through OpenCV for cameras; both are imported late, as
each brings its own FFmpeg along and a program needs only one of them.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from actfusion_stream.errors import StreamError

if TYPE_CHECKING:
    import av.container
    from av.audio.stream import AudioStream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_FILE_QUEUE = 8  # frames decoded ahead: hides the jitter of decoding, and costs 200 MB at 4K
_CAMERA_QUEUE = 30  # about a second: a model run may take that long without costing a frame
# A file has stopped early if more than both of these are missing from what its header promises.
_SHORT_SECONDS = 1.0
_SHORT_SHARE = 0.02
_DEFAULT_RATE = Fraction(25)  # for the few containers that hold neither timestamps nor a rate


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its presentation time.

    Attributes:
        time: seconds of the source; zero is where a player shows 0:00.
        image: (H, W, 3) uint8 RGB, turned upright.
        index: how many frames came before it; for display only.
        arrived: `time.perf_counter()` when it had been decoded or captured, to measure latency from.
    """

    time: float
    image: np.ndarray
    index: int
    arrived: float


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        name: file name, or e.g. "camera 0".
        width: pixels of a frame, after turning it upright.
        height: the same.
        duration: seconds that the header promises; None if it does not say, and for cameras.
        rate: average frames a second; None if unknown.
        live: frames come whether anybody is ready or not.
        has_audio: there is sound to keep.
        comment: the container's comment tag, "" without one.
    """

    name: str
    width: int
    height: int
    duration: float | None
    rate: float | None
    live: bool
    has_audio: bool
    comment: str = ""


def open_source(source: str | Path | int) -> Source:
    """Open a video file, or a camera by its number.

    Args:
        source: path of a video file, or the number of a camera, counted from 0.

    Returns:
        A context manager and iterator of `Frame`.

    Raises:
        StreamError: nothing is there, or it is no video: its first frame is decoded to be sure.
    """
    return Source(_Camera(source) if isinstance(source, int) else _VideoFile(Path(source)))


class Reader(Protocol):
    """What delivers the frames of a source, in the order of their times.

    Attributes:
        info: known from the start.
        warning: what was wrong with the source, known after its end.
    """

    info: SourceInfo
    warning: str | None

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None: ...


class Source:
    """Frames of a reader, read ahead by a thread of its own. Made by `open_source`.

    The thread starts with the first iteration, so a camera does not grow stale while a model is being loaded,
    and has ended when `close` returns, whether or not the frames had all been taken.

    Attributes:
        info: what was known from the start.
        dropped: frames thrown away because nobody took them in time; always 0 for files.
    """

    def __init__(self, reader: Reader) -> None:
        self.info = reader.info
        self.dropped = 0
        self._reader = reader
        # None says that no frame will follow. Two places at least: see `close`.
        self._queue: Queue[Frame | None] = Queue(maxsize=_CAMERA_QUEUE if self.info.live else _FILE_QUEUE)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

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
        if self._stop.is_set():
            raise StopIteration
        if self._thread is None:
            self._thread = threading.Thread(target=self._read, name=f"read {self.info.name}", daemon=True)
            self._thread.start()
        frame = self._queue.get()
        if frame is not None:
            return frame
        self.close()
        if self._error is not None:
            raise StreamError(f"{self.info.name}: reading failed: {self._error}") from self._error
        raise StopIteration

    def close(self) -> None:
        """Stop reading and wait for the thread to end. Harmless when repeated."""
        self._stop.set()
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
        self._thread.join()

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
            self._queue.put(None)

    def _put_dropping_oldest(self, frame: Frame) -> None:
        while True:
            try:
                self._queue.put_nowait(frame)
                return
            except Full:
                pass
            try:
                self._queue.get_nowait()
                self.dropped += 1
            except Empty:  # the consumer was quicker, and has made room
                pass


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file with PyAV, or say in one line why that cannot be done.

    Args:
        path: the file.

    Returns:
        The open container. Text files and single pictures, which FFmpeg would animate, are refused.

    Raises:
        StreamError: there is no such file, or it is none that FFmpeg can read.
    """
    import av

    if not path.exists():
        raise StreamError(f"{path}: no such file")
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; give a video file")
    if path.is_file() and path.stat().st_size == 0:
        raise StreamError(f"{path}: the file is empty (0 bytes)")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.InvalidDataError as error:
        raise StreamError(
            f"{path}: not a video that can be read, or a recording cut off before its index was written"
        ) from error
    except av.error.FFmpegError as error:
        raise StreamError(f"{path}: cannot be opened ({error.strerror})") from error
    kind = container.format.name
    if kind in ("tty", "image2") or kind.endswith("_pipe"):
        container.close()
        raise StreamError(f"{path}: is {'text' if kind == 'tty' else 'a picture'}, not a video")
    return container


def playable_streams(container: av.container.InputContainer) -> tuple[list[VideoStream], list[AudioStream]]:
    """The video and the audio streams of a container, without cover pictures."""
    from av.stream import Disposition

    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    return videos, list(container.streams.audio)


def start_of(container: av.container.InputContainer) -> Fraction:
    """Timestamp, in seconds, at which a player shows 0:00: where the first of the streams starts.

    The container's own `start_time` says the same, rounded to microseconds; exact fractions let timestamps go
    through the program and come out unchanged. Where no stream says where it starts, it is 0, as for players.
    """
    videos, sounds = playable_streams(container)
    return min(
        (s.start_time * s.time_base for s in (*videos, *sounds) if s.start_time is not None and s.time_base),
        default=Fraction(0),
    )


class _VideoFile:
    """Decodes one video file; what cannot be decoded is skipped and told in `warning`."""

    def __init__(self, path: Path) -> None:
        self.warning: str | None = None
        self._container = open_container(path)
        try:
            videos, sounds = playable_streams(self._container)
            if not videos:
                what = "only sound" if sounds else "neither video nor sound"
                raise StreamError(f"{path}: no video in it ({what}); give a video file")
            self._stream = videos[0]
            self._stream.thread_type = "AUTO"  # frame threads: a third less time than slices on 720p
            self._rate = self._stream.average_rate or self._stream.guessed_rate
            self._zero = start_of(self._container)
            self._reached = Fraction(0)  # seconds; how far the packets that were read go
            self._damages = 0
            pictures = self._pictures()
            first = next(pictures, None)
            if first is None:
                raise StreamError(f"{path}: has a video stream, but no frame of it can be decoded")
        except BaseException:
            self._container.close()
            raise
        self._first, self._rest = first, pictures
        promised = self._promised_end()
        turned = _quarter_turns(first) % 2 == 1
        self.info = SourceInfo(
            name=path.name,
            width=first.height if turned else first.width,
            height=first.width if turned else first.height,
            duration=None if promised is None else float(promised),
            rate=float(self._rate) if self._rate else None,
            live=False,
            has_audio=bool(sounds),
            comment=self._container.metadata.get("comment", ""),
        )

    def frames(self) -> Iterator[Frame]:
        """Frames in the order of their times, all of the first one's size."""
        from av.video.reformatter import VideoReformatter

        to_rgb = VideoReformatter()  # keeps its scaler between frames, which saves 0.6 ms each at 720p
        step = 1 / self._rate if self._rate else 1 / _DEFAULT_RATE
        width, height = self._first.width, self._first.height
        last: Fraction | None = None
        index = backwards = 0
        for picture in itertools.chain([self._first], self._rest):
            if picture.pts is not None and picture.time_base is not None:
                now = picture.pts * picture.time_base - self._zero
            else:
                now = Fraction(0) if last is None else last + step
            if last is not None and now <= last:
                backwards += 1
                continue
            last = now
            upright = np.rot90(
                to_rgb.reformat(picture, width, height, "rgb24").to_ndarray(), _quarter_turns(picture)
            )
            yield Frame(float(now), np.ascontiguousarray(upright, np.uint8), index, time.perf_counter())
            index += 1
        self.warning = self._what_went_wrong(backwards)

    def close(self) -> None:
        self._container.close()

    def _pictures(self) -> Iterator[VideoFrame]:
        """Everything that can be decoded, in presentation order."""
        import av

        streams: list[VideoStream | AudioStream] = [self._stream]
        if self._stream.duration is None:  # then the container's duration counts, which sound may fill
            streams += self._container.streams.audio
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:  # the file cannot be followed any further
                self._damages += 1
                packet = None
            if packet is None:
                break
            if packet.pts is not None and not packet.is_corrupt:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base - self._zero
                self._reached = max(self._reached, end)
            if packet.stream is not self._stream:
                continue
            # A packet cut short by the end of the file is better left out: decoding the remains can make the
            # decoder give up whole pictures that it still holds back.
            if packet.is_corrupt:
                self._damages += 1
                continue
            try:
                pictures = self._stream.decode(packet)
            except av.error.FFmpegError:
                self._damages += 1
                continue
            self._damages += sum(picture.is_corrupt for picture in pictures)
            yield from pictures
        with contextlib.suppress(av.error.FFmpegError):  # EOFError if the last packet has flushed the decoder
            yield from self._stream.decode(None)

    def _promised_end(self) -> Fraction | None:
        """When the last frame ends by what the header says, in seconds; None if it does not say."""
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return ((stream.start_time or 0) + stream.duration) * stream.time_base - self._zero
        if self._container.duration is not None:
            return Fraction(self._container.duration, 1_000_000)  # in units of FFmpeg's AV_TIME_BASE
        return None

    def _what_went_wrong(self, backwards: int) -> str | None:
        """One line on what is missing from the frames delivered, or None."""
        found = []
        promised = self.info.duration
        if promised is not None and promised - self._reached > max(_SHORT_SECONDS, _SHORT_SHARE * promised):
            found.append(f"it stops at {float(self._reached):.1f} s, but promises {promised:.1f} s")
        if self._damages:
            found.append(f"it is damaged in {self._damages} {'place' if self._damages == 1 else 'places'}")
        if backwards:
            found.append(f"{backwards} {'frame goes' if backwards == 1 else 'frames go'} back in time")
        return f"{self.info.name}: {', '.join(found)}; all the rest was read" if found else None


def _quarter_turns(picture: VideoFrame) -> int:
    """Quarter turns to the left that bring a picture upright, as the recording phone noted beside it."""
    return round(picture.rotation / 90) % 4


class _Camera:
    """Captures from one camera; a frame's time is that of a monotonic clock since the first one."""

    def __init__(self, number: int) -> None:
        import cv2

        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        name = f"camera {number}"
        self._capture = cv2.VideoCapture(number)
        # The size is that of a picture: drivers do not always keep what they promise.
        taken, image = self._capture.read()
        if not taken:
            state = "delivers no picture; is it in use?" if self._capture.isOpened() else "no such camera"
            self._capture.release()
            raise StreamError(f"{name}: {state} (cameras are counted from 0)")
        height, width = image.shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS) or None
        self.info = SourceInfo(name, width, height, duration=None, rate=rate, live=True, has_audio=False)
        self.warning: str | None = None

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until the camera stops delivering."""
        import cv2

        first: float | None = None
        for index in itertools.count():
            taken, image = self._capture.read()
            arrived = time.perf_counter()
            first = arrived if first is None else first
            if not taken:
                self.warning = f"{self.info.name}: stopped delivering pictures after {arrived - first:.1f} s"
                return
            yield Frame(arrived - first, cv2.cvtColor(image, cv2.COLOR_BGR2RGB), index, arrived)

    def close(self) -> None:
        self._capture.release()
