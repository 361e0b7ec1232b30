"""When pictures are shown: FFmpeg's best guess from what a file says, on one scale that only rises."""

from __future__ import annotations

from fractions import Fraction

from actfusion_stream.sources.containers import RESTART_SECONDS

_NUDGE = Fraction(
    1, 1000
)  # seconds between two pictures that a file puts at one time, or the wrong way round
DEFAULT_RATE = Fraction(25)  # for the few containers that hold neither timestamps nor a rate


class BestEffort:
    """Chooses between the presentation and the decoding times of decoded pictures.

    Decoders deliver in the order of presentation, so both have to rise. AVI has decoding times only, and
    other files have wrong ones of either kind: whichever has misbehaved less often is taken.

    Source: `guess_correct_pts` of FFmpeg's decoder, the "best effort" of ffprobe and of its player.
    """

    def __init__(self) -> None:
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = self._faulty_dts = 0

    def __call__(self, pts: int | None, dts: int | None) -> int | None:
        """The time of the next picture.

        Args:
            pts: presentation time that came with it, in any unit; None if none did.
            dts: decoding time of the packet that it came from, in the same unit.
        """
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        trusted = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if pts is not None and trusted else dts


class Timeline:
    """Puts pictures at rising times, each once, whatever the file says.

    Where time goes back by more than `RESTART_SECONDS`, another recording begins, and is put behind.

    Args:
        zero: seconds at which a player shows 0:00.
        rate: frames a second, for pictures without a time; None if unknown.

    Attributes:
        restarts: seconds at which time went back to begin anew.
        backwards: pictures that a file puts before their predecessor, and that were put right behind it.
    """

    def __init__(self, zero: Fraction, rate: Fraction | None) -> None:
        self._zero = zero
        self._step = 1 / (rate or DEFAULT_RATE)
        self._last: Fraction | None = None
        self._shift = Fraction(0)
        self.restarts: list[Fraction] = []
        self.backwards = 0

    def place(self, time: Fraction | None) -> Fraction:
        """Seconds at which the next picture is shown.

        Args:
            time: as the file has it, in seconds; None if it does not say.
        """
        self._last = self._next(time)
        return self._last

    def _next(self, time: Fraction | None) -> Fraction:
        last = self._last
        if time is None:
            return Fraction(0) if last is None else last + self._step
        now = time - self._zero
        if last is None:
            return max(now, Fraction(0))  # players show nothing before 0:00
        if 0 < now - last <= RESTART_SECONDS:
            self._shift = Fraction(0)  # what looked like a restart was a stray time stamp
        now += self._shift
        if last - now > RESTART_SECONDS:
            self._shift += last + self._step - now
            self.restarts.append(last)
            return last + self._step
        if now <= last:
            self.backwards += now < last
            return last + _NUDGE
        return now
