"""Videos into features, as the stream would compute them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.sources.source import open_source

from .feature_folder import FeatureFolder, VideoFeatures

OnProgress = Callable[[float, int], None]  # seconds of video read, features so far


def extract(path: Path, extractor: Extractor, on_progress: OnProgress | None = None) -> VideoFeatures:
    """Features of a whole video.

    Raises:
        StreamError: it cannot be read, or not to its end.
    """
    grid, stream = TimeGrid(extractor.spec.rate), FeatureStream(extractor)
    parts: list[Tensor] = []
    done = 0
    with open_source(path) as source:
        for frame in source:
            for image in grid.push(frame.time, frame.image):
                ready = stream.push(image)
                if len(ready):
                    parts.append(ready)
                    done += len(ready)
            if on_progress:
                on_progress(frame.time, done)
    if source.warning:
        raise StreamError(source.warning)
    parts.append(stream.finish())
    features = torch.cat(parts).T.contiguous().cpu().numpy()  # (C, T)
    if not features.size or grid.start is None:
        raise StreamError(f"{path}: no picture in it")
    return VideoFeatures(features, FeatureClock.of(extractor.spec, grid.start))


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
