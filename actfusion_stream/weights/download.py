"""One file over HTTP into a `.part`: what broke off is resumed, and no length is taken on trust.

Beside NAME.part lies the note NAME.part.json with the address, the length and the strong ETag it was begun
with. Two different files are never glued together: without a note, or with one that does not say all of what
the server is to be held to, a download begins anew.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from actfusion_stream.shown import redacted

MAX_BYTES = 4 * 1024**3  # the largest of the known files has less than a tenth of it
TIMEOUT = 30.0  # seconds of silence, not of the whole download
ATTEMPTS = 5
PAUSE = 0.5  # seconds before the second attempt; each further pause is twice as long
_BLOCK = 1 << 18


class DownloadError(Exception):
    """The file could not be had; the message is one line that says why."""


class _BrokeOff(Exception):
    """It did not come whole; another attempt may bring the rest."""


def download(
    address: str,
    part: Path,
    on_bytes: Callable[[int, int | None], None] = lambda have, total: None,
) -> None:
    """Bring `part` to its full length, going on from what is in it.

    Args:
        address: http or https.
        part: file to fill; when the connection breaks, or on Ctrl-C, it stays for a later call to go on from,
            if its server has said enough for that.
        on_bytes: called with the bytes that are there, and those there will be; None if the server tells not.

    Raises:
        DownloadError: it could not be had, or not whole.
        OSError: `part` cannot be written.
    """
    _check_scheme(address)
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            return _attempt(address, part, on_bytes)
        except urllib.error.HTTPError as error:
            error.close()
            raise DownloadError(f"{address} answers {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            last = f"{address} cannot be reached ({_one_line(error.reason)})"
            if not attempt:  # nothing has worked yet: whoever is offline wants to know at once
                raise DownloadError(last) from error
        except _BrokeOff as error:
            last = str(error)
    kept = "; what came is kept, and the next try goes on from there" if _begun(part, address) else ""
    raise DownloadError(f"{last}, and {ATTEMPTS} attempts did not help{kept}")


def discard(part: Path) -> None:
    """Remove what was downloaded."""
    part.unlink(missing_ok=True)
    _note_of(part).unlink(missing_ok=True)


def finish(part: Path, path: Path) -> None:
    """Give what was downloaded its final name, in one step."""
    part.replace(path)
    _note_of(part).unlink(missing_ok=True)


def _attempt(address: str, part: Path, on_bytes: Callable[[int, int | None], None]) -> None:
    begun = _begun(part, address)
    have = part.stat().st_size if begun else 0
    request = urllib.request.Request(address, headers={"User-Agent": "actfusion-stream"})
    if begun:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", begun.etag)
    try:
        response = _OPENER.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not begun:
            raise
        with error:
            told = re.match(r"bytes \*/(\d{1,18})$", error.headers.get("Content-Range", ""))
        if told and int(told[1]) == have and begun.total in (None, have):
            return on_bytes(have, have)
        discard(part)
        raise _BrokeOff(f"{address}: {have} bytes that were here do not belong to it") from error
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.URLError):
            raise
        raise urllib.error.URLError(_one_line(error)) from error

    with response:
        length, etag = response.length, response.headers.get("ETag")
        if response.status == 206:
            span = re.match(r"bytes (\d{1,18})-\d+/(\d{1,18})$", response.headers.get("Content-Range", ""))
            start, total = (int(span[1]), int(span[2])) if span else (-1, None)
            consistent = length is None or total is None or start + length == total
            same = begun is None or (begun.etag == etag and begun.total in (None, total))
            if start != have or not consistent or not same:
                discard(part)
                raise _BrokeOff(f"{address}: the rest that the server sends does not fit what is here")
        else:  # 200: from the beginning, whether or not we asked for that
            have, total = 0, length
        if (total or 0) > MAX_BYTES:
            raise DownloadError(f"{address} is {total} bytes long; no more than {MAX_BYTES} are accepted")
        with part.open("ab" if have else "wb") as file:
            if not have:
                note = {"address": address, "etag": etag, "total": total}
                _note_of(part).write_text(json.dumps(note))
            on_bytes(have, total)
            _copy(response, file, address, have, total, on_bytes)


def _copy(
    response: Any,
    file: IO[bytes],
    address: str,
    have: int,
    total: int | None,
    on_bytes: Callable[[int, int | None], None],
) -> None:
    if response.length is not None:
        response.length += 1  # http.client would stop in silence where the declared length ends
    while total is None or have < total:
        try:
            block = response.read(_BLOCK if total is None else min(_BLOCK, total - have))
        except (OSError, http.client.HTTPException) as error:
            raise _BrokeOff(f"{address} broke off after {_of(have, total)} ({_one_line(error)})") from error
        if not block:
            if total is None:
                return
            raise _BrokeOff(f"{address} broke off after {_of(have, total)}")
        have += len(block)
        if have > MAX_BYTES:
            raise DownloadError(f"{address} does not end; no more than {MAX_BYTES} bytes are accepted")
        file.write(block)
        on_bytes(have, total)
    try:
        more = response.read(1)
    except (OSError, http.client.HTTPException):
        more = b""  # a connection that is closed impolitely has no more either
    if more:
        raise DownloadError(f"{address} sends more than the {total} bytes it declares")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows to http and https only, and never from https back to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_scheme(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise DownloadError(f"{req.full_url} leads to {redacted(newurl)}, which is not encrypted")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_SafeRedirects)


def _check_scheme(address: str) -> None:
    if urlsplit(address).scheme not in ("http", "https"):
        raise DownloadError(f"{address} is not an http or https address")


@dataclass(frozen=True)
class _Note:
    """What a `.part` was begun with.

    Attributes:
        address: where it comes from.
        etag: a strong one, which promises the same bytes as long as it is the same.
        total: bytes; None if the server did not tell.
    """

    address: str
    etag: str
    total: int | None


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _begun(part: Path, address: str) -> _Note | None:
    """What the `.part` was begun with; None, and nothing is left of it, if the rest cannot be added to it."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):  # of any content
        said = json.loads(_note_of(part).read_bytes())
        note = _Note(said["address"], said["etag"], said["total"])
        fits = note.address == address and _is_strong(note.etag) and isinstance(note.total, int | None)
        if fits and part.stat().st_size:
            return note
    discard(part)
    return None


def _is_strong(etag: object) -> bool:
    """Whether it promises the same bytes, which "W/" takes back; no other text may go into a header."""
    return isinstance(etag, str) and re.fullmatch(r'"[!#-~]*"', etag) is not None


def _of(have: int, total: int | None) -> str:
    return f"{have} bytes" if total is None else f"{have} of {total} bytes"


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
