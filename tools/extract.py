"""Turn videos into features, as the stream would compute them.

    python -m tools.extract kitchens/ --extractor i3d --out data/features

OUT gets VIDEO.npy, (C, T) float32 in the MS-TCN layout, a column a feature; extractor.json, which says what
the features are and at what times; and extractor.safetensors, the weights, which training puts into its
checkpoint so that the stream can go on with the same extractor. Videos that are done are skipped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import save_file

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.engine.time_grid import TimeGrid
from actfusion_stream.errors import StreamError
from actfusion_stream.extractors.catalogue import I3D_STREAMS, NAMES
from actfusion_stream.extractors.extractor import Extractor
from actfusion_stream.extractors.feature_stream import FeatureStream
from actfusion_stream.extractors.flow import default_flow
from actfusion_stream.extractors.spec import FLOW, FLOW_METHODS, ExtractorSpec, differences
from actfusion_stream.sources.source import open_source
from actfusion_stream.weights.extractor_choice import ExtractorChoice

from .data.dataset import EXTRACTOR_JSON, EXTRACTOR_WEIGHTS

VIDEO_ENDINGS = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv"}
_SAME_RATE = 0.005  # videos of 29.97 and of 30 frames a second count as alike

OnProgress = Callable[[float, int], None]  # seconds of video read, features so far


@dataclass(frozen=True)
class VideoFeatures:
    """Features of one video.

    Attributes:
        features: (C, T) float32.
        start: seconds of the first one; the next follow at the extractor's period.
    """

    features: np.ndarray
    start: float


def extract(path: Path, extractor: Extractor, on_progress: OnProgress | None = None) -> VideoFeatures:
    """Features of a whole video.

    Raises:
        StreamError: it cannot be read, or not to its end.
    """
    grid, stream = TimeGrid(extractor.spec.rate), FeatureStream(extractor)
    parts: list[np.ndarray] = []
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
    features = np.concatenate(parts).T
    if not features.size or grid.start is None:
        raise StreamError(f"{path}: no picture in it")
    return VideoFeatures(np.ascontiguousarray(features), grid.start)


def find_videos(paths: list[Path]) -> dict[str, Path]:
    """Video files by name without ending, from files and folders.

    Raises:
        StreamError: there is none, or two would get the same features file.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEO_ENDINGS)
        else:
            files.append(path)
    if not files:
        endings = ", ".join(sorted(VIDEO_ENDINGS))
        raise StreamError(f"videos {paths[0]}: no file there with one of the endings {endings}")
    videos: dict[str, Path] = {}
    for file in files:
        if file.stem in videos:
            raise StreamError(
                f"videos {videos[file.stem]} and {file}: both would become {file.stem}.npy; rename one"
            )
        videos[file.stem] = file
    return videos


def common_rate(videos: dict[str, Path]) -> float:
    """Frames a second at which all these videos run.

    Raises:
        StreamError: they run at different ones.
    """
    rates: dict[float, str] = {}
    last: StreamError | None = None
    for name, path in videos.items():
        try:
            with open_source(path) as source:
                rate = source.info.rate
        except StreamError as error:  # one broken video among others is named when its turn comes
            last = error
            continue
        if rate and not any(abs(rate / known - 1) < _SAME_RATE for known in rates):
            rates[rate] = name
    if last and not rates:
        raise last
    if len(rates) != 1:
        found = ", ".join(f"{rate:g} ({name})" for rate, name in rates.items()) or "none that a file tells"
        raise StreamError(f"videos have different frame rates: {found}; --rate gives one to watch them at")
    return next(iter(rates))


