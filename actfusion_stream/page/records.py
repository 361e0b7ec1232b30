"""What the page is told: the records of events, and beside them what only somebody who draws asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from actfusion_stream.engine.timeline import Tick
from actfusion_stream.events.actions import Record
from actfusion_stream.events.records import Records
from actfusion_stream.views.palette import class_colors
from actfusion_stream.views.wording import timeline_window

if TYPE_CHECKING:
    from actfusion_stream.engine.stream import StreamInfo
    from actfusion_stream.page.board import Board
    from actfusion_stream.page.result import Result


class Telling:
    """What one viewer is told of one stream.

    A tick tells what has changed since the last one that this viewer was told, however many were left out.

    Args:
        info: of the stream.
        min_confidence: what is done now is not named where it is less sure.
    """

    def __init__(self, info: StreamInfo, min_confidence: float) -> None:
        self._info, self._min_confidence = info, min_confidence
        self._records = Records(info)
        self._tick: Tick | None = None
        self._result: Result | None = None

    def beginning(self) -> Iterator[Record]:
        """The first records."""
        source = self._info.source
        yield self._records.header()
        window = timeline_window(source.duration)
        colors = class_colors(self._info.class_names)
        yield {
            "type": "page",
            "begins": source.begins,
            "pixel_shape": float(source.pixel_shape),
            "window": {"past": window.past, "future": window.future},
            "colors": {name: "#{:02x}{:02x}{:02x}".format(*color) for name, color in colors.items()},
            "min_confidence": self._min_confidence,
        }

    def news(self, board: Board) -> Iterator[Record]:
        """What is new on the board."""
        tick, result = board.tick, board.result
        if tick is not None and tick is not self._tick:
            self._tick = tick
            yield from self._records.tick(tick)
        if result is not None and result is not self._result:
            self._result = result
            for record in self._records.end(result.segments, result.summary):
                yield record | ({"last": result.last} if record["type"] == "summary" else {})


def said_at(result: Result, time: float) -> Record:
    """The tick that was the newest at a time of a finished file; {} before the first."""
    tick = result.said.at(time)
    return {} if tick is None else Records(result.info).tick(tick, whole=True)[0]
