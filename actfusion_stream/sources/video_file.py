"""A video file, or anything else with an end, as frames: each once, with the times a player would show.

Time comes from the file's timestamps, never from counting frames, so a variable frame rate is no special
case.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.containers import open_container
from actfusion_stream.sources.decoding import Decoder
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.picture import HDR, Colors
from actfusion_stream.sources.pictures import Cleaner, Uniform
from actfusion_stream.sources.timestamps import Timeline

if TYPE_CHECKING:
    import av.container
    from av.video.frame import VideoFrame

# A file has stopped early if more than both of these are missing from what its header promises.
_SHORT_SECONDS = 1.0
_SHORT_SHARE = 0.02


class VideoFile:
    """Decodes a video that has an end.

    Args:
        path: how to call it.
        container: of it; None to open the file `path`.

    Attributes:
        info: known from the start.
        warning: what is missing from the frames delivered; known after the end, None if nothing is.
        remark: what was done to the pictures; known after the end, None if nothing was.
    """

    def __init__(self, path: Path | str, container: av.container.InputContainer | None = None) -> None:
        self.warning: str | None = None
        self.remark: str | None = None
        self._on_disk = container is None
        self._container = container or open_container(Path(path))
        try:
            try:
                self._decoder = Decoder(self._container)
            except StreamError as error:
                raise StreamError(f"{path}: {error}") from error
            self._pictures = self._decoder.pictures()
            first = next(self._pictures, None)
            if first is None:
                raise StreamError(f"{path}: has a video stream, but no frame of it can be decoded")
        except BaseException:
            self._container.close()
            raise
        self._first = first
        self._decoder.begin(first[1])
        self._delivered = 0
        self._hdr: tuple[str, Fraction] | None = None  # its curve, and since when
        stream = self._decoder.stream
        self._rate = stream.average_rate or stream.guessed_rate
        self._uniform = Uniform(first[0], stream.sample_aspect_ratio or Fraction(1))
        self._shape, self._coded_shape = self._uniform.stored_shape, self._said_shape()
        promised = self._promised_end()
        self.info = SourceInfo(
            name=path.name if isinstance(path, Path) else path,
            width=self._uniform.width,
            height=self._uniform.height,
            duration=None if promised is None else float(promised),
            rate=float(self._rate) if self._rate else None,
            live=False,
            has_audio=bool(self._container.streams.audio),
            clock=stream.time_base,
            pixel_shape=self._uniform.shape,
            sound=self._decoder.sound,
            colors=Colors.of(first[0]),
        )

    def skip_to(self, seconds: float) -> None:
        """Leave out what lies well before `seconds`, if the file can be sought in; before `frames`."""
        found = self._decoder.seek(seconds) if self._on_disk else None
        if found is not None:
            self._first, self._pictures = found

    def frames(self) -> Iterator[Frame]:
        """Frames in the order of their times, all of the first one's size."""
        decoder, sound = self._decoder, self._decoder.sound
        if sound is not None and not sound.wanted:
            sound.clear()
            decoder.sound = None
        timeline, cleaner = Timeline(decoder.zero, self._rate), Cleaner()
        for index, (picture, at) in enumerate(self._cleaned(timeline, cleaner)):
            if self._hdr is None and int(picture.color_trc) in HDR:
                self._hdr = HDR[int(picture.color_trc)], at
            seen = self._uniform(picture, at, self._pixel_shape(picture))
            self._delivered += 1
            yield Frame(float(at), seen, index, time.perf_counter())
        self.warning = self._what_went_wrong(timeline)
        self.remark = self._what_was_done(timeline, cleaner)

    def stop(self) -> None:
        """Nothing to do: a file never keeps anybody waiting."""

    def close(self) -> None:
        self._container.close()

    def _cleaned(self, timeline: Timeline, cleaner: Cleaner) -> Iterator[tuple[VideoFrame, Fraction]]:
        for picture, at in itertools.chain([self._first], self._pictures):
            yield from cleaner.push(picture, timeline.place(at))
        yield from cleaner.flush()

    def _pixel_shape(self, picture: VideoFrame) -> Fraction:
        """Width to height of a picture's pixels.

        The decoder tells of a change as soon as it has read it, while it still gives pictures from before:
        what is new begins with a key picture.
        """
        now = self._said_shape()
        if now != self._coded_shape and picture.key_frame:
            self._shape = self._coded_shape = now
        return self._shape

    def _said_shape(self) -> Fraction:
        return self._decoder.stream.codec_context.sample_aspect_ratio or Fraction(1)

    def _promised_end(self) -> Fraction | None:
        """When the last frame ends by what the header says, in seconds; None if it does not say."""
        stream, zero = self._decoder.stream, self._decoder.zero
        if stream.duration is not None and stream.time_base is not None:
            return ((stream.start_time or 0) + stream.duration) * stream.time_base - zero
        if self._container.duration is not None:
            duration = Fraction(self._container.duration, 1_000_000)  # in units of FFmpeg's AV_TIME_BASE
            # Matroska counts from time 0, whatever the time of its first frame.
            return duration - zero if "matroska" in self._container.format.name else duration
        return None

    def _what_went_wrong(self, timeline: Timeline) -> str | None:
        """One line on what is missing from the frames delivered, or None."""
        found = []
        promised, reached, damages = self.info.duration, self._decoder.reached, self._decoder.damages
        if promised is not None and promised - reached > max(_SHORT_SECONDS, _SHORT_SHARE * promised):
            found.append(f"it stops at {float(reached):.1f} s, but promises {promised:.1f} s")
        if damages:
            found.append(f"it is damaged in {damages} {'place' if damages == 1 else 'places'}")
        lost = self._decoder.promised - self._delivered
        if lost > 0:
            found.append(f"{lost} of its {self._decoder.promised} pictures cannot be decoded")
        if timeline.restarts:
            at = ", ".join(f"{float(time):.1f}" for time in timeline.restarts[:3])
            more = ", …" if len(timeline.restarts) > 3 else ""
            sound = ", without its sound" if self.info.has_audio else ""
            found.append(f"its time begins anew at {at}{more} s (what follows was put behind{sound})")
        return f"{self.info.name}: {', '.join(found)}; all the rest was read" if found else None

    def _what_was_done(self, timeline: Timeline, cleaner: Cleaner) -> str | None:
        """One line on pictures that are not as the file has them, or None."""
        done = []
        if cleaner.changed is not None:
            done.append(f"deinterlaced from {float(cleaner.changed):.1f} s on")
        if self._hdr is not None:
            curve, at = self._hdr
            done.append(f"tone-mapped for the model, from HDR ({curve}) to BT.709, from {float(at):.1f} s on")
        if timeline.backwards:
            places = f"{timeline.backwards} {'place' if timeline.backwards == 1 else 'places'}"
            done.append(f"put behind the one before in {places}, where time goes back")
        if self._decoder.late is not None:
            done.append(f"left without a sound that begins unannounced at {float(self._decoder.late):.1f} s")
        if self._uniform.changed is not None:
            size, since = f"{self.info.width}x{self.info.height}", float(self._uniform.changed)
            done.append(f"of another size or turn from {since:.1f} s on, and fitted into {size}")
        return f"{self.info.name}: its pictures were {', and '.join(done)}" if done else None
