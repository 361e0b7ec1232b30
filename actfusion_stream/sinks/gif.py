"""A GIF of a short clip, with a palette of its own: for a page or a message that shows no videos.

256 colours and no prediction make it tens of times as large as a video, so it is kept small otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import open_source

if TYPE_CHECKING:
    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame

LONGEST = 60  # seconds
_SIDE = 640  # pixels of the longer side, at most
_RATE = 12.5  # pictures a second, at most: every second one of a video with 25
_CLOCK = Fraction(1, 100)  # of GIF


def check_length(path: Path, info: SourceInfo) -> None:
    """Refuse a source that is known to be too long for what is to be written.

    Raises:
        StreamError: it would be a GIF, and longer than `LONGEST`.
    """
    if path.suffix.lower() != ".gif":
        return
    seconds = None if info.duration is None else info.duration - info.begins
    if seconds is not None and seconds > LONGEST:
        raise StreamError(
            f"{path}: {info.name} has {seconds:.0f} s, and a GIF at most {LONGEST}; give --duration "
            f"{LONGEST}, or write .mp4"
        )


def write_gif(video: Path, target: Path) -> None:
    """Turn a video into a GIF that plays over and over.

    Args:
        video: what to read, twice: for the palette, and for the pictures.
        target: to create, whatever its ending.

    Raises:
        OSError, FFmpegError: the disk does not take it.
    """
    import av
    from av.filter import Graph
    from av.video.format import VideoFormat

    with open_source(video) as source:
        width, height = _size(source.info)

    def buffer(graph: Graph) -> FilterContext:
        return graph.add_buffer(width=width, height=height, format=VideoFormat("rgb24"), time_base=_CLOCK)

    graph = Graph()
    pictures, palettes, sink = buffer(graph), graph.add("palettegen"), graph.add("buffersink")
    pictures.link_to(palettes)
    palettes.link_to(sink)
    graph.configure()
    for frame in _frames(video, (width, height)):
        pictures.push(frame)
    pictures.push(None)
    palette = cast("VideoFrame", sink.pull())

    graph = Graph()
    pictures = buffer(graph)
    colors = graph.add_buffer(
        width=palette.width, height=palette.height, format=palette.format, time_base=_CLOCK
    )
    # Ordered dithering keeps still what does not move, which compresses; and so does drawing that alone.
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=5:diff_mode=rectangle")
    sink = graph.add("buffersink")
    pictures.link_to(use, 0, 0)
    colors.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    palette.pts, palette.time_base = 0, _CLOCK
    colors.push(palette)
    colors.push(None)
    with av.open(f"file:{target}", "w", format="gif") as output:
        stream = output.add_stream("gif", rate=100)
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = _CLOCK
        for pushed in itertools.chain(_frames(video, (width, height)), [None]):
            pictures.push(pushed)
            while True:
                try:
                    drawn = cast("VideoFrame", sink.pull())
                except (BlockingIOError, av.error.EOFError):
                    break
                output.mux(stream.encode(drawn))
        output.mux(stream.encode(None))


def _size(info: SourceInfo) -> tuple[int, int]:
    share = min(_SIDE / max(info.width, info.height), 1.0)
    return max(round(info.width * share), 1), max(round(info.height * share), 1)


def _frames(video: Path, size: tuple[int, int]) -> Iterator[VideoFrame]:
    """Pictures of a video at that size, at most so many a second."""
    from av.video.frame import VideoFrame

    following = 0.0
    with open_source(video) as source:
        for frame in source:
            if frame.time < following - 1e-3:
                continue
            following = max(following + 1 / _RATE, frame.time)
            image = frame.image
            if (image.shape[1], image.shape[0]) != size:
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
            made = VideoFrame.from_ndarray(np.ascontiguousarray(image))
            made.pts, made.time_base = round(frame.time / _CLOCK), _CLOCK
            yield made
