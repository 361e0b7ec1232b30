"""Video on the web: files, HLS, and live streams over HTTP.

What has a length has an end, and is read to it; what has none is live. A file that breaks off is gone on
with for as long as its server may be away, and what is lost for good is said. FFmpeg, whose errors hold the
address of what it opens, gets to know none but those in playlists, which it never names.
"""

from __future__ import annotations

import io
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from actfusion_stream.errors import StreamError
from actfusion_stream.sources import playlist
from actfusion_stream.sources.fetching import Fetcher, FetchError
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.opening import Text, decrypted, open_fetched
from actfusion_stream.sources.playlist import PlaylistError
from actfusion_stream.sources.video_file import VideoFile
from actfusion_stream.sources.web_file import PICTURES, WebFile

if TYPE_CHECKING:
    import av.container

_RELOAD_SECONDS = 0.2  # between two looks at one playlist; the standard has half a segment's length
_PATIENCE = 30.0  # seconds beyond an outage after which FFmpeg stops waiting for a live playlist to go on
_FIRST = "http://address/list.m3u8"  # what FFmpeg knows the first playlist as


class WebSource:
    """What is at an address of the web, open.

    Args:
        address: http or https.
        outage: seconds for which the server may be away while something is read.

    Attributes:
        container: for its reader.
        fetcher: what asks for it.
        live: it has no end.
        in_segments: it comes as a playlist says.
        ended: its playlist says that nothing will follow.
        missing: how many of the files in its playlists the server does not have.

    Raises:
        StreamError: it cannot be reached, or is no video; the message is without the address.
    """

    def __init__(self, address: str, outage: float) -> None:
        self.ended, self.in_segments, self.missing = False, False, 0
        self._playlists = {_FIRST: 0.0}  # by FFmpeg's name for them, and when they were looked at
        self.fetcher = Fetcher(address, outage)
        self._file = WebFile(self.fetcher, self.fetcher.address)
        failure: str | None = None
        try:
            self.container, self.live = self._open(self._file.begin(patient=False))
        except FetchError as error:
            failure = f"cannot be reached ({error})"
        except (PlaylistError, StreamError) as error:
            failure = str(error)
        if failure is not None:
            self.fetcher.stop()
            self._file.close()
            raise self.fetcher.interrupted or StreamError(failure)  # not above, where more would hang on it

    @property
    def index_out_of_reach(self) -> bool:
        """Whether it is of a format that may have its index at the end, and can only be read forwards."""
        return "mov" in self.container.format.name and not self._file.seekable()

    def close(self) -> None:
        self.container.close()
        self.fetcher.stop()
        self._file.close()

    def _open(self, head: bytes) -> tuple[av.container.InputContainer, bool]:
        import av

        file, fetcher = self._file, self.fetcher
        try:
            if playlist.is_playlist(head):
                container = open_fetched(
                    self._playlist(file, _FIRST), live=True, form="hls", follow=self._follow,
                    seconds=fetcher.outage + _PATIENCE,
                )  # fmt: skip
                live = self.in_segments = True
            else:
                suffix = re.search(r"\.\w{1,5}$", urlsplit(file.found_at).path)
                file.name = f"video{suffix[0] if suffix else ''}"
                live = file.total is None
                form = "mpjpeg" if file.kind == PICTURES else None
                container = open_fetched(cast(BinaryIO, file), live=live, form=form)
        except FetchError as error:
            raise StreamError(str(error)) from None
        except av.error.FFmpegError:
            raise StreamError(fetcher.failure or "what it sends is no video that can be read") from None
        if fetcher.failure is not None:
            container.close()
            raise StreamError(fetcher.failure)
        return container, live and not (container.duration and container.duration > 0)

    def _playlist(self, file: WebFile, name: str) -> BinaryIO:
        """A playlist that has been looked at, under the name that FFmpeg has for it."""
        text = file.whole(playlist.MAX_BYTES).decode("latin-1")
        master = playlist.is_master(text)
        if name not in self._playlists or (master and name != _FIRST):
            raise PlaylistError("its playlist leads to a playlist where video should be")
        self.ended = playlist.has_ended(text)
        self._playlists[name] = time.monotonic()
        if master:
            text, leads_to = playlist.on_the_web(text, file.found_at)
            self._playlists |= dict.fromkeys(leads_to, 0.0)
        else:
            text, _ = playlist.on_the_web(text, file.found_at, self._playlists)
        return Text(text, name)

    def _follow(self, name: str, flags: int, options: dict[str, str]) -> BinaryIO:
        """Open what a playlist leads to. Nothing is raised, which PyAV would print: what fails is empty."""
        fetcher = self.fetcher
        try:
            if fetcher.over:
                return io.BytesIO()
            if name.startswith("data:"):
                asked = urllib.request.Request(name)
                return io.BytesIO(urllib.request.DataHandler().data_open(asked).read())
            if name in self._playlists:
                fetcher.pause(self._playlists[name] + _RELOAD_SECONDS - time.monotonic())
            address = fetcher.address if name == _FIRST else name.removeprefix("crypto+")
            end = options.get("end_offset")
            file = WebFile(fetcher, address, int(options.get("offset", 0)), None if end is None else int(end))
            if playlist.is_playlist(file.begin()):
                return self._playlist(file, name)
            served = cast(BinaryIO, file)
            return decrypted(served, options) if name.startswith("crypto+") else served
        except FetchError as error:
            if error.gone:
                self.missing += 1
            else:
                fetcher.note(error)
        except PlaylistError as error:
            fetcher.fail(str(error))
        except BaseException as error:
            fetcher.note(error)
        return io.BytesIO()


class WebVideo(VideoFile):
    """A video on the web that has an end.

    Args:
        name: how to call it.
        source: what is there.

    Raises:
        StreamError: no picture of it can be had.
    """

    def __init__(self, name: str, source: WebSource) -> None:
        import av

        self._source = source
        failure: str | None = None
        try:
            super().__init__(name, source.container)
        except StreamError as error:
            failure = str(error)
        except av.error.FFmpegError as error:
            failure = f"{name}: cannot be read ({error.strerror})"
        if failure is not None:
            if source.index_out_of_reach:
                failure += "; its index may lie at its end, where its server cannot go: download it first"
            source.close()
            lost = source.fetcher.failure
            raise source.fetcher.interrupted or StreamError(f"{name}: {lost}" if lost else failure)

    def frames(self) -> Iterator[Frame]:
        """Frames in the order of their times.

        Raises:
            StreamError: its end could not be had; all that had come by then has been delivered.
        """
        reached = 0.0
        for frame in super().frames():
            reached = frame.time
            yield frame
        fetcher = self._source.fetcher
        if fetcher.failure is not None:
            raise StreamError(f"{fetcher.failure}; what follows {reached:.1f} s is missing")
        if self._source.missing:
            files = "file" if self._source.missing == 1 else "files"
            lost = f"its server lacks {self._source.missing} {files} of its playlist"
            self.warning = f"{self.warning}; {lost}" if self.warning else f"{self.info.name}: {lost}"

    def stop(self) -> None:
        super().stop()
        self._source.fetcher.stop()

    def close(self) -> None:
        super().close()
        self._source.close()
