"""Grid frames in, features out: the one way from pictures to features, live and in bulk.

Batches, chunks and ticks change how soon a feature comes, never its value beyond rounding. While windows show
one and the same picture, one of them is computed; a window of which most was not seen never is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .continual import ContinualI3D
from .extractor import Extractor, Sight
from .spec import CONTINUAL_REACH, FLOW
from .windows import Item, Windows, stack

# Frames of one run of a continual network. With 32 a frame costs a tenth less, but at a tick of a live stream
# there would be four times as many that are not computed yet.
_CHUNK = 8
_PENDING_BYTES = 2**27  # of whole pictures that wait for their flow; two at least
_EMPTY = 1024  # features of which nothing was seen that are handed over at once
# Frames to either side within which most of a continual feature comes from: its three time steps lie there.
_CONTINUAL_HALF = 10


@dataclass(frozen=True, eq=False)
class Features:
    """Features in the order of their times.

    Attributes:
        values: (N, C) float32 on the extractor's device; zeros where nothing was seen.
        seen: (N,) bool, False where more than half of what the feature reads was not seen.
    """

    values: Tensor
    seen: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


class FeatureStream:
    """Features of one video, whose pictures come one by one on the extractor's time grid.

    Args:
        extractor: which may serve several such streams.

    Attributes:
        thin: of so many features one is computed and the others repeat it: for a live stream that cannot keep
            up. A continual network takes no notice, as each of its steps needs the one before.

    `push` computes only when a batch is full; `flush` computes what is due now, as a live tick needs it.

    On a CPU a full batch is computed on a thread of its own, while the next pictures are decoded, resized and
    held against each other for their flow: half of the work of a two-stream I3D, which two cores then share.
    A GPU does so by itself.
    """

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self._spec = extractor.spec
        self._image: np.ndarray | None = None  # the last one
        self._still: Item | None = None  # what it shows where it does not move
        self._sight: Sight | None = None  # of it
        self._pending: list[tuple[Sight, Item]] = []  # their flow to the next is to come
        self.thin = 1
        self._worker: ThreadPoolExecutor | None = None
        self._computing: Future[Features] | None = None  # the last full batch
        self._run: _ExactRun | _ContinualRun = (
            _ContinualRun(extractor) if self._spec.windows == "continual" else _ExactRun(extractor)
        )

    @property
    def repeated(self) -> int:
        """Features that were repeated because of `thin`."""
        return self._run.repeated

    def push(self, image: np.ndarray) -> Features:
        """Take the next grid frame.

        Args:
            image: (H, W, 3) uint8 RGB at its own size; the same array again where the grid repeats a frame.

        Returns:
            Features that are ready, none unless this frame filled a batch: on a CPU, those of the last one.
        """
        if self._still is None or self._sight is None or image is not self._image:
            self._image, self._sight = image, self._extractor.look(image)
            motion = np.zeros((*self._spec.crop, 2), np.float32) if FLOW in self._spec.streams else None
            self._still = Item(self._sight.rgb, motion, inside=True)
        if self._sight.flow is not None:
            self._pending.append((self._sight, self._still))
            most = min(self._extractor.batch, max(1, _PENDING_BYTES // max(1, self._sight.flow.nbytes)))
            if len(self._pending) > most:
                self._run.take(self._pair_up())
        else:
            self._run.take([self._still])
        return self._compute_full() if self._run.full else nothing(self._extractor)

    def skip(self, count: int) -> Iterator[Features]:
        """Take `count` grid frames of which nothing was seen; some must have been before them.

        Yields:
            Features that are ready, not too many at a time. All must be taken before further pictures are.
        """
        self._end_motion()
        self._image = None  # the next picture is another one, whoever owns its memory
        yield self._computed()
        yield from self._run.skip(count, self.thin)

    def flush(self) -> Features:
        """Every feature that the frames so far allow, and that was not given yet."""
        self._run.take(self._pair_up())
        return joined([self._computed(), self._run.compute(self.thin)])

    def finish(self) -> Features:
        """The features that were still waiting for frames when the video ended."""
        self._end_motion()
        features = joined([self._computed(), self._run.finish(self.thin)])
        if self._worker is not None:
            self._worker.shutdown(wait=False)
            self._worker = None
        return features

    def _compute_full(self) -> Features:
        """Have a full batch computed; give what is ready."""
        if self._extractor.device.type != "cpu":
            return self._run.compute(self.thin)
        ready = self._computed()
        if self._worker is None:
            # A thread asks torch for its number of threads, or takes as many as there are cores.
            self._worker = ThreadPoolExecutor(1, "features", torch.get_num_threads)
        self._computing = self._worker.submit(self._run.work(self.thin))
        return ready

    def _computed(self) -> Features:
        """The features of the last full batch, if they were not given yet."""
        if self._computing is None:
            return nothing(self._extractor)
        computing, self._computing = self._computing, None
        return computing.result()

    def _pair_up(self) -> list[Item]:
        """Items of the pictures that wait for their flow; the last one waits on for its successor."""
        if not self._pending:
            return []
        flows = self._extractor.flows([sight for sight, _ in self._pending])
        pairs = zip(itertools.pairwise(self._pending), flows, strict=True)
        items = [
            still if after is sight else Item(still.rgb, flow, inside=True)
            for ((sight, still), (after, _)), flow in pairs
        ]
        self._pending = self._pending[-1:]
        return items

    def _end_motion(self) -> None:
        """Nothing moves after the last picture."""
        self._run.take(self._pair_up())
        self._run.take([still for _, still in self._pending])
        self._pending.clear()


class _ExactRun:
    """Features of windows."""

    def __init__(self, extractor: Extractor) -> None:
        self.repeated = 0
        self._extractor = extractor
        self._windows = Windows(extractor.spec)
        self._waiting: list[list[Item]] = []  # windows without features
        self._count = 0  # features so far
        self._newest: Tensor | None = None  # (C,), the last one that was computed; None after a hole
        self._held: Item | None = None  # what all of its window shows, if that is one and the same

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._extractor.batch

    def take(self, items: Iterable[Item]) -> None:
        self._waiting += [w for item in items if (w := self._windows.push(item)) is not None]

    def skip(self, count: int, thin: int) -> Iterator[Features]:
        windows = self._windows.skip(count)
        while some := list(itertools.islice(windows, _EMPTY)):
            self._waiting += some
            yield self.compute(thin)

    def finish(self, thin: int) -> Features:
        self._waiting += self._windows.finish()
        return self.compute(thin)

    def compute(self, thin: int) -> Features:
        return self.work(thin)()

    def work(self, thin: int) -> Callable[[], Features]:
        """What computes the waiting windows, at once or on a thread that nobody else's work overtakes."""
        waiting, self._waiting = self._waiting, []
        return partial(self._features, waiting, thin)

    def _features(self, waiting: list[list[Item]], thin: int) -> Features:
        """Features of windows: computed, or those of an earlier one again."""
        earlier = [] if self._newest is None else [self._newest[None]]
        source = len(earlier) - 1  # the row of what is known, earlier features first, that comes next again
        rows: list[int] = []  # of what is known, for each window; -1 for none
        asked: list[list[Item]] = []
        for index, window in enumerate(waiting, start=self._count):
            if not window:
                source, self._held = -1, None
            elif source < 0 or not (self._shows_what_it_showed(window) or index % thin):
                source = len(earlier) + len(asked)
                asked.append(window)
                self._held = window[0] if all(item is window[0] for item in window) else None
            elif not self._shows_what_it_showed(window):
                self.repeated += 1
            rows.append(source)
        self._count += len(waiting)
        size = self._extractor.batch
        parts = [self._extractor(*stack(asked[i : i + size])) for i in range(0, len(asked), size)]
        known = torch.cat([*earlier, *parts]) if earlier or parts else None
        self._newest = known[source] if known is not None and source >= 0 else None
        seen = np.array(rows, np.int64) >= 0
        if known is None or not seen.any():
            return Features(nothing(self._extractor, len(rows)).values, seen)
        if len(rows) == len(asked):
            return Features(known[len(earlier) :], seen)
        return _masked(known[torch.tensor(rows, device=known.device).clamp(min=0)], seen)

    def _shows_what_it_showed(self, window: list[Item]) -> bool:
        """Whether the window shows throughout the one picture that the newest feature is of."""
        return self._held is not None and all(item is self._held for item in window)


