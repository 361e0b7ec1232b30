"""One file on a web server, read like a local one: what breaks off is gone on with, where the server can.

Pieces belong together only if the server says so: the length has to be the same, and the ETag or the date.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Any, NamedTuple

from actfusion_stream.sources.fetching import SILENT_SECONDS, Fetcher, FetchError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0  # between attempts, in seconds; each is twice as long as the last
_HEAD, _LEAST_HEAD = 4096, 16  # bytes from which one sees what it is; at least
PICTURES = "multipart/x-mixed-replace"  # the media type of Motion JPEG
_WHOLE_SECONDS = 15.0  # within which a text has to be there


class _Version(NamedTuple):
    """What a server says of the version of a file; None for what it does not say."""

    length: int | None
    etag: str | None
    modified: str | None

    def may_be(self, other: _Version) -> bool:
        """Whether the bytes may be those of another answer. Servers behind one address differ in ETags."""
        pairs = [(self.etag, other.etag), (self.modified, other.modified)]
        said = [one == two for one, two in pairs if one is not None and two is not None]
        return self.length == other.length and (not said or any(said))


class WebFile:
    """A file on a web server, or a part of it, as PyAV reads files: an object with `read`, `seek` and `tell`.

    `read` and `seek` raise nothing: what goes wrong is noted by the fetcher, and ends the file.

    Args:
        fetcher: what asks for it.
        address: where it is.
        start: first byte of the part.
        end: the byte behind it; None for the end of the file.

    Attributes:
        name: for FFmpeg, which may take hints of the format from its ending.
        found_at: the address that redirects have led to.
        kind: the media type that the server gives it.
        total: bytes of the whole file; None if the server does not say, as of a live stream.
    """

    def __init__(self, fetcher: Fetcher, address: str, start: int = 0, end: int | None = None) -> None:
        self.name, self.found_at, self.kind = "video", address, ""
        self.total: int | None = None
        self._fetcher, self._address, self._start, self._end = fetcher, address, start, end
        self._at = self._got = start  # the next byte to give away, and the next that the server sends
        self._ahead = b""  # the last bytes before `_got`
        self._version: _Version | None = None
        self._can_go_on = False
        self._response: Any = None
        self._connection: socket.socket | None = None

    def begin(self, *, patient: bool = True) -> bytes:
        """Ask for it.

        Args:
            patient: try again where the server says that it may be of use.

        Returns:
            How it begins; this is read again by `read`.

        Raises:
            FetchError: it is not to be had.
        """
        if not patient:
            self._connect()
        while len(self._ahead) < _HEAD and (block := self._more(_HEAD)):
            self._ahead += block
            if self._limit is None and len(self._ahead) >= _LEAST_HEAD:
                break  # of a live stream, as much as there is
        return self._ahead

    def whole(self, most: int) -> bytes:
        """All of a text.

        Raises:
            FetchError: it has more than `most` bytes, does not come to an end, or is not to be had.
        """
        deadline = time.monotonic() + _WHOLE_SECONDS
        parts = [self._ahead]
        while block := self._more(1 << 16):
            parts.append(block)
            if self._got - self._start > most:
                raise FetchError(f"its playlist has more than {most >> 20} MB", final=True)
            if time.monotonic() > deadline:
                raise FetchError(f"its playlist has not ended after {_WHOLE_SECONDS:g} s", final=True)
        return b"".join(parts)

    def read(self, size: int) -> bytes:
        """Some bytes, at most `size`; none at the end, or where nothing more can be had."""
        try:
            if not self._got - len(self._ahead) <= self._at < self._got:
                if self._at != self._got:
                    self._hang_up()
                    self._got = self._at
                self._ahead = self._more(size)
            begin = self._at - self._got + len(self._ahead)
            block = self._ahead[begin : begin + size]
            self._at += len(block)
            self._fetcher.count(len(block))
            return block
        except BaseException as error:
            self._fetcher.note(error)
            return b""

    def seekable(self) -> bool:
        return self._can_go_on and self._start == 0

    def tell(self) -> int:
        return self._at - self._start

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self.total or 0)[whence]
        return self._at

    def close(self) -> None:
        self._hang_up()

    @property
    def _limit(self) -> int | None:
        """The byte behind the last, None if nobody knows."""
        ends = [end for end in (self.total, self._end) if end is not None]
        return min(ends, default=None)

    def _more(self, size: int) -> bytes:
        """The next bytes from the server, with as many attempts as it takes; none at the end.

        Raises:
            FetchError: the time for attempts is over, or they are of no use.
        """
        deadline: float | None = None
        pause = _FIRST_PAUSE
        while not self._fetcher.over and (self._limit is None or self._got < self._limit):
            try:
                if self._response is None:
                    self._connect()
                block = self._fetcher.read(self._response, self._connection, size)
                if not block and self._limit is not None and not self._fetcher.over:
                    raise FetchError("the connection ended")
                self._got += len(block)
                return block
            except FetchError as error:
                self._hang_up()
                if self._fetcher.over:
                    return b""
                deadline = deadline or time.monotonic() + self._fetcher.outage
                left = deadline - time.monotonic()
                if error.final or left <= 0 or not (self._can_go_on or self._got == self._start):
                    raise self._given_up(error) from None
                self._fetcher.pause(min(pause, left))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return b""

    def _given_up(self, error: FetchError) -> FetchError:
        if self._got == self._start:
            return error
        if self._limit is None:
            silent = str(error).startswith("silent")
            return FetchError(str(error) if silent else f"broke off ({error})", final=True)
        where = f"broke off after {100 * self._got / self._limit:.0f} % of it ({error})"
        if not self._can_go_on:
            return FetchError(f"{where}, and its server cannot go on in the middle of a file", final=True)
        tried = f", and did not come back within {self._fetcher.outage:g} s"
        return FetchError(where + (tried if self._fetcher.outage and not error.final else ""), final=True)

    def _connect(self) -> None:
        """Ask for the bytes from `_got` on."""
        response, connection = self._fetcher.ask(self._address, self._got, self._end)
        try:
            self._check(response)
        except BaseException:
            response.close()
            raise
        self._response, self._connection = response, connection
        if not self._can_go_on and self._limit is not None and connection is not None:
            # Waiting is the one thing that may help.
            connection.settimeout(max(SILENT_SECONDS, self._fetcher.outage))

    def _check(self, response: Any) -> None:
        """Compare an answer with what was asked for, and with the answers before."""
        headers = response.headers
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("its server compresses what it sends, unasked", final=True)
        span = re.match(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)$", headers.get("Content-Range", ""))
        if response.status == 206 and span:
            if int(span[1]) != self._got:
                raise FetchError("its server sends another part than was asked for", final=True)
            length = None if span[2] == "*" else int(span[2])
        elif response.status in (200, 206):
            if self._got:
                raise FetchError("its server cannot go on in the middle of a file", final=True)
            # Cameras that send one picture after the other may claim any length.
            length = None if headers.get_content_type() == PICTURES else response.length
        else:
            raise FetchError(f"answers {response.status}", final=True)
        version = _Version(length, headers.get("ETag"), headers.get("Last-Modified"))
        if self._version is None:
            self._version, self.total = version, length
            self.kind, self.found_at = headers.get_content_type(), response.geturl()
            ranges = headers.get("Accept-Ranges", "").strip().lower() == "bytes"
            self._can_go_on = length is not None and (span is not None or ranges)
        elif not version.may_be(self._version):
            raise FetchError("it is another file than before", final=True)

    def _hang_up(self) -> None:
        response, self._response, self._connection = self._response, None, None
        if response is not None:
            response.close()
