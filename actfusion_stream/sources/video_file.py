"""A video file, or anything else with an end, as frames: each once, with the times a player would show.

Time comes from presentation timestamps, never from counting frames, so a variable frame rate is no special
case.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.containers import (
    RESTART_SECONDS,
    check_size,
    open_container,
    playable_streams,
    quarter_turns,
    start_of,
)
from actfusion_stream.sources.frames import Frame, SourceInfo

if TYPE_CHECKING:
    import av.container
    from av.audio.stream import AudioStream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# A file has stopped early if more than both of these are missing from what its header promises.
_SHORT_SECONDS = 1.0
_SHORT_SHARE = 0.02
_DEFAULT_RATE = Fraction(25)  # for the few containers that hold neither timestamps nor a rate


class VideoFile:
    """Decodes a video that has an end; what cannot be decoded is skipped and told in `warning`.

    Args:
        path: how to call it.
        container: of it; None to open the file `path`.
    """

    def __init__(self, path: Path | str, container: av.container.InputContainer | None = None) -> None:
        self.warning: str | None = None
        self._container = container or open_container(Path(path))
        try:
            videos, sounds = playable_streams(self._container)
            if not videos:
                what = "only sound" if sounds else "neither video nor sound"
                raise StreamError(f"{path}: no video in it ({what}); give a video file")
            self._stream = videos[0]
            try:
                check_size(self._stream)
            except StreamError as error:
                raise StreamError(f"{path}: {error}") from error
            self._stream.thread_type = "AUTO"  # frame threads: a third less time than slices on 720p
            self._rate = self._stream.average_rate or self._stream.guessed_rate
            self._zero = start_of(self._container)
            self._reached = Fraction(0)  # seconds; how far the packets that were read go
            self._damages = 0
            self._restarts: list[Fraction] = []  # seconds at which time went back to begin anew
            pictures = self._pictures()
            first = next(pictures, None)
            if first is None:
                raise StreamError(f"{path}: has a video stream, but no frame of it can be decoded")
        except BaseException:
            self._container.close()
            raise
        self._first, self._rest = first, pictures
        promised = self._promised_end()
        turned = quarter_turns(first) % 2 == 1
        self.info = SourceInfo(
            name=path.name if isinstance(path, Path) else path,
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
        shift = Fraction(0)
        index = backwards = 0
        for picture in itertools.chain([self._first], self._rest):
            if picture.pts is not None and picture.time_base is not None:
                now = picture.pts * picture.time_base - self._zero
                if last is not None and 0 < now - last <= RESTART_SECONDS:
                    shift = Fraction(0)  # what looked like a restart was a stray time stamp
                now += shift
                if last is not None and last - now > RESTART_SECONDS:
                    shift += last + step - now
                    now = last + step
                    self._restarts.append(last)
            else:
                now = Fraction(0) if last is None else last + step
            if last is not None and now <= last:
                backwards += 1
                continue
            last = now
            upright = np.rot90(
                to_rgb.reformat(picture, width, height, "rgb24").to_ndarray(), quarter_turns(picture)
            )
            yield Frame(float(now), np.ascontiguousarray(upright, np.uint8), index, time.perf_counter())
            index += 1
        self.warning = self._what_went_wrong(backwards)

    def stop(self) -> None:
        """Nothing to do: a file never keeps anybody waiting."""

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
            duration = Fraction(self._container.duration, 1_000_000)  # in units of FFmpeg's AV_TIME_BASE
            # Matroska counts from time 0, whatever the time of its first frame.
            return duration - self._zero if "matroska" in self._container.format.name else duration
        return None

    def _what_went_wrong(self, backwards: int) -> str | None:
        """One line on what is missing from the frames delivered, or None."""
        found = []
        promised = self.info.duration
        if promised is not None and promised - self._reached > max(_SHORT_SECONDS, _SHORT_SHARE * promised):
            found.append(f"it stops at {float(self._reached):.1f} s, but promises {promised:.1f} s")
        if self._damages:
            found.append(f"it is damaged in {self._damages} {'place' if self._damages == 1 else 'places'}")
        if self._restarts:
            at = ", ".join(f"{float(time):.1f}" for time in self._restarts[:3])
            more = ", …" if len(self._restarts) > 3 else ""
            sound = ", without its sound" if self.info.has_audio else ""
            found.append(f"its time begins anew at {at}{more} s (what follows was put behind{sound})")
        if backwards:
            found.append(f"{backwards} {'frame goes' if backwards == 1 else 'frames go'} back in time")
        return f"{self.info.name}: {', '.join(found)}; all the rest was read" if found else None
