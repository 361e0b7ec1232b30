"""The annotated video as a file: frames in, H.264 out, with the source's sound beside them.

A name that the user gave never holds half a video: see `recording` for what holds it meanwhile.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.canvas import Canvas
from actfusion_stream.sinks.gif import LONGEST, check_length
from actfusion_stream.sinks.muxers import H264, VP9, muxer_of
from actfusion_stream.sinks.recording import Recording
from actfusion_stream.sinks.sound import Sound, its_own_fault
from actfusion_stream.sinks.targets import check_video_output, saying_where
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.picture import Picture
from actfusion_stream.sources.sound_track import SoundTrack

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from actfusion_stream.engine.timeline import Tick
    from actfusion_stream.views.overlay import Overlay

_COARSEST_TIME_BASE = Fraction(1, 1000)  # some files count whole frames, which leaves no room between them
_CAMERA_TIME_BASE = Fraction(1, 90_000)
_VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0"}
_VP9_MORE = 12  # by which its constant quality counts further than x264's: 32 looks about as 20 there
_LARGE = 2**23 + 2**20  # pixels: more than 4K
_SPARE_BYTES = 8 << 20  # left free on the disk: the index of an .mp4 is some 20 bytes a frame


class VideoWriter:
    """Encodes frames to H.264 at the times of the source's frames, with the source's sound beside them.

    As a context manager it keeps what is worth keeping: a playable video at the end and after Ctrl-C (then
    the sound ends with the picture), and nothing after any other exception. Killed, it leaves a `Recording`,
    which plays.

    The picture has the source's size (an odd one: see `Canvas`), and what the source's numbers mean: depth of
    8 or 10 bits, sampling of colours, matrix, range, curve and primaries; it is marked so. The first sound
    stream is kept: copied where players know its codec in the container, else turned into AAC of at most two
    channels; what of it makes no sense is left out. Times are exact in .mp4 and .mov; Matroska counts
    milliseconds.

    Attributes:
        path: the target.
        frames: how many were written.
    """

    def __init__(self, path: str | Path, info: SourceInfo, crf: int = 20) -> None:
        """Check what can be checked, and open the recording.

        Args:
            path: target, .mp4, .mov, .mkv, .webm, .ts, .gif, or what else FFmpeg puts H.264 or VP9 into.
            info: size, rate, clock, colours and sound of the frames to come.
            crf: of x264, its constant rate factor: more is smaller and worse.

        Raises:
            StreamError: the target cannot be written.
        """
        self.path = check_video_output(path)
        self.frames = 0
        self._name = info.name
        self._canvas, self._shape = Canvas(info.width, info.height, info.colors), info.pixel_shape
        self._colors = info.colors
        self._begins = Fraction(info.begins).limit_denominator(1_000_000)  # is 0:00 of what is written
        self._time_base = _fine(info.clock)
        self._last_pts: int | None = None
        slowest = Fraction(1, 1001)  # a time lapse must not round to no frames at all
        rate = max(slowest, Fraction(info.rate or 30).limit_denominator(1001))
        self._step = max(1, round(1 / (rate * self._time_base)))  # ticks from the last frame to the next

        self._rate, self._crf = rate, crf
        muxer = muxer_of(self.path.suffix.lower())
        assert muxer is not None, "the path has been checked"
        self._muxer = muxer
        check_length(self.path, info)
        self._sound: Sound | None = None
        self._no_sound = ""
        sound = info.sound if muxer.sound else None
        if info.has_audio and not muxer.sound and muxer.coder != "gif":  # where nobody looks for it
            self._no_sound = f"its sound cannot be kept ({self.path.suffix} holds none)"
        elif info.sound is None and info.has_audio and muxer.sound:
            self._no_sound = "its sound cannot be kept (nothing here decodes it)"
        self._recording: Recording | None = None
        try:
            self._open(sound)
        except Exception as error:
            self.abort()
            if sound is None or not its_own_fault(error):
                raise
            self._no_sound = f"its sound cannot be kept ({error})"
            self._sound = None
            self._open(None)

    def _open(self, sound: SoundTrack | None) -> None:
        """Begin the recording: its streams, and its header."""
        self._recording = Recording(self.path)
        output = self._recording.output
        # Without B-frames (a quarter more bytes) packets leave in the order of their times, so that even a
        # player that ignores edit lists is in step. Threads: as many as x264 thinks best for the cores.
        width, height = self._canvas.width, self._canvas.height
        coder = VP9 if self._muxer.coder == VP9 else H264
        if coder == VP9:
            options = {"crf": str(self._crf + _VP9_MORE), "b": "0", **_VP9}
        else:
            options = {"preset": "veryfast", "crf": str(self._crf), "bf": "0", "threads": "0"}
            if height * width > _LARGE:  # the encoder keeps a dozen pictures otherwise, of 50 MB each
                options |= {"rc-lookahead": "0", "refs": "1"}
        self._video = cast("VideoStream", output.add_stream(coder, rate=self._rate, options=options))
        self._video.width, self._video.height = width, height
        self._video.pix_fmt = self._colors.pixels
        context = self._video.codec_context
        context.time_base = self._time_base
        context.colorspace, context.color_range = self._colors.matrix, self._colors.range
        context.color_trc, context.color_primaries = self._colors.transfer, self._colors.primaries
        context.sample_aspect_ratio = self._shape  # pixels that are not square stay so
        if sound is not None:
            self._sound = Sound(sound, output, self.path.suffix.lower(), self._muxer.sound)
        try:
            output.start_encoding()
        except OSError as error:
            raise StreamError(f"{self.path}: cannot be written ({error.strerror})") from error

    @property
    def warning(self) -> str | None:
        """What of the sound could not be kept; None if nothing."""
        said = self._no_sound or (self._sound.warning if self._sound is not None else "")
        return f"{self._name}: {said}" if said else None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close(finished=kind is None)
        else:
            self.abort()

    def write(
        self, time: float, picture: Picture, overlay: Overlay | None = None, tick: Tick | None = None
    ) -> None:
        """Append one frame, and the sound up to it.

        Args:
            time: seconds of the source, later than the last frame's.
            picture: of the source's size, (H, W, 3) uint8 RGB or decoded.
            overlay: what draws on it; None for nothing.
            tick: what it draws.

        Raises:
            StreamError: the disk does not take it, or is nearly full: then the video is closed, and plays.
        """
        if self._recording is None:
            raise ValueError(f"{self.path} has been closed")
        self._check_room(self._recording)
        since = max(Fraction(time) - self._begins, Fraction(0))
        if self._muxer.coder == "gif" and since >= LONGEST:
            self.close(finished=False)
            raise StreamError(f"{self.path}: ends at {LONGEST} s, as long as a GIF is made here")
        self._canvas.load(picture)
        if overlay is not None:
            self._canvas.draw(overlay.draw(self._canvas.width, self._canvas.height, time, tick))
        pts = round(since / self._time_base)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)  # should two times fall into one tick of the clock
            self._step = pts - self._last_pts
        frame = self._canvas.frame
        frame.pts, frame.time_base = pts, self._time_base
        with self._keeping():
            self._mux_sound(until=float(since))
            self._mux_video(frame)
        self._last_pts = pts  # last of all: an interrupted first frame is none
        self.frames += 1

    def close(self, finished: bool = True) -> None:
        """Complete the file and give it its name; without a single frame, leave none. Harmless when repeated.

        Args:
            finished: the source was written to its end, so the rest of its sound follows. Else the sound ends
                with the last frame.

        Raises:
            StreamError: the disk does not take it; the line says how what was recorded is called.
        """
        if self._recording is None or self._last_pts is None:
            self.abort()
            return
        with self._keeping():
            self._mux_video(None)
            self._mux_sound(until=math.inf if finished else self._end, finishing=True)
        recording, self._recording = self._recording, None
        recording.finish(self._shape, 1 / self._rate)
        if recording.no_sound:
            self._no_sound = f"its sound cannot be kept in {self.path.suffix} ({recording.no_sound})"

    def abort(self) -> None:
        """Leave nothing behind. Harmless when repeated, and after `close`."""
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.discard()

    @property
    def _end(self) -> float:
        """Seconds at which the last frame ends."""
        return float(((self._last_pts or 0) + self._step) * self._time_base)

    def _check_room(self, recording: Recording) -> None:
        """Close the video while the disk can still take it, in its own container, too."""
        free = shutil.disk_usage(self.path.parent).free
        twice = 0 if self.path.suffix.lower() == ".mkv" else recording.size
        if free >= _SPARE_BYTES + twice + 32 * self.frames:
            return
        self.close(finished=False)
        kept = "there is no video" if self._last_pts is None else f"the video ends at {self._end:.1f} s"
        raise StreamError(f"{self.path}: only {free / 2**20:.1f} MiB are left on the disk; {kept}")

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        """What has been recorded is kept if the disk takes no more."""
        try:
            with saying_where(self.path):
                yield
        except StreamError as error:
            recording, self._recording = self._recording, None
            kept = "" if recording is None else recording.keep()
            raise StreamError(f"{error}{kept}") from error.__cause__

    def _mux_video(self, frame: VideoFrame | None) -> None:
        """Encode a frame, or with None what the encoder still holds back."""
        assert self._recording is not None
        for packet in self._video.encode(frame):
            packet.duration = self._step  # counts for the last one: the others end where the next starts
            try:
                self._recording.mux(packet)
            except Exception as error:
                # With the picture goes what waited of the sound; and FFmpeg's own encoder makes no mistakes.
                if self._sound is None or not its_own_fault(error):
                    raise
                self._sound.give_up(error)

    def _mux_sound(self, until: float, *, finishing: bool = False) -> None:
        assert self._recording is not None
        if self._sound is None:
            return
        for packet in self._sound.packets(until, finishing=finishing):
            try:
                self._recording.mux(packet)
            except Exception as error:
                if not its_own_fault(error):
                    raise
                self._sound.refused(packet)


def _fine(clock: Fraction | None) -> Fraction:
    """Time base for the output's picture: the source's own, or a whole part of it where that is coarse."""
    return _CAMERA_TIME_BASE if clock is None else clock / math.ceil(clock / _COARSEST_TIME_BASE)
