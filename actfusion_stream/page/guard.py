"""Who gets in: requests under our own names, with the token where one is asked for.

The page is read-only, and every answer tells the browser to keep it so: no script but ours, no other host, no
frame around it, and no other page that shows our picture.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actfusion_stream.page.address import answers_to

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_DAYS = 30 * 24 * 3600  # seconds for which a browser remembers the token


class Guard:
    """Lets requests through to an application, or answers them itself.

    The token may come in the address, and goes from there into a cookie, so that the page's address is shown
    without it; or as `Authorization: Bearer`.

    Args:
        app: what is guarded.
        host: that was given to listen on, see `answers_to`.
        port: on which it listens: cookies know no ports, so two pages on a machine need names of their own.
        token: None lets everybody in.
        secure: it is served encrypted.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, token: str | None, *, secure: bool) -> None:
        self._app, self._host, self._token, self._secure = app, host, token, secure
        self._cookie = f"actfusion-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (self._app if refusal is None else refusal)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer instead; None where the request may pass."""
        headers, query = Headers(scope=scope), QueryParams(scope["query_string"])
        names = headers.getlist("host")
        if len(names) != 1 or not answers_to(names[0], self._host):
            return PlainTextResponse("This page is not served under that name.\n", 421)
        if self._token is None:
            return None
        given = query.get("token")
        if given is not None and self._is_token(given):
            return self._remembering(scope["path"], query) if scope["path"] == "/" else None
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        remembered = HTTPConnection(scope).cookies.get(self._cookie, "")
        if self._is_token(remembered) or (kind.lower() == "bearer" and self._is_token(bearer)):
            return None
        return PlainTextResponse(
            "A token is needed: open the address that actfusion-stream has printed, which has it.\n",
            401,
            {"WWW-Authenticate": "Bearer", "Connection": "close"},
        )

    def _is_token(self, given: str) -> bool:
        assert self._token is not None
        return secrets.compare_digest(given.encode(), self._token.encode())

    def _remembering(self, path: str, query: QueryParams) -> Response:
        """Send the browser to the same place without the token."""
        assert self._token is not None
        rest = urlencode([(name, value) for name, value in query.multi_items() if name != "token"])
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        # Lax: who follows a link from elsewhere comes in, while other pages cannot load anything of ours.
        answer.set_cookie(
            self._cookie, self._token, max_age=_DAYS, httponly=True, samesite="lax", secure=self._secure
        )
        return answer
