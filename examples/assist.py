"""Hand over what is needed before it is needed: python examples/assist.py SOURCE [CHECKPOINT].

SOURCE is a camera's number, an address such as rtsp://camera.local/kitchen, or a file; Ctrl-C ends it. In
`hand_over` your robot begins to move, in `take_back` it learns that it was wrong. Nothing is handed over
twice, and nothing while the model is not sure, or sees what is unlike all that it was trained on.
"""

import contextlib
import sys
from collections.abc import Callable

from actfusion_stream import Sink, StreamInfo, Tick, open_stream, run
from actfusion_stream.events.records import Records

SECONDS, PROBABILITY = 5.0, 0.7  # it begins within so many seconds, and so probably
TOOLS = {"cut": "the knife", "peel": "the peeler", "mix": "the spoon"}  # of all others, the thing itself


class Assist(Sink):
    """Calls once for each action that is expected soon.

    Args:
        hand_over: given the label, in how many seconds it begins, and its probability.
        take_back: given the label of an action that is no longer expected, or was another one.
    """

    def __init__(
        self, hand_over: Callable[[str, float, float], None], take_back: Callable[[str], None]
    ) -> None:
        self._hand_over, self._take_back = hand_over, take_back
        self._offered: str | None = None
        self._busy_with: str | None = None

    def start(self, info: StreamInfo) -> None:
        self._records = Records(info)

    def tick(self, tick: Tick) -> None:
        for event in self._records.tick(tick):
            if event["type"] == "action_started":
                self._busy_with = event["label"]
                if not event["again"]:  # it goes on with what was handed over for already
                    self._offered = None
            elif event["type"] == "action_expected":
                self._expected(event)

    def _expected(self, event: dict) -> None:
        label, probability = event["label"], event["probability"]
        soon = probability >= PROBABILITY and event["in_seconds"] <= SECONDS and not event["unfamiliar"]
        if event["status"] == "withdrawn":
            if label == self._offered:
                self._take_back(label)
        elif soon and label not in (self._offered, self._busy_with):
            self._offered = label
            self._hand_over(label, event["in_seconds"], probability)


def tool_for(label: str) -> str:
    verb, _, thing = label.partition("_")
    return TOOLS.get(verb, f"the {thing.partition('_')[0]}" if thing else label)


if __name__ == "__main__":
    source, *checkpoint = sys.argv[1:]
    camera = int(source) if source.isdecimal() else source
    with open_stream(camera, checkpoint=checkpoint[0] if checkpoint else None, horizon="20s") as stream:

        def hand_over(label: str, seconds: float, probability: float) -> None:
            now, tool = stream.stats.seen_until, tool_for(label)
            print(
                f"{now:6.1f} s  {tool}, for {label} in {seconds:.1f} s ({probability:.0%})",
                flush=True,
            )

        def take_back(label: str) -> None:
            print(f"{stream.stats.seen_until:6.1f} s  not {label}", flush=True)

        with contextlib.suppress(KeyboardInterrupt):
            run(stream, [Assist(hand_over, take_back)])
