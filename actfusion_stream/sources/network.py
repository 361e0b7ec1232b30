"""Video by address: HTTP(S), HLS, RTSP, RTMP, TCP, UDP and, where FFmpeg has it, SRT, through PyAV.

What has a length is read like a file; the rest is live. An address may hold a password or a token: nothing
but its `redacted` form is ever shown, logged or written, nor does an exception hold it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from actfusion_stream.errors import StreamError
from actfusion_stream.shown import redacted, scheme_of
from actfusion_stream.sources.containers import check_size, playable_streams, quarter_turns
from actfusion_stream.sources.opening import READ_SECONDS, check_scheme, open_stream
from actfusion_stream.sources.picture import Converter, Decoded
from actfusion_stream.sources.web import WebSource, WebVideo

if TYPE_CHECKING:
    import av.container
    from av.packet import Packet
    from av.video.stream import VideoStream

_MOST_LATE = 10_000  # packets of streams that were not announced
_LONGEST_HOLD = 1.0  # seconds for which a picture is held back; more means that the sender's clock has jumped


def open_address(address: str, outage: float) -> WebVideo | Callable[[], NetworkConnection]:
    """What is at an address: a video with an end, or else what connects to a live one.

    Of the web, the first connection is the one made here: some cameras accept a single viewer.

    Args:
        address: where it is.
        outage: seconds for which the server may be away while a video with an end is read.

    Raises:
        StreamError: there can be nothing, or what is on the web cannot be reached, or is no video.
    """
    name = redacted(address)
    failure: str | None = None
    try:
        check_scheme(address)
        if not _is_web(address):
            return lambda: NetworkConnection(address)
        source = WebSource(address, outage)
    except StreamError as error:
        failure = f"{name}: {error}"
    if failure is not None:
        raise StreamError(failure)
    if not source.live:
        return WebVideo(name, source)
    source.fetcher.outage = 0.0  # what has no end is not gone on with, but connected to anew
    made = [source]
    return lambda: NetworkConnection(address, made.pop() if made else None)


class NetworkConnection:
    """A live stream at an address.

    Args:
        address: where it is.
        source: what is there, if it is on the web and has been opened already.

    Attributes:
        rate: frames a second, None if unknown.

    Raises:
        StreamError: it cannot be reached, or sends no video; the message is without the address.
    """

    def __init__(self, address: str, source: WebSource | None = None) -> None:
        self._source = source
        if source is None and _is_web(address):
            self._source = WebSource(address, 0.0)
        self._container = _open_stream(address) if self._source is None else self._source.container
        try:
            videos, _ = playable_streams(self._container)
            if not videos:
                raise StreamError("sends no video")
            self._stream = videos[0]
            check_size(self._stream)
        except BaseException:
            self.close()
            raise
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.rate = float(rate) if rate else None

    def pictures(self) -> Iterator[tuple[float | None, Decoded]]:
        import av

        convert = Converter()
        pace = _Pace() if self._source is not None and self._source.in_segments else None
        for packet in self._packets():
            try:
                pictures = self._stream.decode(packet)
            except av.error.FFmpegError:
                continue  # packets before the first key picture, and damaged ones
            for picture in pictures:
                check_size(picture)
                sent = None
                if picture.pts is not None and picture.time_base is not None:
                    sent = float(picture.pts * picture.time_base)
                if pace is not None and sent is not None:
                    pace.hold(sent)
                yield sent, Decoded(picture, convert, quarter_turns(picture))

    @property
    def over(self) -> bool:
        """Whether what was live has ended for good; a new connection would begin to show it again."""
        return self._source is not None and self._source.ended

    def close(self) -> None:
        if self._source is None:
            self._container.close()
        else:
            self._source.close()

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        """What comes, to the end.

        Raises:
            StreamError: the end is none.
        """
        import av

        packets = self._container.demux(self._stream)
        failure: str | None = None
        late = 0
        while failure is None:
            try:
                packet = next(packets, None)
            except IndexError:  # PyAV does not know a stream that begins in the middle
                late += 1
                packets = self._container.demux(self._stream)
                failure = "announces ever more streams" if late > _MOST_LATE else None
                continue
            except (av.error.ExitError, av.error.TimeoutError):
                failure = f"silent for {READ_SECONDS:g} s"
            except av.error.FFmpegError as error:
                failure = f"broke off ({error.strerror})"
            else:
                if packet is None:
                    break
                yield packet
        if self._source is not None:
            failure = self._source.fetcher.failure or failure
        if failure is not None:
            raise StreamError(failure)


class _Pace:
    """Hands on at the speed of life what comes a segment at a time.

    Else the newest segments would be shown at once, and nothing until the next one, which is silence.
    """

    def __init__(self) -> None:
        self._offset: float | None = None  # from the sender's clock to ours

    def hold(self, sent: float) -> None:
        """Wait until a picture of the sender's time `sent` is due."""
        now = time.monotonic()
        if self._offset is None or not 0 <= sent + self._offset - now <= _LONGEST_HOLD:
            self._offset = now - sent  # the first, one that is late, or one of another clock
        time.sleep(sent + self._offset - now)


def _is_web(address: str) -> bool:
    return scheme_of(address) in ("http", "https")


def _open_stream(address: str) -> av.container.InputContainer:
    import av

    try:
        return open_stream(address)
    except av.error.InvalidDataError:
        failure = "what it sends is no video that can be read"
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        failure = f"cannot be reached ({why})"
    raise StreamError(failure)  # not above: FFmpeg's error holds the address
