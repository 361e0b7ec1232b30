"""One source's state: frames in one by one, and at every tick what was done, is done, and comes next.

    engine = Engine.load()
    session = engine.session(horizon="20s")
    while ...:
        tick = session.push(image, seconds)

Online means online: a tick knows no frame later than its `seen_until`. What everything seen looks like in
hindsight is another result, `Session.finish()`.
"""

from __future__ import annotations

import math
import time as clocks
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from actfusion_stream.engine.buffer import FeatureBuffer
from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.predictor import Prediction
from actfusion_stream.engine.settings import Settings
from actfusion_stream.engine.shedding import Pace
from actfusion_stream.engine.stats import FEATURE, FEATURES_REPEATED, PREDICTION, TICKS_SKIPPED, Stats
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.engine.timeline import Gap, Segment, Tick, segments_from_labels
from actfusion_stream.engine.transcript import Transcript
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.sources.frames import Frame

if TYPE_CHECKING:
    from actfusion_stream.engine.engine import Engine

_LEAST_MEMORY = 16  # features
_GAPS = 100  # that are kept to be shown
_ROUNDING = 0.001  # seconds, to which Matroska rounds: a frame at 0.333 s is in time for a tick at 1/3 s
_MAX_GAP = 3600.0  # seconds without a frame; more is a broken clock, and filling it could take forever
_INTERVALS = 33  # between frames, of which the median tells how long the last frame lasts


