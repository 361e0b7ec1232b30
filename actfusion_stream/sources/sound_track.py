"""The sound of a file, read beside its pictures by one demuxer, for whoever writes both again."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet


class SoundTrack:
    """Packets of sound on their way from the reader of a file to a writer, in two threads.

    Attributes:
        stream: what the packets belong to: codec, rate and channels.
        zero: seconds, on the packets' clock, at which a player shows 0:00.
        wanted: packets are kept. Whoever wants them says so before the first frame is asked for.
    """

    def __init__(self, stream: AudioStream, zero: Fraction) -> None:
        self.stream, self.zero = stream, zero
        self.wanted = False
        self._packets: deque[Packet[AudioStream]] = deque()
        self._from: Fraction | None = None

    def leave_out(self, before: float) -> None:
        """Move 0:00 to `before`, in seconds, and forget the sound before that; so of what is put later."""
        self.zero += Fraction(before).limit_denominator(1_000_000)
        self._from = self.zero
        earlier, self._packets = self._packets, deque()
        for packet in earlier:
            self.put(packet)

    def put(self, packet: Packet[AudioStream]) -> None:
        """Add a packet, in the order of the file."""
        end = (packet.pts or 0) + (packet.duration or 0)
        if self._from is None or packet.pts is None or end * packet.time_base > self._from:
            self._packets.append(packet)

    def take(self) -> Packet[AudioStream] | None:
        """The next packet that has been read; None if there is none now."""
        try:
            return self._packets.popleft()
        except IndexError:
            return None

    def clear(self) -> None:
        """Forget what nobody wants."""
        self._packets.clear()
