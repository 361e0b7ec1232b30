"""The sound of a source on its way into an annotated video."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from actfusion_stream.sources.containers import RESTART_SECONDS, playable_streams, start_of

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

# What players know in each container. FFmpeg would put e.g. PCM into .mp4 as well; many players stay silent.
_EVERYWHERE = {"aac", "mp3", "ac3", "eac3", "alac"}
_COPIED_SOUND = {
    ".mp4": _EVERYWHERE | {"opus"},
    ".mov": _EVERYWHERE | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"},
    ".mkv": _EVERYWHERE | {"opus", "vorbis", "flac", "mp2", "dts", "pcm_s16le", "pcm_s24le", "pcm_f32le"},
}


class Sound:
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
        self._next: Packet[AudioStream] | None = None

    def packets(self, until: float) -> Iterator[Packet[AudioStream]]:
        """Packets that were not yet taken and start no later than `until`, in seconds of the source."""
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or _seconds(self._next) > until:
                return
            packet, self._next = self._next, None
            yield packet

    def _copied(self, from_zero: bool) -> Iterator[Packet[AudioStream]]:
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

    def _encoded(self) -> Iterator[Packet[AudioStream]]:
        for packet in self._demuxed():
            with contextlib.suppress(ValueError):  # a damaged packet, as FFmpeg's invalid data is one
                for frame in self._stream.decode(packet):
                    if frame.pts is not None and frame.time_base is not None:
                        frame.pts -= round(self._zero / frame.time_base)
                    yield from self._target.encode(frame)
        yield from self._target.encode(None)

    def _demuxed(self) -> Iterator[Packet[AudioStream]]:
        last = Fraction(0)
        with contextlib.suppress(ValueError, OSError):  # cut off: so is the picture, and its reader warns
            for packet in self._input.demux(self._stream):
                if packet.pts is not None:
                    if last - _seconds(packet) > RESTART_SECONDS:
                        return  # another recording follows, and how far to move it only its pictures say
                    last = max(last, _seconds(packet))
                yield packet


def _seconds(packet: Packet[AudioStream]) -> Fraction:
    return (packet.pts or 0) * packet.time_base