class Session:
    """What one source's frames have led to so far. Made by `Engine.session`.

    A session belongs to one thread at a time; several may share an engine, in as many threads.

    Attributes:
        class_names: the classes of the checkpoint, in order.
        lookahead: seconds by which the past trails the newest frame.
        stats: counters and latencies.
        gaps: the newest stretches of which a live source delivered nothing.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        max_staleness: float | None = None,
        name: str = "session",
        stats: Stats | None = None,
    ) -> None:
        """Begin with nothing seen.

        Args:
            engine: what computes.
            settings: how far to anticipate, how often, and with how long a memory.
            max_staleness: seconds by which frames may be late before work is left out; None to do all of it.
            name: how errors call the source.
            stats: to count in; None for new ones.
        """
        self.class_names = engine.class_names
        self.lookahead = engine.lookahead
        self.stats = Stats() if stats is None else stats
        self.gaps: deque[Gap] = deque(maxlen=_GAPS)
        self._name, self._settings = name, settings
        self._spec = spec = engine.extractor.spec
        self._predict = engine.predictor()
        self._pace = None if max_staleness is None else Pace(max_staleness)
        self._grid = TimeGrid(spec.rate)
        self._features = FeatureStream(engine.extractor)
        capacity = max(_LEAST_MEMORY, round(settings.memory / spec.period))
        self._buffer = FeatureBuffer(engine.extractor.feature_dim, capacity, engine.device)
        self._begin(0.0)
        self._next_tick = math.inf
        self._extracting = 0.0  # seconds of work since the last tick
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._segmentation: tuple[Segment, ...] | None = None

    def push(self, image: NDArray[np.uint8], time: float, *, bgr: bool = False) -> Tick | None:
        """Take the next frame.

        Args:
            image: (H, W, 3) uint8 RGB, of any size, which may change. It is copied: the caller may use its
                memory for the next one.
            time: seconds of presentation, of any zero; later than the last frame's.
            bgr: the channels are blue, green, red, as OpenCV has them.

        Returns:
            What the model says now, if a tick was due, else None.

        Raises:
            StreamError: it is no picture, its time is not later than the last one's or an hour later, or the
                session has been finished.

        Example:
            >>> capture = cv2.VideoCapture(0)
            >>> while (taken := capture.read())[0]:
            ...     tick = session.push(taken[1], time.monotonic(), bgr=True)
            ...     if tick is not None:
            ...         print(tick.current.label)
        """
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape[2:] != (3,):
            found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise StreamError(f"{self._name}: image is {found}; give a numpy array (H, W, 3) of uint8")
        if image.size == 0:
            raise StreamError(f"{self._name}: image is {image.shape}; it holds no pixel")
        order = image[..., ::-1] if bgr else image
        picture = np.array(order, order="C")
        return self.take(Frame(float(time), picture, self.stats.frames, clocks.perf_counter()))

    def take(self, frame: Frame) -> Tick | None:
        """As `push`, of a frame whose picture nobody will change."""
        began = clocks.perf_counter()
        self._look(frame)
        due = frame.time >= self._next_tick - _ROUNDING
        if due:
            self._store(self._features.flush())
            self.stats.add_latency(FEATURE, 1000 * (clocks.perf_counter() - frame.arrived))
            due = not self._is_late(frame)
        self._extracting += clocks.perf_counter() - began
        tick = None
        if due and len(self._buffer):
            tick = self._say(frame)
            self._extracting = 0.0
        while frame.time >= self._next_tick - _ROUNDING:  # after a gap, ticks are left out
            self._next_tick += self._settings.tick
        return tick

    def finish(self) -> tuple[Segment, ...]:
        """Segment everything that was seen, in hindsight; no frame can be taken afterwards.

        Returns:
            Segments from the first frame to the end of the last one, in order and without holes; none if
            there was no frame. The same again when asked again.
        """
        if self._segmentation is None:
            self._store(self._features.finish())
            if len(self._buffer):
                self._update(self._predict(self._buffer.observed(), self._buffer.first, 0))
            # The last feature speaks for what little follows it, too.
            self._segmentation = self._transcript.segments(self._end, end=self._end)
        return self._segmentation

    @property
    def finished(self) -> bool:
        """Whether `finish` has been called."""
        return self._segmentation is not None

    def features(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The features that the memory holds, (C, N), and their times, (N,) seconds."""
        observed = self._buffer.observed().cpu().numpy().copy()
        return observed, self._clock.times(self._buffer.first, self._buffer.end)

    def _begin(self, start: float) -> None:
        self._clock = FeatureClock.of(self._spec, start)
        self._transcript = Transcript(self.class_names, self._clock)

    def _look(self, frame: Frame) -> None:
        """Check a frame, and compute what it completes."""
        stats, last = self.stats, self.stats.seen_until
        if self.finished:
            raise StreamError(f"{self._name}: it has been finished; begin another session for more frames")
        if not math.isfinite(frame.time):
            raise StreamError(f"{self._name}: time {frame.time}; give seconds")
        if not stats.frames:
            self._begin(frame.time)
            self._next_tick = frame.time + self._settings.tick
        elif frame.time <= last:
            raise StreamError(
                f"{self._name}: time {frame.time:g} s follows {last:g} s; times must rise from frame to frame"
            )
        elif frame.time - last > _MAX_GAP:
            raise StreamError(
                f"{self._name}: its time jumps from {last:.1f} s to {frame.time:.1f} s; "
                f"a gap may last {_MAX_GAP:g} s: cut the video there"
            )
        else:
            self._intervals.append(frame.time - last)
        if frame.gap:
            self.gaps.append(Gap(last, frame.time, frame.gap))
            stats.gaps += 1
        stats.frames += 1
        stats.seen_until = frame.time
        for image in self._grid.push(frame.time, frame.image):
            self._store(self._features.push(image))

    @property
    def _end(self) -> float:
        """Seconds at which the newest frame ends: it lasts as long as most frames before it."""
        lasts = float(np.median(self._intervals)) if self._intervals else 1 / self._spec.rate
        return self.stats.seen_until + lasts

    def _is_late(self, frame: Frame) -> bool:
        """Whether this live source is too far behind for the tick that is due."""
        if self._pace is None:
            return False
        late = self._pace.skips_tick(clocks.perf_counter() - frame.arrived)
        self._features.thin = self._pace.thin
        self.stats.drops[FEATURES_REPEATED] = self._features.repeated
        self.stats.drops[TICKS_SKIPPED] += late
        return late

    def _store(self, features: Tensor) -> None:
        """Keep features (N, C), as many at a time as the buffer holds."""
        for first in range(0, len(features), self._buffer.capacity):
            part = features[first : first + self._buffer.capacity]
            if self._buffer.end + len(part) > len(self._transcript) + self._buffer.capacity:
                # In a gap longer than the memory no tick comes: without this the buffer would forget
                # features of which nothing was ever said.
                self._update(self._predict(self._buffer.observed(), self._buffer.first, 0))
            self._buffer.append(part)
            self.stats.features += len(part)

    def _say(self, frame: Frame) -> Tick:
        began = clocks.perf_counter()
        observed = self._buffer.observed()
        seen = observed.shape[1]
        future = self._settings.horizon.steps(seen, self._spec.period)
        prediction = self._predict(observed, self._buffer.first, future)
        self._update(prediction)
        past = self._transcript.segments(frame.time)
        observed_until = past[-1].end
        ahead = observed_until + self._spec.period * np.arange(future + 1)
        to_come = segments_from_labels(
            prediction.labels[seen:], prediction.confidences[seen:], ahead, self.class_names
        )
        now = clocks.perf_counter()
        latency = {
            "extract": 1000 * self._extracting,
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
