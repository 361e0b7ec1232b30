"""Videos into features, as the stream would compute them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.spec import ExtractorSpec
from actfusion_stream.sources.picture import rgb
from actfusion_stream.sources.source import open_source

from .feature_folder import FeatureFolder, VideoFeatures
from .videos import SAME_RATE

_NEAR = 2.5  # steps of the grid by which a frame may be early or late and still take the next place

OnProgress = Callable[[float, int], None]  # seconds of video read, features so far


def extract(path: Path, extractor: Extractor, on_progress: OnProgress | None = None) -> VideoFeatures:
    """Features of a whole video.

    Raises:
        StreamError: it cannot be read, or not to its end, or the weights overflow.
    """
    stream = FeatureStream(extractor)
    parts: list[Tensor] = []
    done = 0
    with open_source(path) as source:
        grid = _grid(extractor.spec, source.info.rate)
        for frame in source:
            for image in grid.push(frame.time, frame.picture):
                ready = stream.push(image).values
                if len(ready):
                    parts.append(ready)
                    done += len(ready)
            if on_progress:
                on_progress(frame.time, done)
    if source.warning:
        raise StreamError(source.warning)
    parts.append(stream.finish().values)
    features = torch.cat(parts).T.contiguous().cpu().numpy()  # (C, T)
    if not features.size or grid.start is None:
        raise StreamError(f"{path}: no picture in it")
    if not np.isfinite(features).all():
        raise StreamError(
            f"{path}: its features are not finite; the weights of the extractor overflow: give others"
        )
    return VideoFeatures(features, FeatureClock.of(extractor.spec, grid.start))


class _FrameGrid(TimeGrid):
    """A place for each frame, as long as the frames run at the grid's rate, more or less.

    Published features have one for each frame. A file whose times have a hole of a frame, or are rounded,
    gets as many; one that runs at other times than its rate says is put on the grid by them.
    """

    def push(self, time: float, picture: Any) -> Iterator[Any]:
        due = time if self.start is None else self.time_of(self._filled)
        if abs(time - due) > _NEAR / self.rate:
            yield from super().push(time, picture)
            return
        if self.start is None:
            self.start = time
        self._filled += 1
        self._last = picture
        yield self._look(picture)


def _grid(spec: ExtractorSpec, rate: float | None) -> TimeGrid:
    """Frame by frame where a feature is wanted for each, else by time."""
    each = spec.stride == 1 and rate is not None and abs(rate / spec.rate - 1) < SAME_RATE
    kind = _FrameGrid if each else TimeGrid
    return kind(spec.rate, lambda picture: rgb(picture, spec.picture_side))


def extract_all(
    videos: dict[str, Path], extractor: Extractor, folder: FeatureFolder, console: Console
) -> dict[str, str]:
    """Extract every video that is not in the folder yet.

    Returns:
        What went wrong, by video.
    """
    broken: dict[str, str] = {}
    todo = {name: path for name, path in videos.items() if not folder.has(name)}
    if len(todo) < len(videos):
        console.print(f"{len(videos) - len(todo)} of {len(videos)} videos are done already")
    progress = Progress(
        TextColumn("{task.completed:.1f}/{task.total:.0f} videos"),
        BarColumn(),
        TextColumn("{task.fields[video]}, {task.fields[speed]:.1f} features/s"),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not console.is_terminal,
    )
    with progress:
        bar = progress.add_task("", total=len(todo), video="", speed=0.0)
        for index, (name, path) in enumerate(todo.items()):
            began = time.perf_counter()
            duration = 0.0

            def show(seen: float, done: int, index: int = index, name: str = name) -> None:
                part = min(1.0, seen / duration) if duration else 0.0  # noqa: B023 (called in this turn only)
                speed = done / (time.perf_counter() - began)  # noqa: B023
                progress.update(bar, completed=index + part, video=name, speed=speed)

            try:
                with open_source(path) as source:
                    duration = source.info.duration or 0.0
                found = extract(path, extractor, show)
            except StreamError as error:
                broken[name] = str(error)
                console.print(f"{error}", style="red", highlight=False, markup=False, soft_wrap=True)
                continue
            folder.add(name, path, found)
            count, seconds = found.features.shape[1], time.perf_counter() - began
            progress.update(bar, completed=index + 1)
            console.print(
                f"{name}: {count} features, {count / seconds:.1f} features/s", highlight=False, markup=False
            )
    return broken
