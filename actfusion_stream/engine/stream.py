"""The stream: frames in, ticks out.

    from actfusion_stream import open_stream

    with open_stream("kitchen.mp4") as stream:
        for tick in stream:
            print(tick.current.label, [segment.label for segment in tick.upcoming])

Online means online: a tick knows no frame later than its `seen_until`. What the whole video looks like in
hindsight is another result, `Stream.finish()`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from actfusion_stream.engine.buffer import FeatureBuffer
from actfusion_stream.engine.predictor import Prediction, Predictor
from actfusion_stream.engine.shedding import Pace
from actfusion_stream.engine.stats import FEATURE, PREDICTION, Stats
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.engine.timeline import Gap, Segment, Tick, segments_from_labels
from actfusion_stream.engine.transcript import Transcript
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.sources.frames import Frame, SourceInfo
from actfusion_stream.sources.source import MAX_STALENESS, Source, open_source
from actfusion_stream.weights.checkpoint import build, load_checkpoint
from actfusion_stream.weights.extractor_choice import ExtractorChoice, open_extractor

MEMORY_SECONDS = 600.0  # what the model looks back on; older labels are kept as they were last given
_LEAST_MEMORY = 16  # features
_MAX_RATIO, _MAX_SECONDS = 10.0, 3600.0
_MIN_TICK, _MAX_TICK = 0.04, 60.0
_MAX_STALENESS = 3600.0
_MAX_OUTAGE = 86_400.0
_GAPS = 100  # that are kept to be shown
_MIN_MEMORY, _MAX_MEMORY = 1.0, 86_400.0
_ROUNDING = 0.001  # seconds, to which Matroska rounds: a frame at 0.333 s is in time for a tick at 1/3 s
_MAX_GAP = 3600.0  # seconds without a frame; more is a broken clock, and filling it could take forever


@dataclass(frozen=True)
class Horizon:
    """How far to anticipate: a ratio of the observed length, or seconds. Exactly one is set."""

    ratio: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str | float) -> Horizon:
        """Read "0.5" (half of what was observed) or "20s" (20 seconds).

        Raises:
            StreamError: it is neither, not positive, or absurdly long.
        """
        stripped = str(text).strip()
        absolute = stripped.endswith("s")
        try:
            value = float(stripped.removesuffix("s"))
        except ValueError:
            value = float("nan")
        limit = _MAX_SECONDS if absolute else _MAX_RATIO
        if not 0 < value <= limit:
            raise StreamError(
                f"horizon {text}: give a ratio of the observed length from above 0 to {_MAX_RATIO:g}, "
                f"e.g. 0.5, or seconds up to {_MAX_SECONDS:g}, e.g. 20s"
            )
        return cls(seconds=value) if absolute else cls(ratio=value)

    def steps(self, observed: int, period: float) -> int:
        """Feature steps to anticipate after `observed` steps of `period` seconds, at least one."""
        steps = self.seconds / period if self.seconds is not None else (self.ratio or 0) * observed
        return max(1, round(steps))


@dataclass(frozen=True)
class Step:
    """One frame, and the tick that it triggered, if it did."""

    frame: Frame
    tick: Tick | None


class Stream:
    """A source, an extractor and a model, joined. Made by `open_stream`; use it as a context manager.

    Attributes:
        info: what is known of the source.
        class_names: the classes of the checkpoint, in order.
        note: a warning to show beside what the model says, "" if none is needed.
        stats: counters and latencies.
        extractor_warning: what is odd about the extractor that was forced upon the model, None if nothing is.
        gaps: the newest stretches of which a live source delivered nothing.
        lookahead: seconds by which the past trails the newest frame.
    """

    def __init__(
        self,
        source: Callable[[], Source],
        checkpoint: str | Path | None,
        horizon: Horizon,
        tick: float,
        device: str | torch.device,
        extractor: ExtractorChoice | None = None,
        force_extractor: bool = False,
        memory: float = MEMORY_SECONDS,
        max_staleness: float = MAX_STALENESS,
    ) -> None:
        if not _MIN_MEMORY <= memory <= _MAX_MEMORY:
            raise StreamError(
                f"memory {memory:g}: give seconds from {_MIN_MEMORY:g} to {_MAX_MEMORY:g}, e.g. 600"
            )
        if not _MIN_TICK <= tick <= _MAX_TICK:
            raise StreamError(
                f"tick {tick:g}: give seconds of video from {_MIN_TICK:g} to {_MAX_TICK:g}, e.g. 1"
            )
        loaded = load_checkpoint(checkpoint)
        given, self.extractor_warning = None, None
        if extractor is not None:
            given, self.extractor_warning = open_extractor(
                extractor,
                loaded.extractor_spec,
                f"checkpoint {checkpoint or 'bundled'}",
                device,
                force_extractor,
            )
        self._source = source()
        try:
            self._extractor, model = build(loaded, checkpoint, device, given)
        except BaseException:
            self._source.close()
            raise
        spec = self._extractor.spec
        self.info: SourceInfo = self._source.info
        self.class_names = loaded.class_names
        self.note = "" if loaded.home and self.info.comment == loaded.home else loaded.note
        self.stats = Stats()
        self.lookahead = spec.lookahead
        self._horizon, self._tick = horizon, tick
        self._predict = Predictor(model, loaded.median)
        self._grid = TimeGrid(spec.rate)
        self._features = FeatureStream(self._extractor)
        self._buffer = FeatureBuffer(
            self._extractor.feature_dim, max(_LEAST_MEMORY, round(memory / spec.period))
        )
        self._transcript = Transcript(self.class_names, self._edge)
        self._pace = Pace(max_staleness)
        self.gaps: deque[Gap] = deque(maxlen=_GAPS)
        self._end = 0.0  # where the newest frame ends
        self._segmentation: tuple[Segment, ...] | None = None

    @property
    def warning(self) -> str | None:
        """What was wrong with the source, once it has been read; None if nothing was."""
        return self._source.warning

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def __iter__(self) -> Iterator[Tick]:
        """The ticks, as the source is read."""
        return (step.tick for step in self.steps() if step.tick is not None)

    def steps(self) -> Iterator[Step]:
        """Every frame, with the tick that it triggered: what an annotated video is drawn from."""
        self.stats.started = time.perf_counter()  # loading the model is not the stream's speed
        next_tick = None
        extracting = 0.0
        with self._source as source:
            for frame in source:
                began = time.perf_counter()
                self._take(frame)
                next_tick = frame.time + self._tick if next_tick is None else next_tick
                due = frame.time >= next_tick - _ROUNDING
                if due:
                    self._store(self._features.flush())
                    self.stats.add_latency(FEATURE, 1000 * (time.perf_counter() - frame.arrived))
                    due = not self._is_late(frame)
                extracting += time.perf_counter() - began
                tick = None
                if due and len(self._buffer):
                    tick = self._say(frame, extracting)
                    extracting = 0.0
                while frame.time >= next_tick - _ROUNDING:  # after a gap, ticks are left out
                    next_tick += self._tick
                yield Step(frame, tick)

    def stop(self) -> None:
        """End the iteration soon, even while no frame comes; may be called from a signal handler."""
        self._source.stop()

    def finish(self) -> tuple[Segment, ...]:
        """Segment everything that was seen, in hindsight; call it when the iteration is over.

        Returns:
            Segments from the first frame to the end of the last one; none if there was no frame.
        """
        if self._segmentation is None:
            self._store(self._features.finish())
            if len(self._buffer):
                self._update(self._predict(self._buffer.observed(), self._buffer.first, 0))
            # The last feature speaks for what little follows it, too.
            self._segmentation = self._transcript.segments(self._end, end=self._end)
        return self._segmentation

    def features(self) -> tuple[np.ndarray, np.ndarray]:
        """The features that the buffer holds, (C, N) float32, and their times, (N,) seconds."""
        index = np.arange(self._buffer.first, self._buffer.end)
        return self._buffer.observed().copy(), self._time_of(index)

    def _take(self, frame: Frame) -> None:
        if self.stats.frames and frame.time - self.stats.seen_until > _MAX_GAP:
            raise StreamError(
                f"{self.info.name}: its time jumps from {self.stats.seen_until:.1f} s to {frame.time:.1f} s; "
                f"a gap may last {_MAX_GAP:g} s: cut the video there"
            )
        self.stats.frames += 1
        self.stats.drops |= self._source.drops
        if frame.gap:
            self.gaps.append(Gap(self.stats.seen_until, frame.time, frame.gap))
            self.stats.gaps += 1
        self.stats.seen_until = frame.time
        self._end = frame.time + 1 / (self.info.rate or self._extractor.spec.rate)
        for image in self._grid.push(frame.time, frame.image):
            self._store(self._features.push(image))

    def _is_late(self, frame: Frame) -> bool:
        """Whether this live stream is too far behind for the tick that is due."""
        if not self.info.live:
            return False
        late = self._pace.skips_tick(time.perf_counter() - frame.arrived)
        self._features.thin = self._pace.thin
        self.stats.drops["features repeated"] = self._features.repeated
        self.stats.drops["ticks skipped"] += late
        return late

    def _store(self, features: np.ndarray) -> None:
        """Keep features (N, C), as many at a time as the buffer holds."""
        for first in range(0, len(features), self._buffer.capacity):
            part = features[first : first + self._buffer.capacity]
            if self._buffer.end + len(part) > len(self._transcript) + self._buffer.capacity:
                # In a gap longer than the memory no tick comes: without this the buffer would forget
                # features of which nothing was ever said.
                self._update(self._predict(self._buffer.observed(), self._buffer.first, 0))
            self._buffer.append(part)
            self.stats.features += len(part)

    def _say(self, frame: Frame, extracting: float) -> Tick:
        began = time.perf_counter()
        observed = self._buffer.observed()
        future = self._horizon.steps(observed.shape[1], self._extractor.spec.period)
        prediction = self._predict(observed, self._buffer.first, future)
        self._update(prediction)
        seen = observed.shape[1]
        past = self._transcript.segments(frame.time)
        observed_until = past[-1].end
        ahead = observed_until + self._extractor.spec.period * np.arange(future + 1)
        to_come = segments_from_labels(
            prediction.labels[seen:], prediction.confidences[seen:], ahead, self.class_names
        )
        now = time.perf_counter()
        latency = {
            "extract": 1000 * extracting,
            "model": 1000 * (now - began),
            "total": 1000 * (now - frame.arrived),
        }
        self.stats.ticks += 1
        self.stats.add_latency(PREDICTION, latency["total"])
        return Tick(
            frame.time, observed_until, past, to_come, latency, self._transcript.settled, tuple(self.gaps)
        )

    def _update(self, prediction: Prediction) -> None:
        """Replace what was said of the features that the buffer still holds."""
        count = len(self._buffer)
        labels, confidences = prediction.labels[:count], prediction.confidences[:count]
        self._transcript.update(self._buffer.first, labels, confidences)

    def _edge(self, feature: int) -> float:
        """Seconds from which a feature speaks: halfway from the one before, within the video."""
        return self._grid.time_of(max(0.0, (feature - 0.5) * self._extractor.spec.stride))

    def _time_of(self, feature: np.ndarray) -> np.ndarray:
        """Seconds of features, by index."""
        return self._grid.time_of(0) + self._extractor.spec.period * feature


def open_stream(
    source: str | Path | int | Source,
    *,
    checkpoint: str | Path | None = None,
    horizon: str | float = 0.5,
    tick: float = 1.0,
    device: str | None = None,
    extractor: str | ExtractorChoice | None = None,
    force_extractor: bool = False,
    memory: float = MEMORY_SECONDS,
    realtime: bool = False,
    max_staleness: float = MAX_STALENESS,
    outage: float | None = None,
) -> Stream:
    """Open a video file or a camera as a stream of ticks.

    Args:
        source: as for `open_source`, or an open `Source`, which the stream closes.
        checkpoint: a .safetensors file of this program; None for the bundled one, which knows only the drawn
            kitchen.
        horizon: how far to anticipate, as a ratio of the observed length (0.5) or in seconds ("20s").
        tick: seconds of video from one run of the model to the next.
        device: torch device; None takes a GPU where there is one.
        extractor: what to watch with, by name, e.g. "i3d"; None for the one that the checkpoint brings.
        force_extractor: run another one than the model was trained with.
        memory: seconds that the model looks back on; labels of what is older are final.
        realtime, max_staleness, outage: see `open_source`.

    Returns:
        A `Stream`: a context manager, and an iterable of `Tick`.

    Raises:
        StreamError: the source, the checkpoint or a setting cannot be used; the message says why.

    Example:
        >>> with open_stream("kitchen.mp4", horizon="20s") as stream:
        ...     for tick in stream:
        ...         print(f"{tick.seen_until:.1f} s: {tick.current.label}")
    """
    choice = ExtractorChoice(extractor) if isinstance(extractor, str) else extractor
    if not 0 < max_staleness <= _MAX_STALENESS:
        raise StreamError(f"max-staleness {max_staleness:g}: give seconds above 0, up to {_MAX_STALENESS:g}")
    if outage is not None and not 0 <= outage <= _MAX_OUTAGE:
        raise StreamError(f"reconnect {outage:g}: give seconds from 0, to end at once, to {_MAX_OUTAGE:g}")

    def open_it() -> Source:
        if isinstance(source, Source):
            return source
        return open_source(source, outage=outage, max_staleness=max_staleness, realtime=realtime)

    parsed, place = Horizon.parse(horizon), _choose_device(device)
    return Stream(open_it, checkpoint, parsed, tick, place, choice, force_extractor, memory, max_staleness)


def _choose_device(name: str | None) -> torch.device:
    """The device of that name, tried out; None takes a GPU where there is one."""
    usable = ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]
    if name is None:
        return torch.device(usable[0])
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch without CUDA asserts
        raise StreamError(f"device {name}: cannot be used here; give one of: {', '.join(usable)}") from error
    return device
