"""The annotated video as a file: frames in, H.264 out, with the source's sound beside them.

It is written under a temporary name beside its target and renamed when it is complete, so that a name the
user gave never holds half a video.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.files import temporary_name
from actfusion_stream.sinks.sound import Sound
from actfusion_stream.sinks.targets import VIDEO_FORMATS, check_video_output, saying_where
from actfusion_stream.sources.containers import open_container, playable_streams
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import is_file

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame

_COARSEST_TIME_BASE = Fraction(1, 1000)  # some files count whole frames, which leaves no room between them
_CAMERA_TIME_BASE = Fraction(1, 90_000)
_BT709 = 1  # FFmpeg's number for these primaries, transfer curve and matrix alike
_LIMITED_RANGE = 1
_SPARE_BYTES = 8 << 20  # left free on the disk: the index of an .mp4 comes last, some 20 bytes a frame


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
        self._temporary = temporary_name(self.path)
        with saying_where(self.path):
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

        self._sound: Sound | None = None
        if self._input is not None and playable_streams(self._input)[1]:
            try:
                self._sound = Sound(self._input, output, suffix)
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
            with saying_where(self.path):
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
        with saying_where(self.path):
            for packet in self._video.encode(frame):
                packet.duration = self._step  # counts for the last one: the others end where the next starts
                self._output.mux(packet)

    def _mux_sound(self, until: float) -> None:
        assert self._output is not None
        if self._sound is not None:
            with saying_where(self.path):
                for packet in self._sound.packets(until):
                    self._output.mux(packet)


def _time_base(source: InputContainer) -> Fraction:
    """Time base for the output's picture: the source's own, or a whole part of it where that is coarse."""
    videos, _ = playable_streams(source)
    base = videos[0].time_base if videos else None
    if base is None:
        return _CAMERA_TIME_BASE
    return base / math.ceil(base / _COARSEST_TIME_BASE)


def _to_even_size(image: np.ndarray) -> np.ndarray:
    """Repeat the last row and column where their number is odd: (H, W, 3) -> (even, even, 3)."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(image)
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
