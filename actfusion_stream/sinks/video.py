"""Results out: the annotated video, the log of events and the table of segments.

Every writer checks its path before any work is done. The video and the table are written under a temporary
name beside their target and renamed when they are complete, so that a name the user gave never holds half a
file; the log is written in place, a whole line at a time, for others to follow.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import is_file
from actfusion_stream.sources.video_file import RESTART_SECONDS, open_container, playable_streams, start_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

VIDEO_FORMATS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}  # suffix -> FFmpeg's name

# What players know in each container. FFmpeg would put e.g. PCM into .mp4 as well; many players stay silent.
_EVERYWHERE = {"aac", "mp3", "ac3", "eac3", "alac"}
_COPIED_SOUND = {
    ".mp4": _EVERYWHERE | {"opus"},
    ".mov": _EVERYWHERE | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"},
    ".mkv": _EVERYWHERE | {"opus", "vorbis", "flac", "mp2", "dts", "pcm_s16le", "pcm_s24le", "pcm_f32le"},
}
_COARSEST_TIME_BASE = Fraction(1, 1000)  # some files count whole frames, which leaves no room between them
_CAMERA_TIME_BASE = Fraction(1, 90_000)
_BT709 = 1  # FFmpeg's number for these primaries, transfer curve and matrix alike
_LIMITED_RANGE = 1
_SPARE_BYTES = 8 << 20  # left free on the disk: the index of an .mp4 comes last, some 20 bytes a frame


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
    path = _check_target(path, source)
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


class VideoWriter:
    """Encodes frames to H.264 at the times of the source's frames, with the source's sound beside them.

    As a context manager it keeps what is worth keeping: a playable video at the end and after Ctrl-C (then
    the sound ends with the picture), and nothing after any other exception.

    The picture has the source's size, except that H.264 as every player knows it has even sizes only: an odd
    width or height grows by a copy of its last column or row, so that nothing is lost. Colours are BT.709 and
    marked so. The first sound stream is kept: copied where players know its codec in the container, else
    turned into AAC of at most two channels. Times are exact in .mp4 and .mov; Matroska counts milliseconds.

    Cost, measured on two shared cores: 1.4 ms a frame of 320x240, 12 ms a frame of 1280x720.

    Attributes:
        path: the target.
        frames: how many were written.
        warning: why the sound could not be kept, or None.
    """

    def __init__(
        self, path: str | Path, source: str | Path | int | None, info: SourceInfo, comment: str = ""
    ) -> None:
        """Check what can be checked, and open the file under its temporary name.

        Args:
            path: target, .mp4, .mov or .mkv.
            source: the file that the frames come from, for sound and time base; None or a camera: no sound.
            info: size and rate of the frames to come.
            comment: written into the file as its comment tag.

        Raises:
            StreamError: the target cannot be written, or is the source.
        """
        import av
        from av.video.reformatter import VideoReformatter

        self.path = check_video_output(path, source)
        self.frames = 0
        self.warning: str | None = None
        self._size = (info.height, info.width)
        self._to_yuv = VideoReformatter()
        self._input = open_container(Path(str(source))) if source is not None and is_file(source) else None
        self._time_base = _CAMERA_TIME_BASE if self._input is None else _time_base(self._input)
        self._last_pts: int | None = None
        slowest = Fraction(1, 1001)  # a time lapse must not round to no frames at all
        rate = max(slowest, Fraction(info.rate or 30).limit_denominator(1001))
        self._step = max(1, round(1 / (rate * self._time_base)))  # ticks from the last frame to the next

        suffix = self.path.suffix.lower()
        # A start later than 0:00 is stored in units of the whole movie's clock, by default milliseconds.
        options = {} if suffix == ".mkv" else {"movie_timescale": str(self._time_base.denominator)}
        self._temporary = _temporary_name(self.path)
        with _saying_where(self.path):
            output = av.open(str(self._temporary), "w", format=VIDEO_FORMATS[suffix], options=options)
        self._output: OutputContainer | None = output
        if comment:
            output.metadata["comment"] = comment
        # Without B-frames (a quarter more bytes) packets leave in the order of their times, so that even a
        # player that ignores edit lists is in step. One thread: the other cores belong to the model.
        x264 = {"preset": "veryfast", "crf": "20", "bf": "0", "threads": "1"}
        self._video = output.add_stream("libx264", rate=rate, options=x264)
        height, width = self._size
        self._video.width, self._video.height = width + width % 2, height + height % 2
        self._video.pix_fmt = "yuv420p"
        context = self._video.codec_context
        context.time_base = self._time_base
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED_RANGE
        if self._input is not None:  # pixels that are not square stay so
            picture = playable_streams(self._input)[0][0]
            shape = picture.sample_aspect_ratio
            if shape:
                context.sample_aspect_ratio = 1 / shape if info.width != picture.width else shape

        self._sound: _Sound | None = None
        if self._input is not None and playable_streams(self._input)[1]:
            try:
                self._sound = _Sound(self._input, output, suffix)
            except ValueError as error:
                self.warning = f"{info.name}: its sound cannot be kept ({error})"

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close(finished=kind is None)
        else:
            self.abort()

    def write(self, time: float, image: np.ndarray) -> None:
        """Append one frame, and the sound up to it.

        Args:
            time: seconds of the source, later than the last frame's.
            image: (H, W, 3) uint8 RGB, of the source's size.

        Raises:
            StreamError: the disk does not take it, or is nearly full: then the video is closed, and plays.
        """
        from av.video.frame import VideoFrame

        if self._output is None:
            raise ValueError(f"{self.path} has been closed")
        free = shutil.disk_usage(self.path.parent).free
        if free < _SPARE_BYTES + 32 * self.frames:
            self.close(finished=False)
            kept = "there is no video" if self._last_pts is None else f"the video ends at {self._end:.1f} s"
            raise StreamError(f"{self.path}: only {free / 2**20:.1f} MiB are left on the disk; {kept}")
        if image.shape != (*self._size, 3):
            raise ValueError(f"image of shape {image.shape}, expected {(*self._size, 3)}")
        pts = round(Fraction(time) / self._time_base)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)  # should two times fall into one tick of the clock
            self._step = pts - self._last_pts
        frame = VideoFrame.from_ndarray(_to_even_size(image))
        frame = self._to_yuv.reformat(
            frame, format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED_RANGE
        )
        frame.pts, frame.time_base = pts, self._time_base
        self._mux_sound(until=time)
        self._mux_video(frame)
        self._last_pts = pts  # last of all: an interrupted first frame is none
        self.frames += 1

    def close(self, finished: bool = True) -> None:
        """Complete the file and give it its name; without a single frame, leave none. Harmless when repeated.

        Args:
            finished: the source was written to its end, so the rest of its sound follows. Else the sound ends
                with the last frame.

        Raises:
            StreamError: the disk does not take it; nothing is left then.
        """
        if self._output is None or self._last_pts is None:
            self.abort()
            return
        try:
            self._mux_video(None)
            self._mux_sound(until=math.inf if finished else self._end)
            with _saying_where(self.path):
                self._output.close()
                os.replace(self._temporary, self.path)
        except BaseException:
            self.abort()
            raise
        self._output = None
        self._close_input()

    def abort(self) -> None:
        """Leave nothing behind. Harmless when repeated, and after `close`."""
        output, self._output = self._output, None
        if output is not None:
            with contextlib.suppress(OSError, ValueError):  # a full disk complains once more; it is all going
                output.close()
            self._temporary.unlink(missing_ok=True)
        self._close_input()

    @property
    def _end(self) -> float:
        """Seconds at which the last frame ends."""
        return float(((self._last_pts or 0) + self._step) * self._time_base)

    def _close_input(self) -> None:
        if self._input is not None:
            self._input.close()

    def _mux_video(self, frame: VideoFrame | None) -> None:
        """Encode a frame, or with None what the encoder still holds back."""
        assert self._output is not None
        with _saying_where(self.path):
            for packet in self._video.encode(frame):
                packet.duration = self._step  # counts for the last one: the others end where the next starts
                self._output.mux(packet)

    def _mux_sound(self, until: float) -> None:
        assert self._output is not None
        if self._sound is not None:
            with _saying_where(self.path):
                for packet in self._sound.packets(until):
                    self._output.mux(packet)


class _Sound:
    """The first sound stream of a source on its way into an output, moved to the output's clock."""

    def __init__(self, source: InputContainer, output: OutputContainer, suffix: str) -> None:
        from av.codec import Codec

        self._input = source
        self._zero = start_of(source)
        self._stream: AudioStream = playable_streams(source)[1][0]
        context = self._stream.codec_context
        if context is None:
            raise ValueError("its codec is not known")
        if context.codec.canonical_name in _COPIED_SOUND[suffix]:
            self._target = output.add_stream_from_template(self._stream)
            # Only Matroska notes for Matroska how much of the sound lies before 0:00.
            self._packets = self._copied(from_zero=suffix == ".mkv" and "matroska" not in source.format.name)
        else:
            rates = Codec("aac", "w").audio_rates or []
            rate = context.sample_rate if context.sample_rate in rates else 48_000
            self._target = output.add_stream("aac", rate=rate)
            self._target.codec_context.layout = "mono" if context.layout.nb_channels == 1 else "stereo"
            self._packets = self._encoded()
        self._next: Packet | None = None

    def packets(self, until: float) -> Iterator[Packet]:
        """Packets that were not yet taken and start no later than `until`, in seconds of the source."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or _seconds(self._next) > until:
                return
            packet, self._next = self._next, None
            yield packet

    def _copied(self, from_zero: bool) -> Iterator[Packet]:
        """Packets as they are; `from_zero` leaves out those that only warm the decoder up.

        They lie before 0:00, and in Matroska, which has no edit lists, would delay everything.
        """
        last = -math.inf
        for packet in self._demuxed():
            if packet.pts is None or packet.dts is None:
                continue
            shift = round(self._zero / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if from_zero and packet.pts < 0 and packet.pts + (packet.duration or 0) <= 0:
                continue
            if packet.dts > last:  # sound that goes back in time would stop the muxer
                last = packet.dts
                packet.stream = self._target
                yield packet

    def _encoded(self) -> Iterator[Packet]:
        for packet in self._demuxed():
            with contextlib.suppress(ValueError):  # a damaged packet, as FFmpeg's invalid data is one
                for frame in self._stream.decode(packet):
                    if frame.pts is not None and frame.time_base is not None:
                        frame.pts -= round(self._zero / frame.time_base)
                    yield from self._target.encode(frame)
        yield from self._target.encode(None)

    def _demuxed(self) -> Iterator[Packet]:
        last = Fraction(0)
        with contextlib.suppress(ValueError, OSError):  # cut off: so is the picture, and its reader warns
            for packet in self._input.demux(self._stream):
                if packet.pts is not None:
                    if last - _seconds(packet) > RESTART_SECONDS:
                        return  # another recording follows, and how far to move it only its pictures say
                    last = max(last, _seconds(packet))
                yield packet


class EventWriter:
    """Writes what the stream says as it says it: one JSON object a line, flushed at each.

    The log is written under its final name, so that it can be followed; at any moment it consists of whole
    lines. Times are seconds of the source rounded to milliseconds, latencies are milliseconds.
    """

    def __init__(self, target: str | Path, source: str | Path | int | None = None) -> None:
        """Open the log, replacing an older one.

        Args:
            target: path, or "-" for standard output.
            source: what is being read, which must not be overwritten.

        Raises:
            StreamError: the target cannot be written, or is the source.
        """
        self._name = "standard output" if target == "-" else str(target)
        self._settled = 0  # segments written as such
        if target == "-":
            self._file = sys.stdout
            return
        path = _check_target(target, source)
        with _saying_where(path):
            self._file = open(path, "w", encoding="utf-8")  # noqa: SIM115  closed by close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tick(self, tick: Tick) -> None:
        """Write one tick, and before it the segments that have settled since the last one.

        Args:
            tick: what the model said; must have observed something.

        Raises:
            StreamError: nobody takes the line: the disk is full, the reader of a pipe has gone.
        """
        for segment in tick.past[self._settled : tick.settled]:
            self._write({"type": "settled", **_rounded(segment)})
        self._settled = tick.settled
        current = tick.current
        self._write(
            {
                "type": "tick",
                "seen_until": round(tick.seen_until, 3),
                "observed_until": round(tick.observed_until, 3),
                "current": {
                    "label": current.label,
                    "confidence": round(current.confidence, 3),
                    "since": round(current.start, 3),
                },
                "past": [_rounded(segment) for segment in tick.past[tick.settled :]],
                "future": [_rounded(segment) for segment in tick.future],
                "latency_ms": {stage: round(ms, 1) for stage, ms in tick.latency_ms.items()},
            }
        )

    def gap(self, gap: Gap) -> None:
        """Write that nothing was seen for a while."""
        start, end = round(gap.start, 3), round(gap.end, 3)
        self._write({"type": "gap", "start": start, "end": end, "cause": gap.cause})

    def summary(self, values: Mapping[str, Any]) -> None:
        """Write the last line: {"type": "summary", ...} with `values`, which JSON must be able to hold."""
        self._write({"type": "summary", **values})

    def close(self) -> None:
        """Close the log; standard output stays open."""
        if self._file is not sys.stdout:
            with contextlib.suppress(OSError):  # only a line that has already failed can be waiting
                self._file.close()

    def _write(self, event: Mapping[str, Any]) -> None:
        line = json.dumps(event) + "\n"
        with _saying_where(self._name):
            self._file.write(line)
            self._file.flush()


def write_segments(path: str | Path, segments: Iterable[Segment]) -> None:
    """Write a segmentation as a table: label,start,end,confidence with a header, times in seconds.

    Args:
        path: CSV file to create or replace; `check_output` tells early whether that is possible.
        segments: in the order to write them.

    Raises:
        StreamError: the file cannot be written; what was there before is untouched.
    """
    path = Path(path)
    temporary = _temporary_name(path)
    try:
        with _saying_where(path):
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                table = csv.DictWriter(file, ("label", "start", "end", "confidence"), lineterminator="\n")
                table.writeheader()
                table.writerows(_rounded(segment) for segment in segments)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_target(path: str | Path, source: str | Path | int | None) -> Path:
    path = Path(path)
    if path.is_dir():
        raise StreamError(f"{path}: is a folder; give the name of a file in it")
    if not path.parent.is_dir():
        raise StreamError(f"{path}: there is no folder {path.parent}; create it first")
    if is_file(source) and path.exists() and Path(str(source)).exists() and path.samefile(str(source)):
        raise StreamError(f"{path}: is the input itself; give the output another name")
    return path


def _temporary_name(path: Path) -> Path:
    """In the same folder, so that renaming it is one step; hidden, and not shared with another process."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


@contextlib.contextmanager
def _saying_where(path: str | Path) -> Iterator[None]:
    """Turn the errors of a write, FFmpeg's too, into a line that names the file."""
    import av

    try:
        yield
    except (OSError, av.error.FFmpegError) as error:
        raise StreamError(f"{path}: cannot be written ({error.strerror})") from error


def _rounded(segment: Segment) -> dict[str, str | float]:
    return {
        "label": segment.label,
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "confidence": round(segment.confidence, 3),
    }


def _time_base(source: InputContainer) -> Fraction:
    """Time base for the output's picture: the source's own, or a whole part of it where that is coarse."""
    videos, _ = playable_streams(source)
    base = videos[0].time_base if videos else None
    if base is None:
        return _CAMERA_TIME_BASE
    return base / math.ceil(base / _COARSEST_TIME_BASE)


def _seconds(packet: Packet) -> Fraction:
    return (packet.pts or 0) * packet.time_base


def _to_even_size(image: np.ndarray) -> np.ndarray:
    """Repeat the last row and column where their number is odd: (H, W, 3) -> (even, even, 3)."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
