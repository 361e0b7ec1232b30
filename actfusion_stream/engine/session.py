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
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from actfusion_stream.engine.buffer import FeatureBuffer
from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.familiarity import strangeness_of
from actfusion_stream.engine.futures import candidates, futures
from actfusion_stream.engine.predictor import NotFinite, Prediction, Predictor
from actfusion_stream.engine.settings import Settings
from actfusion_stream.engine.shedding import Pace
from actfusion_stream.engine.stats import FEATURE, FEATURES_REPEATED, PREDICTION, TAKEN, TICKS_SKIPPED, Stats
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.engine.transcript import Transcript
from actfusion_stream.errors import StreamError, brief, number_within
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import Features, FeatureStream
from actfusion_stream.sources.frames import Frame
from actfusion_stream.sources.picture import rgb
from actfusion_stream.weights.familiarity import Familiarity

_LEAST_MEMORY = 16  # features
_GAPS = 100  # that are kept to be shown
_ROUNDING = 0.001  # seconds, to which Matroska rounds: a frame at 0.333 s is in time for a tick at 1/3 s
_LATEST = 1e10  # seconds; of a later time a float does not hold microseconds any more
_MAX_HOLD = 3600.0  # seconds for which one picture is shown; more is a broken clock
_MAX_GAP = 604_800.0  # seconds of which nothing is seen; a source may be away for a day
_INTERVALS = 33  # between frames, of which the median tells how long the last frame lasts


class Computes(Protocol):
    """What a session needs of its engine, which makes sessions: neither has to know all of the other."""

    class_names: tuple[str, ...]
    extractor: Extractor
    familiarity: Familiarity | None
    doubt: float
    device: torch.device

    @property
    def lookahead(self) -> float: ...

    def check_process(self) -> None: ...

    def predictor(self, futures: int, calm: bool, seed: int) -> Predictor: ...


