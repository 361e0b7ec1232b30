"""What a viewer is sent for as long as they stay: records as server-sent events, and pictures one by one.

Each viewer has a coroutine of their own, which looks at the board when there is something new, and goes on
when what it has sent was taken. So a slow one is behind by what the system holds for them, and no more: the
next thing they get is the newest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from actfusion_stream.events.actions import Record
from actfusion_stream.events.records import encoded
from actfusion_stream.page.board import STATUS_SECONDS, Board
from actfusion_stream.page.records import Telling

_BEAT_SECONDS = 1.0  # between two records at least: who hears none knows that nobody is there
_RETRY = b"retry: 1000\n\n"  # milliseconds until a browser tries again
BOUNDARY = "picture"


async def events(board: Board) -> AsyncIterator[bytes]:
    """Records for one viewer: of the stream, each newest tick, its status, and what came of it."""
    yield _RETRY
    telling: Telling | None = None
    stream = -1
    told = float("-inf")
    board.viewers += 1
    try:
        while not board.closed:
            if stream != board.stream and board.info is not None:
                telling, stream = Telling(board.info, board.min_confidence), board.stream
                for record in telling.beginning():
                    yield _event(record)
            if telling is not None:
                for record in telling.news(board):
                    yield _event(record)
            made, status = board.status()
            fresh = made - told >= STATUS_SECONDS
            if fresh:
                told = made
                yield _event(status)
            await board.news.heard(_BEAT_SECONDS if fresh else STATUS_SECONDS)
    finally:
        board.viewers -= 1


async def pictures(board: Board) -> AsyncIterator[bytes]:
    """Parts of multipart/x-mixed-replace for one viewer: each the newest picture."""
    number = 0
    board.maker.join(1)
    try:
        yield f"--{BOUNDARY}\r\n".encode()
        while not board.closed:
            jpeg = board.jpeg
            if jpeg is None or jpeg.number == number:
                await board.pictured.heard(_BEAT_SECONDS)
                continue
            if number:
                board.skipped += jpeg.number - number - 1
            number = jpeg.number
            about = (
                "Content-Type: image/jpeg",
                f"Content-Length: {len(jpeg.data)}",
                f"X-Time: {jpeg.time:.3f}",
            )
            # The next boundary goes with it: browsers show a picture once they see where it ends.
            yield "\r\n".join((*about, "", "")).encode() + jpeg.data + f"\r\n--{BOUNDARY}\r\n".encode()
    finally:
        board.maker.join(-1)


def _event(record: Record) -> bytes:
    return b"data: %s\n\n" % encoded(record)