class FeatureFolder:
    """A folder of features, all of one extractor.

    Args:
        folder: created if it is not there.
        extractor: what writes into it.

    Raises:
        StreamError: it holds the features of another one.
    """

    def __init__(self, folder: Path, extractor: Extractor, state: dict[str, torch.Tensor]) -> None:
        self._folder = folder
        self._about: dict[str, Any] = {
            "extractor": extractor.spec.to_json(),
            "feature_dim": extractor.feature_dim,
            "videos": {},
        }
        folder.mkdir(parents=True, exist_ok=True)
        known = folder / EXTRACTOR_JSON
        if known.exists():
            try:
                about = json.loads(known.read_text())
                spec = ExtractorSpec.from_json(about["extractor"])
                self._about["videos"] = dict(about["videos"])
            except (OSError, ValueError, TypeError, LookupError) as error:
                raise StreamError(f"{known}: damaged; remove it to extract anew") from error
            unlike = differences(spec, extractor.spec)
            if spec.stride != extractor.spec.stride:
                unlike.append(f"every {spec.stride} and {extractor.spec.stride}")
            if unlike:
                raise StreamError(
                    f"out {folder}: holds other features, of {spec.name}; they differ in "
                    f"{', '.join(unlike)}; give another folder"
                )
        weights = folder / EXTRACTOR_WEIGHTS
        if not weights.exists():
            partial = weights.with_name(weights.name + ".part")
            save_file({name: weight.contiguous() for name, weight in state.items()}, str(partial))
            partial.chmod(0o644)  # safetensors makes it private
            partial.replace(weights)

    def has(self, name: str) -> bool:
        """Whether the features of a video are here."""
        return name in self._about["videos"] and (self._folder / f"{name}.npy").is_file()

    def add(self, name: str, file: Path, found: VideoFeatures, period: float) -> None:
        """Keep features, each file whole or not at all."""
        partial = self._folder / f"{name}.npy.part"
        with partial.open("wb") as target:
            np.save(target, found.features)
        partial.replace(self._folder / f"{name}.npy")
        self._about["videos"][name] = {
            "file": file.name,
            "rate": 1 / period,
            "start": round(found.start, 6),
            "count": found.features.shape[1],
        }
        partial = self._folder / f"{EXTRACTOR_JSON}.part"
        partial.write_text(json.dumps(self._about, indent=1) + "\n")
        partial.replace(self._folder / EXTRACTOR_JSON)


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
            folder.add(name, path, found, extractor.spec.period)
            count, seconds = found.features.shape[1], time.perf_counter() - began
            progress.update(bar, completed=index + 1)
            console.print(
                f"{name}: {count} features, {count / seconds:.1f} features/s", highlight=False, markup=False
            )
    return broken


def add_extractor_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose an extractor; `choice` reads them."""
    parser.add_argument(
        "--extractor",
        default="i3d",
        help=f"one of {', '.join(NAMES)}; kitchen, the bundled one; or a checkpoint (.safetensors) that "
        "brings its own; default: i3d",
    )
    parser.add_argument(
        "--weights", type=Path, nargs="+", default=[],
        help="files of its networks: pictures, flow, raft; default: what actfusion-weights has fetched",
    )  # fmt: skip
    parser.add_argument("--flow", choices=FLOW_METHODS, help="default: raft-large on a GPU, else dis")
    parser.add_argument("--windows", choices=("exact", "continual"))
    parser.add_argument("--padding", choices=("repeat", "zero"), help="beyond the ends; default: repeat")
    parser.add_argument("--rate", type=float, help="frames a second; default: the videos' own")


def choice(options: argparse.Namespace, stride: int | None, device: torch.device) -> ExtractorChoice:
    """What the options ask for."""
    flow = options.flow or (default_flow(device) if FLOW in I3D_STREAMS.get(options.extractor, ()) else None)
    return ExtractorChoice(
        options.extractor,
        tuple(options.weights),
        options.rate,
        stride,
        flow,
        options.windows,
        options.padding,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.extract",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="files, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder of the features, e.g. DATA/features")
    add_extractor_options(parser)
    parser.add_argument(
        "--every", type=int, help="frames from one feature to the next; default: 1, or the checkpoint's own"
    )
    parser.add_argument("--device", help="default: a GPU where there is one")
    options = parser.parse_args(arguments)
    if options.every is not None and options.every < 1:
        parser.error(f"--every {options.every}: give a number from 1")
    console = Console(stderr=True)
    try:
        device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        videos = find_videos(options.videos)
        wanted = choice(options, options.every, device)
        if wanted.name in I3D_STREAMS and wanted.rate is None:
            wanted = replace(wanted, rate=common_rate(videos))
        spec, state = wanted.load()
        extractor = Extractor(spec, state, device)
        folder = FeatureFolder(options.out, extractor, state)
        broken = extract_all(videos, extractor, folder, console)
    except (StreamError, ValueError, OSError, RuntimeError) as error:
        console.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on with the video that was not done")
        return 130
    if broken:
        console.print(
            f"error: {len(broken)} of {len(videos)} videos could not be read: {', '.join(broken)}",
            style="red", highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
