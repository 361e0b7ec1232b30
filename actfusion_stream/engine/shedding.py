"""How a live stream that falls behind catches up: it skips ticks first, then computes fewer features.

Dropping frames comes last, and is the source's business.
"""

from __future__ import annotations

_SKIP, _THIN, _CALM = 0.25, 0.5, 0.1  # shares of the staleness that is allowed
_THINNEST = 16


class Pace:
    """Decides from the age of the newest frame what to leave out.

    Args:
        max_staleness: seconds.

    Attributes:
        thin: of so many features one is computed; the others repeat it.
    """

    def __init__(self, max_staleness: float) -> None:
        self._max = max_staleness
        self.thin = 1

    def skips_tick(self, age: float) -> bool:
        """Whether a tick that is due has to be left out, with a frame of `age` seconds at hand.

        Also adapts `thin`: called once a tick, it halves the rate of features while the stream is late, and
        doubles it once it is not.
        """
        share = age / self._max
        if share > _THIN:
            self.thin = min(2 * self.thin, _THINNEST)
        elif share < _CALM and self.thin > 1:
            self.thin //= 2
        return share > _SKIP
