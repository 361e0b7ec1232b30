"""The sound of a source on its way into an annotated video; whatever it does, it costs no picture."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from actfusion_stream.sources.containers import RESTART_SECONDS
from actfusion_stream.sources.sound_track import SoundTrack

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.filter import Graph
    from av.packet import Packet

# What players know in each container. FFmpeg would put e.g. PCM into .mp4 as well; many players stay silent.
_EVERYWHERE = {"aac", "mp3", "ac3", "eac3", "alac"}
_COPIED_SOUND = {
    ".mp4": _EVERYWHERE | {"opus"},
    ".mov": _EVERYWHERE | {"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"},
    ".webm": {"opus", "vorbis"},
    ".ts": {"aac", "mp3", "ac3", "eac3", "mp2"},
    ".mkv": _EVERYWHERE | {"opus", "vorbis", "flac", "mp2", "dts", "pcm_s16le", "pcm_s24le", "pcm_f32le"},
}
_MOST_DAMAGES = 100_000


def its_own_fault(error: Exception) -> bool:
    """Whether FFmpeg complains of what it was given; of the disk it does so by an `OSError`."""
    import av

    given = (av.error.FFmpegError, ValueError, EOFError, MemoryError, NotImplementedError, LookupError)
    return isinstance(error, given) and not isinstance(error, OSError)


class Sound:
    """Turns the packets of a sound track into those of an output, on the output's clock.

    Args:
        track: of the source.
        output: gets a stream.
        suffix: of the output's target: it decides what is copied.
        coder: FFmpeg's name of the encoder for the rest.

    Attributes:
        target: the output's stream.

    Raises:
        ValueError: there is no way into the output for it.
    """

    def __init__(self, track: SoundTrack, output: OutputContainer, suffix: str, coder: str) -> None:
        context = track.stream.codec_context
        self._track, self._zero = track, track.zero
        self._damages: list[float] = []  # seconds
        self._end: tuple[float, str] | None = None
        self._latest = -math.inf  # seconds that the track has come to
        self._last_dts = -math.inf  # of the packets given
        self._ready: deque[Packet[AudioStream]] = deque()
        self._encoder: _Encoder | None = None
        self.target: AudioStream
        # Of a stream that never comes nothing is known, and no container takes it.
        known = context.sample_rate > 0 and context.layout.nb_channels > 0
        if known and context.codec.canonical_name in _COPIED_SOUND.get(suffix, ()):
            self.target = output.add_stream_from_template(track.stream)
        else:
            self._encoder = _Encoder(output, context, coder)
            self.target = self._encoder.target
        # Only Matroska notes for Matroska how much of the sound lies before 0:00.
        self._from_zero = suffix == ".mkv" and "matroska" not in track.stream.container.format.name
        track.wanted = True

    @property
    def warning(self) -> str:
        """What of the sound could not be kept, "" if nothing."""
        found = []
        if self._damages:
            count = f"{len(self._damages)} {'place' if len(self._damages) == 1 else 'places'}"
            found.append(f"is damaged in {count}, first at {max(self._damages[0], 0.0):.1f} s")
        if self._end is not None:
            found.append(f"ends at {max(self._end[0], 0.0):.1f} s ({self._end[1]})")
        return f"its sound {' and '.join(found)}" if found else ""

    def packets(self, until: float, *, finishing: bool = False) -> Iterator[Packet[AudioStream]]:
        """Packets that were not yet taken and start no later than `until`, in seconds of the source.

        Args:
            until: inf for all of them.
            finishing: nothing more will be read: give what an encoder still holds back, too.
        """
        while True:
            while not self._ready:
                packet = None if self._end is not None else self._track.take()
                if packet is not None:
                    self._convert(packet)
                elif finishing and self._encoder is not None:
                    self._ready.extend(self._encoder.flush())
                    self._encoder = None
                else:
                    return
            if _seconds(self._ready[0]) > until:
                return
            yield self._ready.popleft()

    def refused(self, packet: Packet[AudioStream]) -> None:
        """Note that the output does not take a packet."""
        self._damage(float(_seconds(packet)))

    def give_up(self, error: Exception) -> None:
        """The output takes no more of it."""
        self._end = self._end or (max(self._latest, 0.0), str(error).partition(":")[0])
        self._ready.clear()

    def _convert(self, packet: Packet[AudioStream]) -> None:
        """A packet of the track into those of the output, as long as it makes sense."""
        start = packet.dts if packet.pts is None else packet.pts
        if start is None or packet.size == 0 or self._end is not None:
            return
        shift = round(self._zero / packet.time_base)
        seconds = float((start - shift) * packet.time_base)
        if packet.is_corrupt:
            self._damage(seconds)
            return
        if self._latest - seconds > RESTART_SECONDS:  # how far to move it only its pictures say
            self._end = (self._latest, "another recording follows")
            return
        self._latest = max(self._latest, seconds)
        if self._encoder is None:
            self._copy(packet, start, shift)
            return
        try:
            self._ready.extend(self._encoder.encode(self._track.stream.decode(packet), self._zero))
        except Exception as error:
            if not its_own_fault(error):
                raise
            self._damage(seconds)

    def _copy(self, packet: Packet[AudioStream], start: int, shift: int) -> None:
        dts = start if packet.dts is None else packet.dts
        packet.pts, packet.dts = start - shift, dts - shift
        # Those that only warm the decoder up lie before 0:00, and would delay everything where there are no
        # edit lists to say so.
        if self._from_zero and packet.pts < 0 and packet.pts + (packet.duration or 0) <= 0:
            return
        if packet.dts <= self._last_dts:  # sound that goes back in time would stop the muxer
            return
        self._last_dts = packet.dts
        packet.stream = self.target
        self._ready.append(packet)

    def _damage(self, seconds: float) -> None:
        self._damages.append(seconds)
        if len(self._damages) >= _MOST_DAMAGES:
            self._end = (seconds, "nothing of it can be used any more")


class _Encoder:
    """Decoded sound into AAC, Opus or the like, of one rate and layout; silence where none is."""

    def __init__(self, output: OutputContainer, source: AudioCodecContext, coder: str) -> None:
        from av.codec import Codec

        rates = Codec(coder, "w").audio_rates or []
        rate = source.sample_rate if source.sample_rate in rates else 48_000
        layout = "mono" if source.layout.nb_channels == 1 else "stereo"
        self.target = cast("AudioStream", output.add_stream(coder, rate=rate))
        self.target.codec_context.layout = layout
        samples = "flt" if coder == "libopus" else "fltp"
        self._output_format = f"sample_fmts={samples}:sample_rates={rate}:channel_layouts={layout}"
        self._clock = Fraction(1, rate)
        self._graph: Graph | None = None
        self._input: tuple[Any, ...] = ()
        self._next = -math.inf  # where the next sample has to lie: graphs follow one another without overlap

    def encode(self, frames: list[AudioFrame], zero: Fraction) -> Iterator[Packet[AudioStream]]:
        for frame in frames:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != self._input:
                yield from self._drain()
                self._graph, self._input = self._open(frame), kind
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(zero / frame.time_base)
            assert self._graph is not None
            self._graph.push(frame)
            yield from self._pull()

    def flush(self) -> Iterator[Packet[AudioStream]]:
        """What is still held back."""
        yield from self._drain()
        yield from self.target.encode(None)

    def _open(self, frame: AudioFrame) -> Graph:
        from av.filter import Graph

        graph = Graph()
        last = graph.add_abuffer(
            sample_rate=frame.sample_rate, format=frame.format, layout=frame.layout, time_base=frame.time_base
        )
        for name, arguments in (
            ("aresample", "async=1"),
            ("aformat", self._output_format),
            ("abuffersink", None),
        ):
            step = graph.add(name, arguments)
            last.link_to(step)
            last = step
        graph.configure()
        return graph

    def _drain(self) -> Iterator[Packet[AudioStream]]:
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph, self._input = None, ()

    def _pull(self) -> Iterator[Packet[AudioStream]]:
        import av

        assert self._graph is not None
        while True:
            try:
                frame = cast("AudioFrame", self._graph.pull())
            except (BlockingIOError, av.error.EOFError):
                return
            yield from self.target.encode(frame)


def _seconds(packet: Packet[AudioStream]) -> Fraction:
    return (packet.pts or 0) * packet.time_base
