"""Convert annotations of actions between CSV, ELAN and the text files of MS-TCN.

    python -m tools.annotations labels.csv --to mstcn --features data/features --out data
    python -m tools.annotations elan/ --tier actions --to csv --out labels.csv

A CSV file has the columns video, label, start and end, in seconds; an ELAN file is one video; MS-TCN text has
a label a line. `--to mstcn` makes a data folder for training, a label for each feature of --features, or for
each frame at --rate. What nobody annotated is background.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError

from .data.annotation_files import (
    Annotations,
    Segment,
    read_annotations,
    write_csv,
    write_elan,
    write_whole,
)
from .data.dataset import EXTRACTOR_JSON


def feature_times(folder: Path) -> dict[str, np.ndarray]:
    """(T,) seconds of the features of each video, from the description beside them.

    Raises:
        StreamError: there is none, or it is damaged.
    """
    path = folder / EXTRACTOR_JSON
    try:
        videos = json.loads(path.read_text())["videos"]
        return {
            name: float(video["start"]) + np.arange(int(video["count"])) / float(video["rate"])
            for name, video in videos.items()
        }
    except OSError as error:
        raise StreamError(
            f"features {folder}: no {EXTRACTOR_JSON}, which tools.extract writes; without it give --rate"
        ) from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise StreamError(f"features {folder}: {EXTRACTOR_JSON} is damaged: {error}") from error


def labels_at(segments: list[Segment], times: np.ndarray, background: str) -> list[str]:
    """The label at each of the times (T,), `background` between segments."""
    starts = np.array([segment.start for segment in segments])
    index = np.searchsorted(starts, times + 1e-9, side="right") - 1
    return [
        segments[i].label if i >= 0 and time < segments[i].end - 1e-9 else background
        for i, time in zip(index.tolist(), times.tolist(), strict=True)
    ]


def write_mstcn(
    annotations: Annotations,
    folder: Path,
    times: dict[str, np.ndarray],
    background: str,
    test: list[str],
) -> None:
    """A data folder: groundTruth/, mapping.txt, and a split 1 of training and test videos.

    Args:
        annotations: by video.
        folder: created where it is missing.
        times: seconds at which each video gets a label; videos without are left out.
        background: label of what nobody annotated.
        test: videos to test on, the rest train; none for the last fifth.

    Raises:
        StreamError: a test video is unknown, or two labels become one.
    """
    videos = sorted(annotations.keys() & times.keys())
    unknown = [name for name in test if name not in videos]
    if unknown or not videos:
        raise StreamError(
            f"--test {unknown[0]}: no such video; there are {', '.join(videos[:10])}"
            if unknown
            else "no video has both annotations and features"
        )
    test = test or (videos[-max(1, len(videos) // 5) :] if len(videos) > 1 else [])
    plain: dict[str, str] = {}  # label without blanks -> label
    for label in sorted({s.label for segments in annotations.values() for s in segments} | {background}):
        name = "_".join(label.split())
        if plain.setdefault(name, label) != label:
            raise StreamError(f"labels {plain[name]!r} and {label!r} would both become {name}; rename one")
    used: set[str] = set()
    for video in videos:
        found = ["_".join(label.split()) for label in labels_at(annotations[video], times[video], background)]
        used |= set(found)
        write_whole(folder / "groundTruth" / f"{video}.txt", "".join(f"{label}\n" for label in found))
    nothing = "_".join(background.split())
    names = [*([nothing] if nothing in used else []), *sorted(used - {nothing})]
    write_whole(folder / "mapping.txt", "".join(f"{i} {name}\n" for i, name in enumerate(names)))
    lists = {"train": [video for video in videos if video not in test], "test": test}
    for part, listed in lists.items():
        text = "".join(f"{video}.txt\n" for video in listed)
        write_whole(folder / "splits" / f"{part}.split1.bundle", text)


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.annotations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("annotations", type=Path, help=".csv, .eaf or .txt file, or a folder of them")
    parser.add_argument("--to", choices=("mstcn", "csv", "elan"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder, or the .csv file")
    parser.add_argument("--rate", type=float, default=15.0, help="labels a second of text files; default: 15")
    parser.add_argument("--features", type=Path, help="a label for each of these features of tools.extract")
    parser.add_argument("--background", default="background", help="label of what nobody annotated")
    parser.add_argument("--tier", help="of ELAN files")
    parser.add_argument("--test", nargs="+", default=[], metavar="VIDEO", help="default: the last fifth")
    options = parser.parse_args(arguments)
    if not 0 < options.rate <= 1000:
        parser.error(f"--rate {options.rate:g}: give labels a second, above 0, at most 1000")
    console = Console(stderr=True)
    try:
        found = read_annotations(options.annotations, options.rate, options.tier)
        if options.to == "csv":
            write_csv(found, options.out)
        elif options.to == "elan":
            for video, segments in found.items():
                write_elan(segments, options.out / f"{video}.eaf", f"{video}.mp4")
        else:
            if options.features:
                times = feature_times(options.features)
                for video in sorted(found.keys() ^ times.keys()):
                    what = "features" if video in found else "annotation"
                    console.print(f"note: {video} has no {what} and is left out", highlight=False)
            else:
                times = {
                    video: np.arange(round(segments[-1].end * options.rate)) / options.rate
                    for video, segments in found.items()
                    if segments
                }
            write_mstcn(found, options.out, times, options.background, options.test)
    except (StreamError, OSError) as error:
        console.print(f"error: {error}", style="red", highlight=False, markup=False, soft_wrap=True)
        return 1
    count = sum(map(len, found.values()))
    print(f"{options.out}: {len(found)} videos, {count} segments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
