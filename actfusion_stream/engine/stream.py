"""The stream: a source and a session, joined.

from actfusion_stream import open_stream

with open_stream("kitchen.mp4") as stream:
    for tick in stream:
        print(tick.current.label, [segment.label for segment in tick.upcoming])
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from actfusion_stream.engine.engine import Engine
from actfusion_stream.engine.session import Session
from actfusion_stream.engine.settings import FUTURES, MEMORY_SECONDS, Horizon, Settings
from actfusion_stream.engine.stats import Stats
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.precision import AUTO
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import (
    MAX_STALENESS,
    Source,
    check_patience,
    is_repeatable,
    open_source,
)
from actfusion_stream.weights.extractor_choice import ExtractorChoice


@dataclass(frozen=True)
class Step:
    """One frame, and what came with it.

    Attributes:
        frame: the frame.
        tick: what the model said once it had seen the frame, if a tick was due.
        gap: the stretch before the frame of which nothing was seen, if there is one.
    """

    frame: Frame
    tick: Tick | None
    gap: Gap | None = None


@dataclass(frozen=True)
class StreamInfo:
    """What is known of a stream before its first frame.

    Attributes:
        source: what is known of the source.
        checkpoint, fingerprint: what the checkpoint is called, and a fingerprint of its weights.
        class_names: the classes of the checkpoint, in order.
        lookahead: seconds by which the past trails the newest frame.
        stats: counters and latencies, which go on counting.
        stopped: tells whether somebody has called `Stream.stop`, and nobody is to be waited for any longer.
        again: opens the same part of the source once more, from its beginning or, called with `start`, from
            so many seconds on; None where that cannot be.
    """

    source: SourceInfo
    checkpoint: str
    fingerprint: str
    class_names: tuple[str, ...]
    lookahead: float
    stats: Stats
    stopped: Callable[[], bool] = lambda: False
    again: Callable[..., Source] | None = None


class Stream:
    """A source that is watched. Made by `open_stream`; use it as a context manager.

    The loop over it may be left, and gone on with by another loop, until it is finished or closed.

    Attributes:
        engine: what computes.
        about: what is known of the stream from the start.
        stopped: somebody has called `stop`.
    """

    def __init__(
        self,
        source: Source,
        engine: Engine,
        session: Session,
        again: Callable[..., Source] | None = None,
    ) -> None:
        self.engine, self._source, self._session = engine, source, session
        self.stopped = False
        self.about = StreamInfo(
            source.info,
            engine.checkpoint,
            engine.fingerprint,
            engine.class_names,
            engine.lookahead,
            session.stats,
            lambda: self.stopped,
            again,
        )
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        return self.about.source

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes of the checkpoint, in order."""
        return self.about.class_names

    @property
    def lookahead(self) -> float:
        """Seconds by which the past trails the newest frame."""
        return self.about.lookahead

    @property
    def stats(self) -> Stats:
        """Counters and latencies."""
        return self.about.stats

    @property
    def gaps(self) -> deque[Gap]:
        """The newest stretches of which nothing was seen."""
        return self._session.gaps

    @property
    def warning(self) -> str | None:
        """What was wrong with the source, once it has been read; None if nothing was."""
        return self._source.warning

    @property
    def remark(self) -> str | None:
        """What was assumed of the source, or done to its pictures, once it has been read; None if nothing."""
        return self._source.remark

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Tick]:
        """The ticks, as the source is read."""
        return (step.tick for step in self.steps() if step.tick is not None)

    def steps(self) -> Iterator[Step]:
        """Every frame, with the tick that it triggered: what an annotated video is drawn from.

        Raises:
            StreamError: the source fails, the weights overflow, or the stream has been finished or closed.
        """
        self._check_open()
        if not self.stats.frames:
            self.stats.started = time.perf_counter()  # loading the model is not the stream's speed
        for frame in self._source:
            taken, gaps = self.stats.frames, self.stats.gaps
            tick = self._session.take(frame, self._source.fullness)
            if self.stats.frames == taken:  # it was stopped while the time before the frame was filled
                return
            yield Step(frame, tick, self._session.gaps[-1] if self.stats.gaps > gaps else None)
            if self.stopped:
                return
            self._check_open()

    def stop(self) -> None:
        """End the iteration soon, even while no frame comes; may be called from a signal handler."""
        self.stopped = True
        self._session.stop()
        self._source.stop()

    def finish(self) -> tuple[Segment, ...]:
        """Segment everything that was seen, in hindsight, and read no further.

        Returns:
            Segments from the first frame to the end of the last one, without holes but for gaps; none if
            there was no frame. The same again when asked again.

        Raises:
            StreamError: the weights overflow. Asked again, it returns what had been said until then.
        """
        self._source.close()  # first: nothing more is decoded for nobody
        return self._session.finish()

    def close(self) -> None:
        """Let go of the source. Harmless when repeated; `finish` still tells of what was seen."""
        self._closed = True
        self._source.close()

    def features(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The features that the memory holds, (C, N), and their times, (N,) seconds."""
        return self._session.features()

    def _check_open(self) -> None:
        if self._closed or self._session.finished:
            what = "closed" if self._closed else "finished"
            raise StreamError(f"{self.info.name}: the stream has been {what}; open another one to go on")


def open_stream(
    source: str | Path | int | Source,
    *,
    engine: Engine | None = None,
    checkpoint: str | Path | None = None,
    horizon: str | float = 0.5,
    tick: float | None = None,
    device: str | None = None,
    extractor: str | ExtractorChoice | None = None,
    force_extractor: bool = False,
    precision: str = AUTO,
    memory: float = MEMORY_SECONDS,
    futures: int = FUTURES,
    calm: bool = True,
    seed: int = 0,
    realtime: bool = False,
    max_staleness: float = MAX_STALENESS,
    outage: float | None = None,
    rate: float | None = None,
    size: tuple[int, int] | None = None,
    start: float = 0.0,
    duration: float | None = None,
) -> Stream:
    """Open a video file or a camera as a stream of ticks.

    Args:
        source: as for `open_source`, or an open `Source`, which the stream closes.
        engine: weights that have been loaded, for several streams; then `checkpoint`, `device`, `extractor`,
            `force_extractor` and `precision` are not asked for.
        checkpoint: a .safetensors file of this program; None for the bundled one.
        horizon: how far to anticipate, as a ratio of the observed length (0.5) or in seconds ("20s").
        tick: seconds of video from one run of the model to the next; None for as often as features come, up
            to four times a second.
        device: torch device; None takes a GPU where there is one.
        extractor: what to watch with, by name; None for the one that the checkpoint brings.
        force_extractor: take another one than the model was trained with.
        precision: in which it computes features, "float32", "bfloat16", or "auto" for what is fast here.
        memory: seconds that the model looks back on; labels of what is older are final.
        futures: how many are drawn at every tick, from 1 to 64.
        calm: change what was said of the past for a reason only.
        seed: of the noise that the model starts from; another one draws other futures.
        realtime: deliver a file like a camera would.
        max_staleness: seconds after which a frame of a live source is too old to be looked at.
        outage: seconds for which a live source may be away; None for the usual ones, 0 to end at once.
        rate: pictures a second of a folder, None to take their times from names or EXIF, else 25; or of a
            camera.
        size: (width, height) that a camera is asked for.
        start: seconds from which on a file is watched; its times stay those of the file.
        duration: for how many seconds something is watched; None to its end.

    Returns:
        A `Stream`: a context manager, and an iterable of `Tick`.

    Raises:
        StreamError: the source, the checkpoint or a setting cannot be used; the message says why.

    Example:
        >>> with open_stream("kitchen.mp4", horizon="20s") as stream:
        ...     for tick in stream:
        ...         print(f"{tick.seen_until:.1f} s: {tick.current.label}")
    """
    try:
        check_patience(outage, max_staleness)  # before the weights are loaded
        if engine is not None and any((checkpoint, device, extractor, force_extractor, precision != AUTO)):
            raise StreamError(
                "engine: it has its checkpoint, device and extractor; give them to Engine.load instead"
            )
        settings = Settings(Horizon.parse(horizon), tick, memory, futures, calm, seed)
        if engine is None:
            engine = Engine.load(
                checkpoint,
                device=device,
                extractor=extractor,
                force_extractor=force_extractor,
                precision=precision,
            )
        again = None
        if not isinstance(source, Source):
            if is_repeatable(source) and not realtime:
                again = partial(open_source, source, rate=rate, start=start, duration=duration)
            source = open_source(
                source,
                outage=outage,
                max_staleness=max_staleness,
                realtime=realtime,
                rate=rate,
                size=size,
                start=start,
                duration=duration,
            )
        info = source.info
        session = Session(
            engine,
            settings,
            max_staleness=max_staleness if info.live else None,
            name=info.name,
            stats=Stats(drops=source.drops),
        )
        return Stream(source, engine, session, again)
    except BaseException:
        if isinstance(source, Source):
            source.close()
        raise
