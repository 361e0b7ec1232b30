"""How a live stream that falls behind catches up: it skips ticks first, then computes fewer features.

Dropping frames comes last, and is the source's business: it does so when a frame is older than is allowed, or
there is no more room. How near a stream is to either is its *backlog*, from 0 to 1.
"""

from __future__ import annotations

_SKIP, _THIN, _CALM = 0.25, 0.5, 0.1  # backlog
_THINNEST = 16
_MOST_SKIPPED = 9  # ticks in a row: where something else is too slow, as an encoder, silence would not help
# From one change of the rate to the next: it takes a while to show, but must not come too late.
_LONGEST_WAIT, _WAIT = 1.0, 1 / 8  # seconds, and a share of the staleness that is allowed


class Pace:
    """Decides from the backlog what to leave out.

    Args:
        max_staleness: seconds after which a frame is too old to be looked at.

    Attributes:
        thin: of so many features one is computed; the others repeat it.
    """

    def __init__(self, max_staleness: float) -> None:
        self._max = max_staleness
        self._wait = min(_LONGEST_WAIT, _WAIT * max_staleness)
        self._changed = float("-inf")
        self._backlog = 0.0
        self._skipped = 0  # ticks in a row
        self.thin = 1

    def look(self, now: float, age: float, fullness: float = 0.0) -> None:
        """Take note of a frame that is at hand.

        It halves the rate of features while the stream is late, and doubles it once it is not.

        Args:
            now: seconds of any clock.
            age: seconds since the frame came.
            fullness: share of the room for waiting frames that is taken.
        """
        self._backlog = max(age / self._max, fullness)
        if now - self._changed < self._wait:
            return
        if self._backlog > _THIN and self.thin < _THINNEST:
            self.thin, self._changed = 2 * self.thin, now
        elif self._backlog < _CALM and self.thin > 1:
            self.thin, self._changed = self.thin // 2, now

    def skips_tick(self) -> bool:
        """Whether a tick that is due now has to be left out; asked once for each."""
        skips = self._backlog > _SKIP and self._skipped < _MOST_SKIPPED
        self._skipped = self._skipped + 1 if skips else 0
        return skips
