"""Convert files of segments, each in the format that its ending says, into any other.

    actfusion-convert-segments kitchen.csv kitchen.eaf kitchen.srt
    actfusion-convert-segments kitchen.labelstudio.json kitchen.txt --video kitchen.mp4

The first file is read, the others are written. Formats: .csv and .tsv (video, label, start, end, confidence),
.json (ActivityNet), .fiftyone.json (temporal detections), .labelstudio.json (timeline predictions), .via.json
(VGG Image Annotator 3), .txt (MS-TCN, a label a frame), .audacity.txt (label track), .srt and .vtt
(subtitles), .eaf (ELAN). Tables, ActivityNet, FiftyOne, Label Studio and ELAN keep how sure the labels are.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from actfusion_stream.annotations.annotated import Annotated, in_milliseconds, link, only
from actfusion_stream.annotations.formats import ending_of, read_file, write_file
from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.errors import StreamError, print_error
from actfusion_stream.sinks.targets import check_output, saying_where
from actfusion_stream.sources.source import open_source


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("given", type=Path, metavar="FROM", help="the file to read")
    parser.add_argument("wanted", type=Path, nargs="+", metavar="TO", help="a file to write")
    parser.add_argument("--video", type=Path, help="whose rate and length count, and which is linked to")
    parser.add_argument(
        "--rate",
        type=number("frames a second", 0, 1000, above=True),
        help="of formats that count frames; default: the video's",
    )
    parser.add_argument("--only", metavar="NAME", help="of several videos in one file")
    parser.add_argument("--tier", help="of an ELAN file; default: the stream's own, or the only one")
    options = parser.parse_args(arguments)
    try:
        for path in options.wanted:
            ending_of(check_output(path, options.given))
        videos = _read(options)
        for path in options.wanted:
            with saying_where(path):
                write_file(path, [replace(video, file=_file(video, options.video, path)) for video in videos])
    except StreamError as error:
        print_error(error)
        return 1
    count = sum(len(video.segments) for video in videos)
    print(f"{', '.join(map(str, options.wanted))}: {len(videos)} videos, {count} segments")
    return 0


def _read(options: argparse.Namespace) -> list[Annotated]:
    """What is in the file, and what is known of the video.

    Raises:
        StreamError: it cannot be read, or there is no video of that name.
    """
    rate, seconds = options.rate, None
    if options.video:
        with open_source(options.video) as source:
            rate, seconds = rate or source.info.rate, source.info.duration
    found = read_file(options.given, rate, options.tier)
    if options.only is not None:
        if options.only not in found:
            raise StreamError(
                f"--only {options.only}: no such video; there are {', '.join(list(found)[:10])}"
            )
        found = {options.only: found[options.only]}
    videos = [
        Annotated(name, in_milliseconds(segments), seconds=seconds, rate=rate)
        for name, segments in found.items()
    ]
    return [only(videos)] if options.video else videos


def _file(video: Annotated, given: Path | None, target: Path) -> str:
    """What the target links to."""
    return f"{video.name}.mp4" if given is None else link(given, target)


if __name__ == "__main__":
    sys.exit(main())
