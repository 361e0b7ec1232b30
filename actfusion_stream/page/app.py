"""The page's addresses, and what each answers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from actfusion_stream.errors import StreamError, in_a_line
from actfusion_stream.page import feed
from actfusion_stream.page.board import Board
from actfusion_stream.page.records import said_at

_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_STATIC = {
    file.name: (file.read_bytes(), _KINDS[file.suffix])
    for file in Path(__file__).with_name("static").iterdir()
    if file.suffix in _KINDS
}


class _Flow(StreamingResponse):
    """An answer without an end, which lets go at once when its reader has gone."""

    def __init__(self, parts: AsyncIterator[bytes], media_type: str) -> None:
        super().__init__(parts, media_type=media_type)

    async def stream_response(self, send: Send) -> None:
        async with contextlib.aclosing(self.body_iterator):  # type: ignore[type-var]
            await super().stream_response(send)


def application(board: Board) -> Starlette:
    """The page of a board.

    `/` is the page, `/static/…` what it is made of. `/events` are records as server-sent events, and
    `/picture.mjpg` the picture as a stream that browsers and players show. Of a finished file `/said?at=12.5`
    is what was said at that time, and `/picture.jpg?at=12.5` what was to be seen.
    """

    async def static(request: Request) -> Response:
        body, kind = _STATIC.get(request.path_params.get("name", "index.html"), (None, ""))
        return _nothing_there() if body is None else Response(body, media_type=f"{kind}; charset=utf-8")

    async def events(request: Request) -> Response:
        return _Flow(feed.events(board), "text/event-stream")

    async def pictures(request: Request) -> Response:
        return _Flow(feed.pictures(board), f"multipart/x-mixed-replace; boundary={feed.BOUNDARY}")

    async def said(request: Request) -> Response:
        result, time = board.result, _time(request)
        if result is None or time is None:
            return _nothing_there()
        return JSONResponse(said_at(result, time))

    async def picture(request: Request) -> Response:
        result, time = board.result, _time(request)
        if result is None or time is None:
            return _nothing_there()
        try:
            return Response(await run_in_threadpool(result.picture, time), media_type="image/jpeg")
        except (StreamError, OSError) as error:
            return PlainTextResponse(f"{in_a_line(error)}\n", 410)

    return Starlette(
        routes=[
            Route("/", static),
            Route("/static/{name}", static),
            Route("/events", events),
            Route("/picture.mjpg", pictures),
            Route("/said", said),
            Route("/picture.jpg", picture),
        ]
    )


def _nothing_there() -> Response:
    return PlainTextResponse("Nothing is there.\n", 404)


def _time(request: Request) -> float | None:
    """Seconds that were asked for; None if none were."""
    with contextlib.suppress(ValueError):
        if math.isfinite(time := float(request.query_params.get("at", ""))):
            return time
    return None
