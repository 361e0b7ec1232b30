"""Which container an ending means, and what it takes: known ones, and what FFmpeg's muxers turn out to do.

A muxer says itself which codecs it takes; some of those that say so fail at it, or lose the times. So three
frames are written with it, and read again, before it is trusted with a video.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

H264, VP9 = "libx264", "libvpx-vp9"
_SOUNDS = {"aac": "aac", "mp3": "libmp3lame", "opus": "libopus", "ac3": "ac3"}  # codec -> FFmpeg's encoder
_TRIED = (0, 1, 3)  # tenths of a second of the frames that are tried
_CLOCK = Fraction(1, 10)


class Muxer(NamedTuple):
    """What writes a container.

    Attributes:
        format: FFmpeg's name.
        coder: of the picture; "gif" for one that has only its own.
        sound: encoder of sound that is not copied; "" where there is no sound.
    """

    format: str
    coder: str
    sound: str

    @property
    def counts_frames(self) -> bool:
        """Whether it knows no times, only the number of a frame at a constant rate."""
        return self.format == "avi"


KNOWN = {
    ".mp4": Muxer("mp4", H264, "aac"),
    ".mov": Muxer("mov", H264, "aac"),
    ".mkv": Muxer("matroska", H264, "aac"),
    ".webm": Muxer("webm", VP9, "libopus"),
    ".ts": Muxer("mpegts", H264, "aac"),
    ".gif": Muxer("gif", "gif", ""),
}


@lru_cache
def muxer_of(suffix: str) -> Muxer | None:
    """What writes files of that ending, None if nothing that is trusted with a video.

    Args:
        suffix: with its dot, in small letters.
    """
    if suffix in KNOWN or not suffix:
        return KNOWN.get(suffix)
    import av
    from av.format import Flags

    try:
        output = av.open(f"file:unwritten{suffix}", "w")  # nothing is created before there is a packet
    except (ValueError, av.error.FFmpegError):
        return None
    takes, form = output.supported_codecs, output.format
    kin = next((muxer for muxer in KNOWN.values() if muxer.format == form.name), None)
    if kin is not None:
        return kin
    if Flags.no_file in Flags(form.flags) or Flags.no_timestamps in Flags(form.flags):
        return None  # playlists with files of their own; streams without times
    coder = H264 if "h264" in takes else VP9 if "vp9" in takes else ""
    sounds = [name for name in (output.default_audio_codec, *_SOUNDS) if name in takes and name in _SOUNDS]
    found = Muxer(form.name, coder, _SOUNDS[sounds[0]] if sounds else "")
    return found if coder and _works(found) else None


def _works(muxer: Muxer) -> bool:
    """Whether a video of three frames comes back with its times."""
    import av

    recorded, written = io.BytesIO(), io.BytesIO()
    try:
        with av.open(recorded, "w", format="matroska") as output:
            _draw_three(output, muxer.coder)
        recorded.seek(0)
        with av.open(recorded, "r") as source, av.open(written, "w", format=muxer.format) as output:
            stream = source.streams.video[0]
            target = output.add_stream_from_template(stream)
            packets: Iterator[Packet[Any]] = (packet for packet in source.demux(stream) if packet.size)
            if muxer.counts_frames:
                packets = counted(stream, target, packets, _CLOCK)
            for packet in packets:
                packet.stream = target
                output.mux(packet)
        return _tenths_in(written) == _TRIED
    except (ValueError, OSError, LookupError, av.error.FFmpegError):
        return False


def _tenths_in(video: io.BytesIO) -> tuple[int, ...]:
    """When its frames follow the first one, in tenths of a second; () if they cannot be decoded."""
    import av

    video.seek(0)
    with av.open(video, "r") as result:
        frames = sum(1 for _ in result.decode(video=0))
    video.seek(0)
    times: list[Fraction] = []
    with av.open(video, "r") as result:
        for packet in result.demux(video=0):
            if packet.dts is not None:  # that of showing, too, as there are no B-frames; some hold no other
                times.append(packet.dts * packet.time_base)
    return tuple(round(10 * (time - times[0])) for time in times) if len(times) == frames else ()


def _draw_three(output: OutputContainer, coder: str) -> None:
    from av.video.frame import VideoFrame

    options = {"bf": "0"} if coder == H264 else {"deadline": "realtime", "lag-in-frames": "0"}
    stream = cast("VideoStream", output.add_stream(coder, rate=10, options=options))
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    for tenths in _TRIED:
        frame = VideoFrame(64, 64, "yuv420p")
        frame.pts, frame.time_base = tenths, _CLOCK
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def counted(
    stream: VideoStream, target: VideoStream, packets: Iterable[Packet[Any]], clock: Fraction
) -> Iterator[Packet[Any]]:
    """Packets of a picture as a container takes them that counts frames: each later than the one before.

    Args:
        stream: where they come from.
        target: where they go to; it is told so.
        packets: without B-frames among them; those of other streams stay as they are.
        clock: seconds a frame.
    """
    from av.bitstream import BitStreamFilterContext

    target.time_base, bits = clock, None
    # AVI holds H.264 as it goes over the air, Matroska as .mp4 does: with its parameters in front of all.
    if stream.codec_context.codec.canonical_name == "h264":
        target.codec_context.extradata = None
        bits = BitStreamFilterContext("h264_mp4toannexb", in_stream=stream)
    last = -1
    for packet in packets:
        if packet.stream.index != stream.index:
            yield packet
            continue
        for one in [packet] if bits is None else bits.filter(packet):
            one.stream = stream
            last = max(round((one.pts or 0) * one.time_base / clock), last + 1)
            one.pts = one.dts = last
            one.time_base, one.duration = clock, 1
            yield one
