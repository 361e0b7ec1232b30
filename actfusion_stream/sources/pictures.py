"""Decoded pictures as a viewer sees them: upright, without combs, all of one size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from actfusion_stream.sources.containers import check_size, quarter_turns
from actfusion_stream.sources.picture import Converter, Decoded, Picture, Rgb, size_of

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

_FILTER_CLOCK = Fraction(1, 1000)


def fit(image: Rgb, width: int, height: int, shape: Fraction = Fraction(1)) -> Rgb:
    """The picture in the given size: unchanged, or scaled with black bars where its shape is another.

    Args:
        image: (H, W, 3) uint8.
        width, height: of the result.
        shape: width to height of its pixels, as a multiple of the result's.
    """
    if image.shape[:2] == (height, width) and shape == 1:
        return image
    across = image.shape[1] * float(shape)
    scale = min(width / across, height / image.shape[0])
    size = max(1, round(across * scale)), max(1, round(image.shape[0] * scale))
    shrinks = size[0] * size[1] < image.shape[0] * image.shape[1]
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    fitted = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    fitted[top : top + size[1], left : left + size[0]] = scaled
    return fitted


def fitted(picture: Picture, width: int, height: int) -> Picture:
    """Any picture in the given size, as `fit` does it."""
    if size_of(picture) == (width, height):
        return picture
    return picture.fitted(width, height) if isinstance(picture, Decoded) else fit(picture, width, height)


class Cleaner:
    """Deinterlaces pictures that are interlaced.

    By libavfilter; before the first of them all pass through untouched. A deinterlacer looks one picture
    ahead, so pictures may come one later; each comes once, in order.

    Attributes:
        changed: seconds of the first picture that was; None if none was.
    """

    def __init__(self) -> None:
        self.changed: Fraction | None = None
        self._graph: Graph | None = None
        self._kind: tuple[Any, ...] = ()
        self._times: deque[Fraction] = deque()  # of pictures that are in the graph
        self._count = 0

    def push(self, picture: VideoFrame, time: Fraction) -> Iterator[tuple[VideoFrame, Fraction]]:
        """Take the next picture and its time in seconds; give those that are ready."""
        kind = (picture.width, picture.height, picture.format.name)
        if self._graph is not None and kind != self._kind:
            yield from self.flush()
        if self._graph is None:
            if not picture.interlaced_frame:
                yield picture, time
                return
            self._graph, self._kind = _graph(picture), kind
            self._times.clear()
        if picture.interlaced_frame and self.changed is None:
            self.changed = time
        picture.pts, picture.time_base = self._count, _FILTER_CLOCK  # filters count in units of their own
        self._count += 1
        self._times.append(time)
        self._graph.push(picture)
        yield from self._pull()

    def flush(self) -> Iterator[tuple[VideoFrame, Fraction]]:
        """The pictures that are still in the graph; another one is made for what follows."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
            self._graph = None

    def _pull(self) -> Iterator[tuple[VideoFrame, Fraction]]:
        import av

        assert self._graph is not None
        while self._times:
            try:
                cleaned = self._graph.pull()
            except (BlockingIOError, av.error.EOFError):
                return
            yield cleaned, self._times.popleft()  # type: ignore[misc]


def _graph(picture: VideoFrame) -> Graph:
    from av.filter import Graph

    graph = Graph()
    last = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=_FILTER_CLOCK
    )
    # What is not marked passes it: a progressive stretch within an interlaced file stays as it is.
    for name, arguments in (("bwdif", "mode=send_frame:deint=interlaced"), ("buffersink", None)):
        step = graph.add(name, arguments)
        last.link_to(step)
        last = step
    graph.configure()
    return graph


class Uniform:
    """Has pictures seen upright, and all in the size and the pixel shape of the first one.

    Args:
        first: the first picture of the video.
        shape: width to height of its pixels, as they are stored.

    Attributes:
        width, height: of all pictures, upright.
        shape: width to height of a pixel, upright.
        stored_shape: the same, as pictures are stored.
        changed: seconds from which on pictures had another size, shape or turn; None if none had.
    """

    def __init__(self, first: VideoFrame, shape: Fraction = Fraction(1)) -> None:
        self._convert = Converter()
        self._turns = quarter_turns(first)
        self._kind = _kind(first, self._turns, shape)
        self.stored_shape = shape
        turned = self._turns % 2 == 1
        self.width = first.height if turned else first.width
        self.height = first.width if turned else first.height
        self.shape = 1 / shape if turned else shape
        self.changed: Fraction | None = None

    def __call__(self, picture: VideoFrame, time: Fraction, shape: Fraction = Fraction(1)) -> Decoded:
        """The next picture, as it is to be seen.

        Args:
            picture: as it was decoded.
            time: seconds at which it is shown.
            shape: width to height of its pixels.

        Raises:
            StreamError: the picture is larger than any may be.
        """
        check_size(picture)
        # Some recordings note the turn beside key pictures only: it holds until the next one.
        if picture.key_frame or quarter_turns(picture):
            self._turns = quarter_turns(picture)
        if _kind(picture, self._turns, shape) == self._kind:
            return Decoded(picture, self._convert, self._turns)
        if self.changed is None:
            self.changed = time
        seen = 1 / shape if self._turns % 2 else shape
        return Decoded(picture, self._convert, self._turns, (self.width, self.height, seen / self.shape))


def _kind(picture: VideoFrame, turns: int, shape: Fraction) -> tuple[int, int, int, Fraction]:
    return picture.width, picture.height, turns, shape
