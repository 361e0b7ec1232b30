"""A video while it is being written: a file that plays at any moment, and becomes the target at the end.

The index of an .mp4 is made last: killed before, it plays nowhere. So packets go into a Matroska file beside
the target, flushed every second, and are moved into the target's container once all are there. Matroska
counts milliseconds; the exact times are kept here meanwhile, 24 bytes a packet.
"""

from __future__ import annotations

import contextlib
import os
from array import array
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from actfusion_stream.errors import StreamError
from actfusion_stream.files import replacing
from actfusion_stream.sinks.targets import VIDEO_FORMATS, saying_where

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_NO_TIME = -(2**63)
_LONGEST_STEM = 200  # bytes; whole names may have 255


class Recording:
    """Packets on their way to a target.

    Args:
        target: .mp4, .mov or .mkv.

    Attributes:
        path: what plays until the target is there.
        output: takes the streams, before the first packet.
        size: bytes of packets so far.

    Raises:
        StreamError: the folder does not take it.
    """

    def __init__(self, target: Path) -> None:
        import av

        self._target = target
        stem = os.fsdecode(os.fsencode(target.stem)[:_LONGEST_STEM].decode(errors="ignore"))
        self.path = target.with_name(f"{stem}.{os.getpid()}.partial.mkv")
        self.size = 0
        # Of each stream: its clock, and pts, dts and duration of its packets in turn.
        self._times: dict[int, tuple[Fraction, array[int]]] = {}
        self.comment = ""
        with saying_where(target):
            self.output: OutputContainer = av.open(
                f"file:{self.path}",
                "w",
                format="matroska",
                options={"flush_packets": "1", "cluster_time_limit": "1000"},
            )

    def mux(self, packet: Packet[VideoStream] | Packet[AudioStream]) -> None:
        """Add a packet of one of the output's streams.

        Raises:
            OSError, ValueError: what FFmpeg says of the disk, or of the packet.
        """
        index = packet.stream.index
        exact = (packet.pts, packet.dts, packet.duration)
        clock, size = packet.time_base, packet.size  # muxing changes them, and empties the packet
        self.output.mux(packet)
        clocks = self._times.setdefault(index, (clock, array("q")))
        clocks[1].extend(_NO_TIME if time is None else time for time in exact)
        self.size += size

    def finish(self, shape: Fraction) -> None:
        """Give the video its name and its container; the recording is gone then.

        Args:
            shape: width to height of a pixel.

        Raises:
            StreamError: the disk does not take it: the line says how the recording is called.
        """
        try:
            with saying_where(self._target):
                self.output.close()
                if self._target.suffix.lower() == ".mkv":
                    os.replace(self.path, self._target)
                else:
                    self._move(shape)
        except StreamError as error:
            raise StreamError(f"{error}{self.keep()}") from error.__cause__

    def keep(self) -> str:
        """Close the file as it is; what to say of it."""
        with contextlib.suppress(OSError, ValueError):  # a full disk complains once more
            self.output.close()
        if not self.size:
            self.discard()
            return ""
        return f"; what was recorded is kept as {self.path}"

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, ValueError):
            self.output.close()
        self.path.unlink(missing_ok=True)

    def _move(self, shape: Fraction) -> None:
        import av

        suffix = self._target.suffix.lower()
        # A start later than 0:00 is stored in units of the whole movie's clock, by default milliseconds.
        options = {"movflags": "+faststart", "movie_timescale": str(self._times[0][0].denominator)}
        with (
            replacing(self._target) as temporary,
            av.open(f"file:{self.path}", metadata_errors="replace") as recorded,
            av.open(f"file:{temporary}", "w", format=VIDEO_FORMATS[suffix], options=options) as moved,
        ):
            if self.comment:
                moved.metadata["comment"] = self.comment
            targets = [moved.add_stream_from_template(cast(Any, stream)) for stream in recorded.streams]
            for index, (clock, _) in self._times.items():
                targets[index].time_base = clock
            targets[0].codec_context.sample_aspect_ratio = shape
            for packet in self._exact(recorded.demux()):
                packet.stream = targets[packet.stream.index]
                moved.mux(packet)
        self.path.unlink(missing_ok=True)

    def _exact(self, packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Packets with the times that they were given, which each stream has in its own order."""
        at = dict.fromkeys(self._times, 0)
        for packet in packets:
            index = packet.stream.index
            if packet.size == 0 or index not in at:
                continue
            clock, times = self._times[index]
            pts, dts, duration = times[at[index] : at[index] + 3]
            at[index] += 3
            packet.time_base = clock
            packet.pts = None if pts == _NO_TIME else pts
            packet.dts = None if dts == _NO_TIME else dts
            packet.duration = duration
            yield packet
