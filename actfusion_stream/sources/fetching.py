"""What is asked of web servers for one address: with its password, within limits, until somebody stops it.

FFmpeg's own HTTP takes a connection that breaks off for the end of the file, and has no limit on what a
playlist makes it ask for. Nothing here raises what holds an address: causes are words.
"""

from __future__ import annotations

import contextlib
import http.client
import http.cookiejar
import socket
import ssl
import threading
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote, unquote, urlsplit

ANSWER_SECONDS = 10.0  # within which a server has to begin its answer
SILENT_SECONDS = 5.0  # without a byte: the connection is taken for dead
_FREE_REQUESTS = 200  # playlists with many qualities begin with some dozens
_BYTES_A_REQUEST = 1024  # of video that any further request has to have brought
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # HTTP's ways to say: later


class FetchError(Exception):
    """It could not be had; the message says why, without an address.

    Attributes:
        final: asking again is of no use.
        gone: the server answers, and has no such thing.
    """

    def __init__(self, why: str, *, final: bool = False, gone: bool = False) -> None:
        super().__init__(why)
        self.final, self.gone = final, gone


class Fetcher:
    """Asks for everything that belongs to one address, one thing after the other.

    Args:
        address: http or https, with user and password if it needs them.
        outage: seconds for which a server may be away, once it has answered.

    Attributes:
        address: without user and password.
        outage: may be changed while nothing is read.
        failure: why no more can be had, None as long as nothing is wrong.
        interrupted: what a signal raised while something was read; to be raised again outside of FFmpeg.
    """

    def __init__(self, address: str, outage: float) -> None:
        self.address, self._opener = _opener(address, self._connected)
        self.outage = outage
        self.failure: str | None = None
        self.interrupted: BaseException | None = None
        self._stopped = threading.Event()
        self._busy: socket.socket | None = None
        self._requests = self._received = 0

    def ask(self, address: str, start: int, end: int | None) -> tuple[Any, socket.socket | None]:
        """The answer of a server to a request for the bytes from `start` up to `end`, and its connection.

        Raises:
            FetchError: there is none, or it is a refusal.
        """
        self._requests += 1
        if self._requests > _FREE_REQUESTS + self._received // _BYTES_A_REQUEST:
            raise FetchError(f"asks for ever more files without video ({self._requests - 1})", final=True)
        wanted = f"bytes={start}-{'' if end is None else end - 1}"
        headers = {"User-Agent": "actfusion-stream", "Accept": "*/*", "Range": wanted}
        late = threading.Timer(ANSWER_SECONDS, self._hang_up)
        late.daemon = True
        late.start()
        try:
            request = urllib.request.Request(address, headers=headers)
            response = self._opener.open(request, timeout=ANSWER_SECONDS)
        except urllib.error.HTTPError as error:
            error.close()
            code = error.code
            raise FetchError(
                f"{code} {http.client.responses.get(code, '')}".strip(),
                final=code not in _PASSING,
                gone=code in (404, 410),
            ) from None
        except (OSError, http.client.HTTPException, ValueError, NotImplementedError) as error:
            raise FetchError(_why(error, ANSWER_SECONDS)) from None
        finally:
            late.cancel()
        connection = self._busy
        if connection is not None:
            connection.settimeout(SILENT_SECONDS)
        return response, connection

    def read(self, response: Any, connection: socket.socket | None, size: int) -> bytes:
        """Some bytes, `size` at most; none at the end of the answer.

        Raises:
            FetchError: the connection is silent, or has broken off.
        """
        self._busy = connection
        if self._stopped.is_set():
            return b""
        try:
            return bytes(response.read1(size))
        except (OSError, http.client.HTTPException, ValueError) as error:
            silent = connection.gettimeout() if connection is not None else None
            raise FetchError(_why(error, silent or SILENT_SECONDS)) from None

    def count(self, received: int) -> None:
        """Note bytes of video, as opposed to playlists."""
        self._received += received

    def fail(self, why: str) -> None:
        """Note why no more can be had; the first cause counts."""
        self.failure = self.failure or why

    def note(self, error: BaseException) -> None:
        """Keep what was raised where FFmpeg was calling, which knows no exceptions."""
        if not isinstance(error, Exception):
            self.interrupted = error
        self.fail(str(error) if isinstance(error, FetchError) else f"{type(error).__name__} while reading")

    @property
    def over(self) -> bool:
        """Whether nothing more is to be read."""
        return self.failure is not None or self._stopped.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, or until it is stopped."""
        self._stopped.wait(seconds)

    def stop(self) -> None:
        """Let every read end at once; may be called from another thread, or from a signal handler."""
        self._stopped.set()
        self._hang_up()

    def _hang_up(self) -> None:
        busy = self._busy
        if busy is not None:
            with contextlib.suppress(OSError):  # SSLSocket's own would pull its state from under a read
                socket.socket.shutdown(busy, socket.SHUT_RDWR)

    def _connected(self, connection: socket.socket) -> None:
        self._busy = connection
        if self._stopped.is_set():
            self._hang_up()


def _why(error: Exception, patience: float) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"silent for {patience:g} s"
    if isinstance(reason, ssl.SSLCertVerificationError):
        found = reason.verify_message.rstrip(".")
        return f"its certificate is not valid: {found}; the variable SSL_CERT_FILE can name one to trust"
    if isinstance(reason, (http.client.IncompleteRead, http.client.RemoteDisconnected)):
        return "the connection ended"
    if isinstance(reason, OSError) and reason.strerror:
        return str(reason.strerror)
    return "no answer that can be understood"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only."""

    def http_error_302(self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()  # or the text beside it would be read, however long it is
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in ("http", "https"):
            raise FetchError("it leads to what is not on the web, which is not followed", final=True)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(address: str, connected: Any) -> tuple[str, urllib.request.OpenerDirector]:
    """The address without user and password, and what asks with them, at that server and no other."""

    class Connection(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            connected(self.sock)

    class SafeConnection(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            connected(self.sock)

    class Plain(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(Connection, req)

    class Safe(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> Any:
            return self.do_open(SafeConnection, req)

    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("http://")  # refused like any other without a server
    user, _, place = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if user:
        known.add_password(None, f"{parts.scheme}://{place}", unquote(name), unquote(password))
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPBasicAuthHandler(known),
        urllib.request.HTTPDigestAuthHandler(known),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        _Redirects(),
        Plain(),
        Safe(),
    ):
        director.add_handler(handler)
    bare = parts._replace(netloc=place, fragment="").geturl()
    return quote(bare, safe="!#$%&'()*+,/:;=?@[]~|"), director
