"""The server of the page: a thread with a loop of its own, beside the stream."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.page.address import Access, Address, is_loopback, listen, new_token, shown_host
from actfusion_stream.page.board import Board
from actfusion_stream.page.sink import PageSink

if TYPE_CHECKING:
    import socket


_SEND_BUFFER = 1 << 17  # bytes that the system holds for a viewer: a picture or two, and not seconds of them


class PageServer:
    """Serves the page of one stream after the other, from `with` to its end.

    Args:
        address: where to listen.
        access: who may see it. Beyond this machine a token is needed: one is made where none is given.
        told: called once it is served with each line that a person should read.
        min_confidence: in [0, 1]; what is done now is not named where it is less sure.

    Raises:
        StreamError: starlette and uvicorn are missing, or the certificate cannot be used.

    Example:
        >>> with PageServer(Address("127.0.0.1", 8000)) as page, open_stream("kitchen.mp4") as stream:
        ...     run(stream, [page.sink()])
    """

    def __init__(
        self,
        address: Address,
        access: Access | None = None,
        told: Callable[[str], None] = lambda line: None,
        *,
        min_confidence: float = 0.0,
    ) -> None:
        self._address, self._access, self._told = address, access or Access(), told
        self._min_confidence = min_confidence
        self._released = threading.Event()
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> PageServer:
        try:
            import starlette  # noqa: F401
            import uvicorn  # noqa: F401
        except ImportError as error:
            raise StreamError("--serve: needs starlette and uvicorn; pip install '.[serve]'") from error
        listening = listen(self._address, _SEND_BUFFER)
        try:
            self._begin(listening)
        except BaseException:
            listening.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let all viewers go; returns when that is done."""
        if self._thread is not None:
            self.board.close()
            self._server.should_exit = True
            self._thread.join()

    def sink(self) -> PageSink:
        """What puts the next stream on the page."""
        return PageSink(self.board)

    def stay(self) -> None:
        """Go on serving what came of a file until `release`, which may be called from a signal handler."""
        if self.board.result is not None:
            self._told(f"what came of it stays at {self.url} until Ctrl-C")
            while not self._released.wait(0.2):
                pass

    def release(self) -> None:
        """End `stay`."""
        self._released.set()

    def _begin(self, listening: socket.socket) -> None:
        import uvicorn

        from actfusion_stream.page.app import application
        from actfusion_stream.page.guard import Guard
        from actfusion_stream.page.protocol import ViewerProtocol

        access, alone = self._access, is_loopback(listening)
        if access.token is None and not alone:
            access = replace(access, token=new_token())
        port = listening.getsockname()[1]
        secure = access.certificate is not None
        self.board = Board(self._min_confidence)
        guard = Guard(application(self.board), self._address.host, port, access.token, secure=secure)
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())
        config = uvicorn.Config(
            guard,
            loop="asyncio",
            http=ViewerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        try:
            config.load()
            if secure:
                config.ssl = _context(access)
        except BaseException:
            self.board.close()
            raise
        self._server = uvicorn.Server(config)
        self.url = f"{access.scheme}://{shown_host(listening, self._address.host)}:{port}/"
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listening, ready)), name="page", daemon=True
        )
        self._thread.start()
        ready.wait()
        self._say(access, alone)

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        self.board.news.hang(loop)
        self.board.pictured.hang(loop)
        ready.set()
        await self._server.serve(sockets=[listening])

    def _say(self, access: Access, alone: bool) -> None:
        token = ""
        if access.token is not None:
            token = f"?token={access.token}" if self._access.token is None else "?token=… (the one given)"
        self._told(f"page at {self.url}{token}")
        if not alone and access.certificate is None:
            self._told(
                "warning: the page is not encrypted: who is on the way can read along; --serve-cert FILE.pem"
            )


def _context(access: Access) -> ssl.SSLContext:
    """What encrypts.

    Raises:
        StreamError: the files cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    assert access.certificate is not None
    for path in filter(None, (access.certificate, access.key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        context.load_cert_chain(access.certificate, access.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        files = " and ".join(str(path) for path in (access.certificate, access.key) if path is not None)
        raise StreamError(
            f"{files}: no certificate with its key, in PEM, without a passphrase; openssl req -x509 makes one"
        ) from error
    return context
