"""Events to a program that listens on a unix or TCP socket: a line each, as in a file."""

from __future__ import annotations

import select
import socket
import threading

from actfusion_stream.receivers.address import Address
from actfusion_stream.receivers.receiver import Message

_SECONDS = 5.0  # within which somebody who listens is there
_LOOK = 50  # milliseconds between looks at whether to go on waiting


class Socket:
    """Writes messages as lines, to whoever listens; where that breaks off, it is connected to anew.

    A new connection begins with the header, and what the old one had taken may be lost: the next tick made
    is whole.

    Args:
        address: unix:///path or tcp://host:port.
    """

    whole_every: float | None = None

    def __init__(self, address: Address) -> None:
        self.name, self.broken = address.name, False
        self._address = address
        self._socket: socket.socket | None = None
        self._before = False  # there was a connection

    def open(self, header: Message, abandoned: threading.Event) -> None:
        self._header, self._abandoned = header, abandoned

    def send(self, message: Message) -> None:
        try:
            if self._socket is None:
                self._socket = self._connected()
                if self._before and message.kind != "header":
                    self.broken = True
                    self._write(self._header.body + b"\n")
                self._before = True
            self._write(message.body + b"\n")
        except OSError as error:
            self.close()
            why = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise OSError(error.errno or 0, why) from None

    def unfinished(self) -> int:
        return 0

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _connected(self) -> socket.socket:
        if self._address.scheme == "tcp":
            assert self._address.port is not None
            connection = socket.create_connection((self._address.host, self._address.port), _SECONDS)
        else:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(_SECONDS)
                connection.connect(self._address.path)
            except BaseException:
                connection.close()
                raise
        connection.setblocking(False)
        return connection

    def _write(self, data: bytes) -> None:
        """All of it, however slowly it is taken; less only if it is abandoned.

        Raises:
            OSError: the connection is broken.
        """
        assert self._socket is not None
        poll, rest = select.poll(), memoryview(data)
        poll.register(self._socket, select.POLLOUT)
        while rest and not self._abandoned.is_set():
            if poll.poll(_LOOK):
                rest = rest[self._socket.send(rest) :]