class _ContinualRun:
    """Features of continual networks, one for each stream.

    They cannot leave out a frame, nor thin out: over a short hole they are fed the last picture again. After
    one that is longer than what a feature reads to either side, others begin with the first picture after it.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.repeated = 0
        self._extractor = extractor
        self._stride = extractor.spec.stride
        self._networks: list[ContinualI3D] = []
        self._like: list[Tensor] = []
        self._frames: list[Item] = []  # that the networks have not seen
        self._last: Item | None = None  # of these networks
        self._taken = self._given = 0  # grid frames, features
        self._begins = 0  # grid frame from which on the networks see
        self._unseen: list[tuple[int, int]] = []  # grid frames that were made up, from one up to another

    @property
    def full(self) -> bool:
        return len(self._frames) >= _CHUNK

    def take(self, items: Iterable[Item]) -> None:
        for item in items:
            if self._last is None:  # where the first feature lies, nothing may have been seen yet
                self._frames += [_at_rest(item)] * max(0, self._taken - self._begins)
            if self._taken >= self._begins:
                self._frames.append(item)
                self._last = item
            self._taken += 1

    def skip(self, count: int, thin: int) -> Iterator[Features]:
        yield self.compute(thin)
        if self._last is not None and count <= CONTINUAL_REACH:
            self._unseen.append((self._taken, self._taken + count))
            self._frames += [_at_rest(self._last)] * count
            self._taken += count
            yield self.compute(thin)
            return
        rest = self._rest()
        self._networks, self._last = [], None
        yield rest
        self._taken += count
        first = max(self._given, self._taken // self._stride)  # feature of the new networks
        while missing := min(_EMPTY, first - self._given):
            self._given += missing
            yield nothing(self._extractor, missing)
        self._begins = first * self._stride
        self._unseen.append((self._begins, self._taken))

    def finish(self, thin: int) -> Features:
        return joined([self.compute(thin), self._rest()])

    def compute(self, thin: int) -> Features:
        return self.work(thin)()

    def work(self, thin: int) -> Callable[[], Features]:
        """What computes the waiting frames, at once or on a thread that nobody else's work overtakes."""
        frames, self._frames = self._frames, []
        return partial(self._features, frames)

    def _features(self, frames: list[Item]) -> Features:
        if not frames:
            return nothing(self._extractor)
        if not self._networks:
            self._networks = self._extractor.continual()
        clips = stack([frames])
        inputs = self._extractor.scaled(clips.rgb, clips.flow)
        self._like = [x[:, :, :0] for x in inputs]
        return self._marked([net.push(x) for net, x in zip(self._networks, inputs, strict=True)])

    def _rest(self) -> Features:
        """What the networks still owe."""
        if not self._networks:
            return nothing(self._extractor)
        return self._marked([net.finish(x) for net, x in zip(self._networks, self._like, strict=True)])

    def _marked(self, parts: list[Tensor]) -> Features:
        """The next features, and which of them lie where most was made up."""
        values = torch.cat(parts, dim=1).float()
        seen = np.ones(len(values), np.bool_)
        for i in range(len(values)):
            middle = (self._given + i) * self._stride
            first, end = middle - _CONTINUAL_HALF, middle + _CONTINUAL_HALF + 1
            made_up = sum(max(0, min(end, b) - max(first, a)) for a, b in self._unseen)
            seen[i] = 2 * made_up <= end - first
        self._given += len(values)
        oldest = self._given * self._stride - _CONTINUAL_HALF
        self._unseen = [(a, b) for a, b in self._unseen if b > oldest]
        return _masked(values, seen)


def _masked(values: Tensor, seen: NDArray[np.bool_]) -> Features:
    """Features with zeros where nothing was seen."""
    if not seen.all():
        values = torch.where(torch.from_numpy(seen).to(values.device)[:, None], values, 0.0)
    return Features(values, seen)


def _at_rest(item: Item) -> Item:
    return item if item.flow is None else item._replace(flow=np.zeros_like(item.flow))


def nothing(extractor: Extractor, count: int = 0) -> Features:
    """`count` features of which nothing was seen."""
    values = torch.zeros(count, extractor.feature_dim, device=extractor.device)
    return Features(values, np.zeros(count, np.bool_))


def joined(parts: list[Features]) -> Features:
    """Features that follow one another, at least one part, as one."""
    return Features(torch.cat([part.values for part in parts]), np.concatenate([part.seen for part in parts]))
