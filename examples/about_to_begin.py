"""Call back shortly before an action begins: python examples/about_to_begin.py VIDEO ACTION [CHECKPOINT].

A sink of one's own beside one that comes with the program; what it does could as well move an arm or speak.
"""

import sys
from collections.abc import Callable

from actfusion_stream import Segment, Sink, Tick, open_stream, run
from actfusion_stream.sinks.events import EventLog


class AboutToBegin(Sink):
    """Calls back once each time an action is anticipated to begin within some seconds.

    Args:
        action: label to wait for.
        seconds: ahead of its beginning.
        call: given the anticipated segment, and how many seconds away it is.
    """

    def __init__(self, action: str, seconds: float, call: Callable[[Segment, float], None]) -> None:
        self._action, self._seconds, self._call = action, seconds, call
        self._told = False

    def tick(self, tick: Tick) -> None:
        coming = next((segment for segment in tick.upcoming if segment.label == self._action), None)
        near = coming is not None and coming.start - tick.seen_until <= self._seconds
        if coming is not None and near and not self._told:
            self._call(coming, coming.start - tick.seen_until)
        self._told = near  # it may come again later


def announce(segment: Segment, seconds: float) -> None:
    print(f"{segment.label} begins in {max(seconds, 0.0):.1f} s, {100 * segment.confidence:.0f} % sure")


if __name__ == "__main__":
    source, action, *checkpoint = sys.argv[1:]
    with open_stream(source, checkpoint=checkpoint[0] if checkpoint else None, horizon="20s") as stream:
        outcome = run(stream, [AboutToBegin(action, 5.0, announce), EventLog("events.jsonl")])
    print(f"{len(outcome.segments)} actions")
