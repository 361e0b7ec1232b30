"""A container's pictures and sound through one demuxer; what is damaged is left out and counted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, cast

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.containers import check_size, playable_streams, start_of
from actfusion_stream.sources.sound_track import SoundTrack
from actfusion_stream.sources.timestamps import BestEffort

if TYPE_CHECKING:
    import av.container
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    AnyPacket = Packet[VideoStream] | Packet[AudioStream]

_GENERATED_PTS = (
    1  # FFmpeg's flag, which PyAV sets: presentation times that it makes up where a file has none
)
# What is read to tell a still picture from a video, where there are several streams of pictures.
_LOOK_PACKETS, _LOOK_BYTES = 2000, 32 << 20
_WORTH_SEEKING = 5.0  # seconds, which are decoded sooner than an index is looked into
_MOST_LATE = 10_000  # packets of streams that the header did not announce


class Decoder:
    """The pictures of the video stream that a player would show, and the sound beside them.

    Args:
        container: open, with nothing read of it; it is closed by its owner.

    Attributes:
        stream: of the pictures.
        sound: what the demuxer finds of the first sound stream; None if there is none.
        zero: seconds at which a player shows 0:00.
        reached: seconds from `zero` that the packets read so far go.
        damages: places that could not be read or decoded.
        promised: pictures that the packets read so far should have given; 0 where a packet may hold none.
        late: seconds from `zero` at which a stream began that the header does not announce; None if none did.

    Raises:
        StreamError: there is no video in it; the message is without its name.
    """

    def __init__(self, container: av.container.InputContainer) -> None:
        container.flags &= ~_GENERATED_PTS
        self._container = container
        videos, sounds = playable_streams(container)
        if not videos:
            raise StreamError(_why_no_video(container))
        for video in videos:
            check_size(video)
        self.zero = start_of(container)
        self.sound = SoundTrack(sounds[0], self.zero) if sounds else None
        self.reached = Fraction(0)
        self.damages = 0
        self.promised = 0
        self._counts = "mp4" in container.format.name  # a sample is a picture there
        self.late: Fraction | None = None
        self._streams: list[VideoStream | AudioStream] = [*videos, *sounds[:1]]
        self._packets = self._demuxed(self._streams)
        self._ahead: list[AnyPacket] = []
        self.stream = videos[0] if len(videos) == 1 else self._choose(videos)
        self.stream.thread_type = "AUTO"  # frame threads: a third less time than slices on 720p

    def pictures(self) -> Iterator[tuple[VideoFrame, Fraction | None]]:
        """Everything that can be decoded, in presentation order, with its time if the file tells one."""
        import av

        guess = BestEffort()
        for packet in self._worth_decoding():
            try:
                pictures = self.stream.decode(packet)
            except av.error.FFmpegError:
                self.damages += 1
                continue
            self.damages += sum(picture.is_corrupt for picture in pictures)
            for picture in pictures:
                yield picture, self._time(guess, picture)
        with contextlib.suppress(av.error.FFmpegError):  # EOFError if the last packet has flushed the decoder
            for picture in self.stream.decode(None):
                yield picture, self._time(guess, picture)

    def begin(self, first: Fraction | None) -> None:
        """Move 0:00 to the first picture, where a broken header puts it behind: nothing lies before 0:00."""
        if first is not None and first < self.zero:
            self.reached += self.zero - first
            self.zero = first
            if self.sound is not None:
                self.sound.zero = first

    def seek(
        self, seconds: float
    ) -> tuple[tuple[VideoFrame, Fraction | None], Iterator[tuple[VideoFrame, Fraction | None]]] | None:
        """Go on near a time, but not behind it: the first picture there, and those that follow.

        Args:
            seconds: from `zero`.

        Returns:
            None where nothing was gained or the file cannot be sought in: it goes on as it was.
        """
        import av

        unit = self.stream.time_base
        if seconds < _WORTH_SEEKING or unit is None:
            return None
        for target in (seconds, 0.0):  # an index may be wrong: then all of it is read
            try:
                self._container.seek(int((Fraction(target) + self.zero) / unit), stream=self.stream)
            except av.error.FFmpegError:
                return None
            self._ahead, self._counts = [], False
            self._packets = self._demuxed(self._streams)
            pictures = self.pictures()
            first = next(pictures, None)
            self.damages = 0
            if first is not None and (first[1] or self.zero) - self.zero <= seconds:
                return first, pictures
        return None

    def _worth_decoding(self) -> Iterator[AnyPacket]:
        """Packets of the pictures, but the last one if it was cut short by the end of the file.

        Decoding its remains can make the decoder give up whole pictures that it still holds back. Others that
        are marked as damaged may be whole, as where two recordings were joined.
        """
        damaged = None
        for packet in self._all_packets():
            if packet.stream is not self.stream:
                continue
            # Pictures before the start of a cut are there to be decoded, not to be shown; later ones are not
            # shown because the file's times make no sense.
            if self._counts and packet.size and not (packet.is_discard and not self.promised):
                self.promised += 1
            if damaged is not None and packet.size:
                yield damaged
                damaged = None
            if packet.is_corrupt:
                damaged = packet
            else:
                yield packet
        self.damages += damaged is not None

    def _time(self, guess: BestEffort, picture: VideoFrame) -> Fraction | None:
        best, unit = guess(picture.pts, picture.dts), picture.time_base or self.stream.time_base
        return None if best is None or unit is None else best * unit

    def _all_packets(self) -> Iterator[AnyPacket]:
        ahead, self._ahead = self._ahead, []
        yield from ahead
        yield from self._packets

    def _demuxed(self, streams: list[VideoStream | AudioStream]) -> Iterator[AnyPacket]:
        """Packets as the file has them; those of sound go to its track on the way."""
        import av

        packets = self._container.demux(*streams)
        missed = 0
        while True:
            try:
                packet = next(packets, None)
            except IndexError:  # PyAV does not know a stream that begins in the middle
                self.late = self.reached if self.late is None else self.late
                missed += 1
                if missed > _MOST_LATE:
                    self.damages += 1
                    return
                packets = self._container.demux(*streams)
                continue
            except av.error.FFmpegError:  # the file cannot be followed any further
                self.damages += 1
                return
            if packet is None:
                return
            known = cast("AnyPacket", packet)
            self._note_end(known)
            if self.sound is not None and packet.stream is self.sound.stream:
                self.sound.put(cast("Packet[AudioStream]", packet))
            yield known

    def _note_end(self, packet: AnyPacket) -> None:
        start = packet.dts if packet.pts is None else packet.pts
        if start is not None and packet.time_base and not packet.is_corrupt:
            end = (start + (packet.duration or 0)) * packet.time_base - self.zero
            self.reached = max(self.reached, end)

    def _choose(self, videos: list[VideoStream]) -> VideoStream:
        """The first of `videos`, which come best first, that holds more than a single picture."""
        counts = dict.fromkeys((video.index for video in videos), 0)
        size = 0
        for packet in self._packets:
            self._ahead.append(packet)
            size += packet.size
            if packet.size and packet.stream.index in counts:
                counts[packet.stream.index] += 1
            if min(counts.values()) > 1 or len(self._ahead) > _LOOK_PACKETS or size > _LOOK_BYTES:
                break
        moving = [video for video in videos if counts[video.index] > 1]
        return (moving or [video for video in videos if counts[video.index]] or videos)[0]


def _why_no_video(container: av.container.InputContainer) -> str:
    if any(stream.codec_context is None for stream in container.streams.video):
        return "nothing here knows the codec of its video; convert it, e.g. to H.264"
    what = "only sound" if container.streams.audio else "neither video nor sound"
    return f"no video in it ({what}); give a video file"
