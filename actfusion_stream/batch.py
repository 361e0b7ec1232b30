"""Several videos, one after the other: which they are, and where the results of each go."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from actfusion_stream.errors import StreamError
from actfusion_stream.receivers.address import is_file_target
from actfusion_stream.sources.image_folder import ENDINGS as PICTURES
from actfusion_stream.sources.source import STANDARD_INPUT

# How files of video are called; taken from a folder, where each other file may be anything.
_VIDEOS = {
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
    ".webm", ".wmv",
}  # fmt: skip
_WILD = "*?["
NAME = "{name}"
# Options that say where results go, with the suffix that a file gets where they name a folder.
_TARGETS = {"output": ".mp4", "events": ".jsonl", "segments": ".csv"}


@dataclass(frozen=True)
class Job:
    """One of several videos.

    Attributes:
        source: it.
        called: its path from the folder that holds them all.
        options: those that were given, with targets of its own.
    """

    source: Path
    called: str
    options: argparse.Namespace


def sources_of(given: Sequence[str | Path | int]) -> tuple[list[str | Path | int], bool]:
    """What is to be watched, each once, in the order given.

    A pattern such as `kitchen*.mp4` stands for what matches it, a folder of videos for the videos in it, both
    in the order of their names. A folder of pictures is a video itself.

    Returns:
        The sources, and whether they are a batch, which one that was found by a pattern is, too.

    Raises:
        StreamError: nothing matches, a folder holds both kinds, or one of several is no file.
    """
    found: dict[object, str | Path | int] = {}
    several = len(given) > 1
    for source in given:
        places = _found(source) if isinstance(source, Path) else [source]
        several |= places != [source]
        for place in places:
            found.setdefault(_real(place) if isinstance(place, Path) else place, place)
    for source in found.values() if several else ():
        if not isinstance(source, Path):
            what = "standard input" if source == STANDARD_INPUT else "an address"
            raise StreamError(f"{what}: among several sources there are only files; give it alone")
    return list(found.values()), several


def plan(sources: Sequence[str | Path | int], options: argparse.Namespace) -> list[Job]:
    """Give each of several sources a name, and targets that are its own; folders of targets are made.

    Raises:
        StreamError: a target cannot be a folder, or would overwrite what is to be read.
    """
    paths = [Path(os.path.abspath(str(source))) for source in sources]
    shared = Path(os.path.commonpath([path.parent for path in paths]))
    called = [path.relative_to(shared) for path in paths]
    names = ["-".join(path.with_suffix("").parts) for path in called]
    if len({name.casefold() for name in names}) < len(names):  # a/x.mp4 beside a/x.mov
        names = ["-".join(path.parts) for path in called]
    jobs = [
        Job(Path(str(source)), str(path), _own(options, name))
        for source, path, name in zip(sources, called, names, strict=True)
    ]
    read = {_real(path) for path in paths}
    written: set[str] = set()
    for job in jobs:
        for target in _targets(job.options):
            place = _real(target)
            if place in read or place in written:
                taken = "one of the inputs" if place in read else "another's result, too"
                raise StreamError(f"{target}: is {taken}; give the results of {job.source} another place")
            written.add(place)
    return jobs


def _found(source: Path) -> list[Path]:
    if source.is_dir():
        inside = sorted(source.iterdir())
        videos = [path for path in inside if path.suffix.lower() in _VIDEOS and path.is_file()]
        if not videos:
            return [source]
        if pictures := sum(path.suffix.lower() in PICTURES for path in inside):
            raise StreamError(
                f"{source}: holds {len(videos)} videos and {pictures} pictures; give {source}/*.mp4 or the "
                "like, or a folder of one kind"
            )
        return videos
    if any(sign in str(source) for sign in _WILD) and not os.path.lexists(source):
        if not (matching := sorted(glob.glob(str(source), recursive=True))):
            raise StreamError(f"{source}: matches no file")
        return [Path(path) for path in matching]
    return [source]


def _own(options: argparse.Namespace, name: str) -> argparse.Namespace:
    """The options of one of several: where they name folders, files in them."""
    own = argparse.Namespace(**vars(options))
    for option, suffix in _TARGETS.items():
        given = getattr(options, option)
        if isinstance(given, list):
            places = [_target(option, one, name, suffix) if is_file_target(one) else one for one in given]
            setattr(own, option, places)
        elif given is not None:
            setattr(own, option, _target(option, given, name, suffix))
    return own


def _target(option: str, given: str | Path, name: str, suffix: str) -> Path:
    text = str(given)
    if NAME in text:
        return Path(text.replace(NAME, name))
    folder = Path(text)
    if folder.suffix and not folder.is_dir():
        raise StreamError(
            f"--{option} {folder}: of several videos, give a folder for it, or a name with {NAME} in it, "
            f"e.g. {folder.parent / (NAME + folder.suffix)}"
        )
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise StreamError(f"{folder}: there is no folder {folder.parent}; create it first") from None
    except OSError as error:
        raise StreamError(f"{folder}: cannot be made a folder ({error.strerror})") from error
    return folder / f"{name}{suffix}"


def _targets(options: argparse.Namespace) -> Iterator[Path]:
    for option in _TARGETS:
        given = getattr(options, option)
        for one in given if isinstance(given, list) else [given]:
            if one is not None and is_file_target(one):
                yield Path(one)


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a name that no file can have
        return str(path)
