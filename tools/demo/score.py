"""Say how right the segmentation of a video was: segments the stream wrote, against the label of each frame.

python -m tools.demo.score out/segments.csv out/kitchen.txt
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.tables import from_cell

from ..evaluation.metrics import SegmentationScore, split_segments


def labels_of_segments(path: Path, num_frames: int, fps: float) -> np.ndarray:
    """Read what a segments file says of each frame.

    Args:
        path: CSV with the columns label, start and end (seconds), in order of time.
        num_frames: T, frames of the video.
        fps: frames per second.

    Returns:
        (T,) str, the label at the middle of each frame. Before the first segment and after the last one, the
        nearest one counts: the screen still shows it there.

    Raises:
        ValueError: the file has no segments, or lacks a column.
    """
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        missing = {"label", "start", "end"} - set(rows.fieldnames or ())
        if missing:
            raise ValueError(
                f"{path}: no column {', '.join(sorted(missing))}; expected label, start, end, confidence"
            )
        segments = [(from_cell(row["label"]), float(row["end"])) for row in rows]
    if not segments:
        raise ValueError(f"{path}: no segments: expected one a line after the header")
    labels, ends = zip(*segments, strict=True)
    middles = (np.arange(num_frames) + 0.5) / fps  # (T,) a frame's edge may fall on either side of a boundary
    found = np.searchsorted(ends, middles, side="right").clip(max=len(labels) - 1)
    return np.array(labels)[found]


def report(predicted: np.ndarray, true: np.ndarray) -> str:
    """What was seen and how right it was, in two sentences.

    Args:
        predicted: (T,) str.
        true: (T,) str.
    """
    score = SegmentationScore()
    score.add(predicted, true)
    result = score.result()
    background = score.background
    seen, done = (len(split_segments(labels, background).labels) for labels in (predicted, true))
    return (
        f"It saw {seen} actions where {done} were done. Of {len(true)} frames {result['acc']:.1f} % have the "
        f"right label; edit score {result['edit']:.1f}, F1@50 {result['f1_50']:.1f} (100 is perfect)."
    )


def main() -> None:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("segments", type=Path, help="what was seen: CSV with label, start, end (--segments)")
    parser.add_argument("labels", type=Path, help="what was done: one label a frame (--labels)")
    parser.add_argument(
        "--fps", type=number("frames per second", 0, 1000, above=True), default=15.0,
        help="frames per second of the labels (default 15)",
    )  # fmt: skip
    args = parser.parse_args()
    try:
        true = np.array(args.labels.read_text().split())
        print(report(labels_of_segments(args.segments, len(true), args.fps), true))
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
