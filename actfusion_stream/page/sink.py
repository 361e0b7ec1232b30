"""The sink that puts a stream on the page."""

from __future__ import annotations

from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.page.board import Board
from actfusion_stream.page.result import Result
from actfusion_stream.sinks.said import Said
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import Frame
from actfusion_stream.views.wording import timeline_window


class PageSink(Sink):
    """Puts up what comes, and waits for no viewer.

    Of a file that can be read again, every tick is kept, so that it can be looked through when it is over.

    Args:
        board: of the server.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._info: StreamInfo | None = None
        self._said: Said | None = None

    def start(self, info: StreamInfo) -> None:
        self._info = info
        if info.again is not None:
            self._said = Said(timeline_window(info.source.duration).future)
        self._board.begin(info)

    def tick(self, tick: Tick) -> None:
        if self._said is not None:
            self._said.add(tick)
        self._board.tick = tick

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        self._board.frame(frame)

    def end(self, *, interrupted: bool) -> None:
        self._board.ended = True
        self._board.news.ring()

    def finish(self, segments: tuple[Segment, ...], summary: Summary) -> None:
        if self._said is not None and self._info is not None and segments:
            self._board.result = Result(self._info, self._said, segments, summary, self._board.time)
        self._board.news.ring()
