"""A frame, what is known of where it comes from, and who delivers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from actfusion_stream.sources.picture import PLAIN, Colors, Picture, Rgb, rgb
from actfusion_stream.sources.sound_track import SoundTrack


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture with its presentation time.

    Attributes:
        time: seconds of the source; zero is where a player shows 0:00.
        picture: as it came: (H, W, 3) uint8 RGB, or `Decoded`.
        index: how many frames came before it; for display only.
        arrived: `time.perf_counter()` when it had been decoded or captured, to measure latency from.
        gap: why nothing came for a while before it; "" where nothing is missing.
    """

    time: float
    picture: Picture
    index: int
    arrived: float
    gap: str = ""

    @property
    def image(self) -> Rgb:
        """(H, W, 3) uint8 RGB, turned upright: made of a decoded picture each time that somebody asks."""
        return rgb(self.picture)


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    Attributes:
        name: file name, or e.g. "camera 0".
        width: pixels of a frame, after turning it upright.
        height: the same.
        duration: seconds that the header promises; None if it does not say, and for cameras.
        rate: average frames a second; None if unknown.
        live: frames come whether anybody is ready or not.
        has_audio: there is sound to keep.
        clock: seconds in which the source counts its times; None if it does not say.
        pixel_shape: width to height of a pixel, upright.
        begins: seconds of its first frame, where it is a part of something: a video of it begins there.
        sound: what reads the sound beside the pictures; None where there is none to be kept.
        colors: how the numbers of its pictures are meant, which an exported video keeps.
    """

    name: str
    width: int
    height: int
    duration: float | None
    rate: float | None
    live: bool
    has_audio: bool
    clock: Fraction | None = None
    pixel_shape: Fraction = Fraction(1)
    begins: float = 0.0
    sound: SoundTrack | None = None
    colors: Colors = PLAIN


class Reader(Protocol):
    """What delivers the frames of a source, in the order of their times.

    Attributes:
        info: known from the start.
        warning: what was wrong with the source, known after its end.
        remark: what was assumed of the source, or done to its pictures, known after its end.
    """

    @property
    def info(self) -> SourceInfo: ...

    @property
    def warning(self) -> str | None: ...

    @property
    def remark(self) -> str | None: ...

    def frames(self) -> Iterator[Frame]: ...

    def stop(self) -> None:
        """Ask `frames` to end soon; called from another thread, or from a signal handler."""

    def close(self) -> None:
        """Let go of the source; called once `frames` has ended, or where it was never begun."""


class Wrapped:
    """What a source or a reader that delivers the frames of another leaves to it.

    Args:
        reader: with no frame taken from it.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def warning(self) -> str | None:
        """What was wrong with the source; known after its end, None if nothing."""
        return self._reader.warning

    @property
    def remark(self) -> str | None:
        """What was assumed of the source, or done to its pictures; known after its end, None if nothing."""
        return self._reader.remark

    def stop(self) -> None:
        self._reader.stop()

    def close(self) -> None:
        self._reader.close()
