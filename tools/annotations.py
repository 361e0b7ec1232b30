"""Convert annotations of actions between CSV, ELAN and the text files of MS-TCN.

    actfusion-annotations labels.csv --to mstcn --features data/features --out data
    actfusion-annotations elan/ --tier actions --to csv --out labels.csv

A CSV file has the columns video, label, start and end, in seconds; an ELAN file is one video; MS-TCN text has
a label a line; actfusion-convert-segments tells what else is read. `--to mstcn` makes a data folder for
training, a label for each feature of --features, or for each frame at --rate. What nobody annotated is
background.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from actfusion_stream.annotations.annotated import Annotated, in_milliseconds
from actfusion_stream.annotations.elan import elan_text
from actfusion_stream.annotations.tables import csv_text
from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.errors import StreamError, print_error

from .data.annotation_files import read_annotations, write_whole
from .data.mstcn import feature_times, write_mstcn


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("annotations", type=Path, help=".csv, .eaf, .txt or the like, or a folder of them")
    parser.add_argument("--to", choices=("mstcn", "csv", "elan"), required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder, or the .csv file")
    parser.add_argument(
        "--rate",
        type=number("labels a second", 0, 1000, above=True),
        default=15.0,
        help="of text files; default: 15",
    )
    parser.add_argument("--features", type=Path, help="a label for each feature that actfusion-extract wrote")
    parser.add_argument("--background", default="background", help="label of what nobody annotated")
    parser.add_argument("--tier", help="of ELAN files")
    parser.add_argument("--test", nargs="+", default=[], metavar="VIDEO", help="default: the last fifth")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        found = read_annotations(options.annotations, options.rate, options.tier)
        videos = [
            Annotated(name, in_milliseconds(segments), f"{name}.mp4")
            for name, segments in sorted(found.items())
        ]
        if options.to == "csv":
            write_whole(options.out, csv_text(videos))
        elif options.to == "elan":
            for video in videos:
                write_whole(options.out / f"{video.name}.eaf", elan_text([video]))
        else:
            if options.features:
                times = feature_times(options.features)
                for name in sorted(found.keys() ^ times.keys()):
                    what = "features" if name in found else "annotation"
                    console.print(f"note: {name} has no {what} and is left out", highlight=False)
            else:
                times = {
                    video: np.arange(round(segments[-1].end * options.rate)) / options.rate
                    for video, segments in found.items()
                    if segments
                }
            write_mstcn(found, options.out, times, options.background, options.test)
    except (StreamError, OSError) as error:
        print_error(error)
        return 1
    count = sum(map(len, found.values()))
    print(f"{options.out}: {len(found)} videos, {count} segments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
