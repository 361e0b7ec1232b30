"""The videos that features are extracted from: found by name, and asked for the rate they run at."""

from __future__ import annotations

from pathlib import Path

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.source import open_source

VIDEO_ENDINGS = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv"}
SAME_RATE = 0.005  # videos of 29.97 and of 30 frames a second count as alike


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
        if rate and not any(abs(rate / known - 1) < SAME_RATE for known in rates):
            rates[rate] = name
    if last and not rates:
        raise last
    if len(rates) != 1:
        found = ", ".join(f"{rate:g} ({name})" for rate, name in rates.items()) or "none that a file tells"
        raise StreamError(f"videos have different frame rates: {found}; --rate gives one to watch them at")
    return next(iter(rates))