class Session:
    """What one source's frames have led to so far. Made by `Engine.session`.

    A session belongs to one thread at a time; several may share an engine, in as many threads.

    Attributes:
        class_names: the classes of the checkpoint, in order.
        lookahead: seconds by which the past trails the newest frame.
        stats: counters and latencies.
        gaps: the newest stretches of which nothing was seen.
    """

    def __init__(
        self,
        engine: Computes,
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
        engine.check_process()
        self._engine, self._name, self._settings = engine, name, settings
        self._spec = spec = engine.extractor.spec
        self._predict = engine.predictor(settings.futures, settings.calm, settings.seed)
        self._pace = None if max_staleness is None else Pace(max_staleness)
        self._grid = TimeGrid(spec.rate, lambda picture: rgb(picture, spec.picture_side))
        self._features = FeatureStream(engine.extractor)
        capacity = max(_LEAST_MEMORY, round(settings.memory / spec.period))
        self._buffer = FeatureBuffer(engine.extractor.feature_dim, capacity, engine.device)
        self._begin(0.0)
        self._next_tick = self._tick = math.inf
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._held = -math.inf  # up to when the last picture was shown, where `stop` ended that
        self._stopped = self._overflowed = False
        self._segmentation: tuple[Segment, ...] | None = None

    def push(self, image: NDArray[np.uint8], time: float, *, bgr: bool = False, gap: str = "") -> Tick | None:
        """Take the next frame.

        Args:
            image: (H, W, 3) uint8 RGB, of any size, which may change. It is copied: the caller may use its
                memory for the next one.
            time: seconds of presentation, of any zero; later than the last frame's.
            bgr: the channels are blue, green, red, as OpenCV has them.
            gap: why nothing was seen since the last frame, e.g. "the cable". The time between them is then
                left out: the model is told so, nothing is computed for it, and no segment covers it. Without
                it the last picture is what there was to be seen all the time, as in a file.

        Returns:
            What the model says now, if a tick was due, else None.

        Raises:
            StreamError: it is no picture, its time is not later than the last one's or an hour later (a week,
                after a gap), the session has been finished, or the weights overflow.

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
        if not isinstance(gap, str):
            raise StreamError(f"{self._name}: gap {brief(gap)}: give its cause in words, or nothing")
        seconds = self._seconds(time)
        order = image[..., ::-1] if bgr else image
        picture = np.array(order, order="C")
        return self.take(Frame(seconds, picture, self.stats.frames, clocks.perf_counter(), gap))

    def take(self, frame: Frame, fullness: float = 0.0) -> Tick | None:
        """As `push`, of a frame whose picture nobody will change.

        Args:
            frame: the next one.
            fullness: share of the room for frames that wait behind it which is taken.
        """
        began = clocks.perf_counter()
        if self._pace is not None:
            self._pace.look(began, began - frame.arrived, fullness)
            self._features.thin = self._pace.thin
        if not self._look(frame):
            return None
        tick = None
        if frame.time >= self._next_tick - _ROUNDING:
            self._store(self._features.flush())
            latency = {
                TAKEN: 1000 * (began - frame.arrived),
                FEATURE: 1000 * (clocks.perf_counter() - frame.arrived),
            }
            if not self._skips_tick() and self._sees:
                tick = self._say(frame, latency)
            for stage, milliseconds in latency.items():
                self.stats.add_latency(stage, milliseconds)
        while frame.time >= self._next_tick - _ROUNDING:  # after a gap, ticks are left out
            self._next_tick += self._tick
        return tick

    def stop(self) -> None:
        """Take no further frame, and leave a long time without frames that is being filled.

        May be called from another thread, or from a signal handler. `finish` still tells of what was seen.
        """
        self._stopped = True

    def finish(self) -> tuple[Segment, ...]:
        """Segment everything that was seen, in hindsight; no frame can be taken afterwards.

        Returns:
            Segments from the first frame to the end of the last one, in order, without holes but for gaps;
            none if there was no frame. The same again when asked again.

        Raises:
            StreamError: the weights overflow. Asked again, it returns what had been said until then.
        """
        if self._segmentation is None:
            if not self._overflowed:
                self._engine.check_process()
                self._store(self._features.finish())
                if len(self._buffer):
                    self._update(self._ask(0))
            # The last feature speaks for what little follows it, too.
            self._segmentation = self._transcript.segments(self._end, end=self._end)
        return self._segmentation

    @property
    def finished(self) -> bool:
        """Whether `finish` has been called."""
        return self._segmentation is not None

    def features(self) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The features that the memory holds, (C, N), and their times, (N,) seconds; none of a gap."""
        seen = self._buffer.seen
        observed = self._buffer.observed().cpu().numpy()[:, seen]
        return observed, self._clock.times(self._buffer.first, self._buffer.end)[seen]

    def _begin(self, start: float) -> None:
        self._clock = FeatureClock.of(self._spec, start)
        self._transcript = Transcript(self.class_names, self._clock)

    def _seconds(self, time: object) -> float:
        advice = f"give seconds, up to {_LATEST:g}"
        return number_within(f"{self._name}: time", time, -_LATEST, _LATEST, advice)

    def _look(self, frame: Frame) -> bool:
        """Check a frame, and compute what it completes; False if `stop` was called before that."""
        stats, last = self.stats, self.stats.seen_until
        if self.finished:
            raise StreamError(f"{self._name}: it has been finished; begin another session for more frames")
        self._engine.check_process()
        self._seconds(frame.time)
        if not stats.frames:
            self._begin(frame.time)
            stats.begun = frame.time
            first, self._tick = self._settings.schedule(self._clock)
            self._next_tick = frame.time + first
        elif frame.time <= last:
            raise StreamError(
                f"{self._name}: time {frame.time:g} s follows {last:g} s; times must rise from frame to frame"
            )
        elif frame.time - last > (longest := _MAX_GAP if frame.gap else _MAX_HOLD):
            raise StreamError(
                f"{self._name}: its time jumps from {last:.1f} s to {frame.time:.1f} s; "
                f"a gap may last {longest:g} s: cut the video there"
            )
        elif frame.gap:
            self._leave_out(frame)
        else:
            self._hold(frame.time)
        if self._stopped:
            return False
        if stats.frames and not frame.gap:
            self._intervals.append(frame.time - last)
        stats.frames += 1
        stats.seen_until = frame.time
        for image in self._grid.push(frame.time, frame.picture):
            self._store(self._features.push(image))
        return True

    def _hold(self, until: float) -> None:
        """Show the last picture up to a frame at `until` seconds, or until `stop` is called."""
        for image in self._grid.hold(until):
            self._store(self._features.push(image))
            if self._stopped:
                self._held = self._grid.reached
                return

    def _leave_out(self, frame: Frame) -> None:
        """Nothing was seen between the end of the last frame and this one."""
        self._hold(min(self._end, frame.time))
        if self._stopped:
            return
        gap = Gap(self.stats.seen_until, frame.time, frame.gap)
        self.gaps.append(gap)
        self.stats.gaps += 1
        self._transcript.leave_out(gap)
        for features in self._features.skip(self._grid.skip(frame.time)):
            self._store(features)
            if self._stopped:
                return

    @property
    def _end(self) -> float:
        """Seconds at which the newest frame ends: it lasts as long as most frames before it."""
        lasts = float(np.median(self._intervals)) if self._intervals else 1 / self._spec.rate
        return max(self.stats.seen_until + lasts, self._held)

    @property
    def _sees(self) -> bool:
        """Whether there is a feature, and the newest is of a time that was seen."""
        if not len(self._buffer) or not self._buffer.seen[-1]:
            return False
        (newest,) = self._clock.times(self._buffer.end - 1, self._buffer.end)
        return not self.gaps or not self.gaps[-1].start < newest < self.gaps[-1].end

    def _skips_tick(self) -> bool:
        """Whether this live source is too far behind for the tick that is due."""
        if self._pace is None:
            return False
        self.stats.drops[FEATURES_REPEATED] = self._features.repeated
        skips = self._pace.skips_tick()
        self.stats.drops[TICKS_SKIPPED] += skips
        return skips

    def _store(self, features: Features) -> None:
        """Keep features, as many at a time as the buffer holds."""
        capacity = self._buffer.capacity
        for first in range(0, len(features), capacity):
            values, seen = features.values[first : first + capacity], features.seen[first : first + capacity]
            if self._buffer.end + len(values) > len(self._transcript) + capacity:
                self._say_before_it_is_forgotten()
            self._buffer.append(values, seen)
            self.stats.features += int(seen.sum())

    def _say_before_it_is_forgotten(self) -> None:
        """Where no tick comes for longer than the memory, there are features of which nothing was said."""
        if self._buffer.seen.any():
            self._update(self._ask(0))
        else:  # in a long gap, where no segment will be
            count = len(self._buffer)
            self._transcript.update(
                self._buffer.first, np.zeros(count, np.int64), np.zeros(count, np.float32)
            )

    def _ask(self, future: int) -> Prediction:
        """What the model says of the features that the buffer holds, and of so many after them."""
        buffer = self._buffer
        try:
            return self._predict(buffer.observed(), buffer.first, future, buffer.seen)
        except NotFinite as error:
            self._overflowed = True
            (at,) = self._clock.times(error.index, error.index + 1)
            what, of = ("features", "extractor") if error.in_features else ("probabilities", "model")
            raise StreamError(
                f"{self._name}: the {what} at {at:.1f} s are not finite; "
                f"the weights of the {of} overflow: give another checkpoint"
            ) from error

    def _say(self, frame: Frame, latency: dict[str, float]) -> Tick:
        """Ask the model; how long that took is added to `latency`."""
        seen = len(self._buffer)
        future = self._settings.horizon.steps(seen, self._spec.period)
        prediction = self._ask(future)
        self._update(prediction)
        past = self._transcript.segments(frame.time)
        observed_until = min(self._clock.edge(self._buffer.end), frame.time)
        ahead = observed_until + self._spec.period * np.arange(future + 1)
        drawn, likeliest = prediction.samples, prediction.likeliest
        to_come = futures(drawn, likeliest, prediction.future, ahead, self.class_names)
        doubt = self._engine.doubt
        following = candidates(drawn, int(prediction.labels[seen - 1]), ahead, self.class_names, doubt)
        strangeness = strangeness_of(self._buffer, self._engine.familiarity, self._spec.period)
        latency[PREDICTION] = 1000 * (clocks.perf_counter() - frame.arrived)
        self.stats.ticks += 1
        tick = Tick(
            frame.time,
            observed_until,
            past,
            to_come.samples[likeliest],
            latency,
            self._transcript.settled,
            tuple(self.gaps),
            following,
            to_come,
            strangeness,
            doubt,
        )
        self.stats.unfamiliar += tick.unfamiliar
        return tick

    def _update(self, prediction: Prediction) -> None:
        """Replace what was said of the features that the buffer still holds.

        At the edges of a gap, what was not seen is said to be what its nearest neighbour is.
        """
        labels, confidences = prediction.labels, prediction.confidences
        nearest = nearest_true(self._buffer.seen)
        self._transcript.update(self._buffer.first, labels[nearest], confidences[nearest])


def nearest_true(values: NDArray[np.bool_]) -> NDArray[np.intp]:
    """For each place of (N,) the nearest one that is true, the earlier of two; itself if there is none."""
    places = np.flatnonzero(values)
    every = np.arange(len(values), dtype=np.intp)
    if len(places) in (0, len(values)):
        return every
    after = np.searchsorted(places, every).clip(max=len(places) - 1)
    before = (after - 1).clip(min=0)
    earlier = np.abs(every - places[before]) <= np.abs(places[after] - every)
    nearest: NDArray[np.intp] = np.where(earlier, places[before], places[after])
    return nearest
