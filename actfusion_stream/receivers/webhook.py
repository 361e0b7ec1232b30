"""Events to a webhook: each record is the body of a POST, on a connection that stays open."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from http import HTTPStatus

from actfusion_stream.receivers.address import Address
from actfusion_stream.receivers.receiver import Message, Refused
from actfusion_stream.version import __version__

_SECONDS = 10.0  # within which it has to answer
_MOST_BYTES = 65_536  # of an answer, which nobody reads
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class Webhook:
    """Posts messages, each until it has been answered with success; in order.

    Args:
        address: http[s]://[user:password@]host[:port]/path?query.
    """

    whole_every: float | None = None

    def __init__(self, address: Address) -> None:
        self.name, self.broken = address.name, False
        self._address = address
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"actfusion-stream/{__version__.split()[0].strip('(')}",
        }
        if address.user is not None:
            secret = f"{address.user}:{address.password or ''}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(secret).decode()}"

    def open(self, header: Message, abandoned: threading.Event) -> None:
        """It is connected to with the first message."""

    def send(self, message: Message) -> None:
        fresh = self._connection is None
        try:
            status = self._post(message.body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh and not isinstance(error, TimeoutError):  # it was closed while it was not used
                return self.send(message)
            raise OSError(*_why(error)) from None  # without the address, which an error may hold
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
            raise OSError(0, f"it answered {_phrase(status)}")
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(f"it answered {_phrase(status)}")

    def unfinished(self) -> int:
        return 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _post(self, body: bytes) -> int:
        if self._connection is None:
            self._connection = self._connected()
        self._connection.request("POST", self._address.target, body, self._headers)
        answer = self._connection.getresponse()
        if len(answer.read(_MOST_BYTES)) == _MOST_BYTES or answer.will_close:
            self.close()
        return answer.status

    def _connected(self) -> http.client.HTTPConnection:
        address = self._address
        if address.scheme == "http":
            return http.client.HTTPConnection(address.host, address.port, timeout=_SECONDS)
        secure = ssl.create_default_context()
        return http.client.HTTPSConnection(address.host, address.port, timeout=_SECONDS, context=secure)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _why(error: Exception) -> tuple[int, str]:
    """Number and text of a system's error; of another one its kind alone."""
    if isinstance(error, TimeoutError):
        return 0, f"no answer within {_SECONDS:.0f} s"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return error.errno, error.strerror
    return 0, "its answer is no HTTP" if isinstance(error, http.client.HTTPException) else type(
        error
    ).__name__
