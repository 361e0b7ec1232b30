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
from actfusion_stream.sinks.gif import write_gif
from actfusion_stream.sinks.muxers import counted, muxer_of
from actfusion_stream.sinks.sound import its_own_fault
from actfusion_stream.sinks.targets import saying_where

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
        target: of an ending that `muxers` knows.

    Attributes:
        path: what plays until the target is there.
        output: takes the streams, before the first packet.
        size: bytes of packets so far.
        no_sound: why the target does not take the sound, "" if it does; known after `finish`.

    Raises:
        StreamError: the folder does not take it.
    """

    def __init__(self, target: Path) -> None:
        import av

        self._target = target
        muxer = muxer_of(target.suffix.lower())
        assert muxer is not None, "the target has been checked"
        self._muxer = muxer
        stem = os.fsdecode(os.fsencode(target.stem)[:_LONGEST_STEM].decode(errors="ignore"))
        self.path = target.with_name(f"{stem}.{os.getpid()}.partial.mkv")
        self.size = 0
        self.no_sound = ""
        # Of each stream: its clock, and pts, dts and duration of its packets in turn.
        self._times: dict[int, tuple[Fraction, array[int]]] = {}
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
        clocks = self._times.setdefault(packet.stream.index, (packet.time_base, array("q")))
        exact = (packet.pts, packet.dts, packet.duration)  # muxing changes them, and empties the packet
        clocks[1].extend(_NO_TIME if time is None else time for time in exact)
        self.size += packet.size
        self.output.mux(packet)

    def finish(self, shape: Fraction, step: Fraction) -> None:
        """Give the video its name and its container; the recording is gone then.

        Args:
            shape: width to height of a pixel.
            step: seconds from frame to frame, for containers that know no times.

        Raises:
            StreamError: the disk does not take it: the line says how the recording is called.
        """
        try:
            with saying_where(self._target):
                self.output.close()
                if self._target.suffix.lower() == ".mkv":
                    os.replace(self.path, self._target)
                elif self._muxer.coder == "gif":
                    with replacing(self._target) as temporary:
                        write_gif(self.path, temporary)
                    self.path.unlink(missing_ok=True)
                else:
                    self._move_what_can_be(shape, step)
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

    def _move_what_can_be(self, shape: Fraction, step: Fraction) -> None:
        try:
            self._move(shape, step, sound=True)
        except Exception as error:
            if not its_own_fault(error) or len(self._times) < 2:
                raise
            self._move(shape, step, sound=False)
            self.no_sound = str(error).partition(":")[0]
        self.path.unlink(missing_ok=True)

    def _move(self, shape: Fraction, step: Fraction, *, sound: bool) -> None:
        import av

        suffix = self._target.suffix.lower()
        # A start later than 0:00 is stored in units of the whole movie's clock, by default milliseconds.
        quicktime = {"movflags": "+faststart", "movie_timescale": str(self._times[0][0].denominator)}
        options = quicktime if suffix in (".mp4", ".mov") else {}
        exact = self._exact_streams()
        with (
            replacing(self._target) as temporary,
            av.open(f"file:{self.path}", metadata_errors="replace") as recorded,
            av.open(f"file:{temporary}", "w", format=self._muxer.format, options=options) as moved,
        ):
            streams = [stream for stream in recorded.streams if sound or stream.index == 0]
            targets = [moved.add_stream_from_template(cast(Any, stream)) for stream in streams]
            for target in targets:
                if target.index in exact:
                    target.time_base = self._times[target.index][0]
            targets[0].codec_context.sample_aspect_ratio = shape
            packets = self._timed(recorded.demux(streams), exact)
            if self._muxer.counts_frames:
                packets = counted(recorded.streams.video[0], targets[0], packets, step)
            for packet in packets:
                packet.stream = targets[packet.stream.index]
                moved.mux(packet)

    def _exact_streams(self) -> set[int]:
        """Streams of which every packet is there, so that the times that were kept are theirs.

        A muxer that refuses one says so with another; then milliseconds have to do.
        """
        import av

        counts = dict.fromkeys(self._times, 0)
        with av.open(f"file:{self.path}", metadata_errors="replace") as recorded:
            for packet in recorded.demux():
                if packet.size and packet.stream.index in counts:
                    counts[packet.stream.index] += 1
        return {index for index, count in counts.items() if 3 * count == len(self._times[index][1])}

    def _timed(self, packets: Iterator[Packet[Any]], exact: set[int]) -> Iterator[Packet[Any]]:
        """Packets with the times that they were given, which each stream has in its own order."""
        at = dict.fromkeys(exact, 0)
        for packet in packets:
            index = packet.stream.index
            if packet.size == 0:
                continue
            if index in at:
                clock, times = self._times[index]
                pts, dts, duration = times[at[index] : at[index] + 3]
                at[index] += 3
                packet.time_base = clock
                packet.pts = None if pts == _NO_TIME else pts
                packet.dts = None if dts == _NO_TIME else dts
                packet.duration = duration
            yield packet
