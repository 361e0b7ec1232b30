"""What to say of the next action when its time has come and it has not.

Every tick estimates anew when the next action starts; while that does not happen, the estimate stays a second
ahead, and a countdown would say "in 1 s" over and over. Once the time that was told has come, it is said that
it may be any moment, then how late it is, until the action comes or a tick says that it takes longer.
"""

from __future__ import annotations

from actfusion_stream.views.moment import Moment
from actfusion_stream.views.wording import countdown, late

_SOON = 1.0  # seconds: as low as a countdown goes
_LONGER = 2.0  # seconds: what a tick must foresee at least to be believed once more
_ANY_MOMENT = 2.0  # seconds for which "any moment" is true


class Due:
    """Tells how long until the next action of one stream, frame after frame.

    Attributes:
        past: it should have come by the last moment that was told of.
    """

    def __init__(self) -> None:
        self.past = False
        self._of: tuple[str, str] | None = None  # what is done, and what is to come
        self._due: float | None = None  # when that should have come, from when it was told to be near
        self._time = 0.0

    def told(self, moment: Moment) -> str:
        """How long until `moment.coming[0]` starts, in words.

        Args:
            moment: not before the last one; something is coming.
        """
        of = moment.now.label, moment.coming[0].label
        if of != self._of or moment.time < self._time:
            self._of, self._due = of, None
        self._time = moment.time
        likeliest, latest = (seconds - moment.time for seconds in moment.next_start)
        if max(likeliest, latest) > _LONGER:
            self._due = None
        elif self._due is None and likeliest <= _SOON:
            self._due = moment.time + max(likeliest, 0.0)
        overdue = -1.0 if self._due is None else moment.time - self._due
        self.past = overdue >= 0
        if not self.past:
            return moment.next_in
        return countdown(0.0) if overdue < _ANY_MOMENT else late(overdue)
