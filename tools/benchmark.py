"""Measures speed, as a ratio against a plain implementation in the same run: machines differ, and are shared.

    python -m tools.benchmark                  everything; writes docs/benchmarks.md and docs/benchmarks.json
    python -m tools.benchmark flow extractors  some areas; prints only
    python -m tools.benchmark --check          compares ratios with docs/benchmarks.json; fails below 80 %

What is timed, and against what, stands in `tools/benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch

from actfusion_stream.arguments import OneLineParser, whole_number

from .benchmarks import page
from .benchmarks.extractors import extractor_rows
from .benchmarks.flow import flow_rows
from .benchmarks.model import model_rows
from .benchmarks.rows import Row, Setting
from .benchmarks.training import training_rows
from .benchmarks.video import video_rows
from .benchmarks.viewers import viewer_rows

AREAS: Mapping[str, Callable[[Setting], Iterator[Row]]] = {
    "extractors": extractor_rows,
    "flow": flow_rows,
    "model": model_rows,
    "training": training_rows,
    "video": video_rows,
    "viewers": viewer_rows,
}


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"{', '.join(AREAS)}; default: all")
    parser.add_argument("--check", action="store_true", help="compare with what is written; write nothing")
    parser.add_argument(
        "--rounds", type=whole_number("rounds", 1, 1000), default=5, help="how often; the median counts"
    )
    parser.add_argument("--small", action="store_true", help="tiny inputs, to see that it works; prints only")
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="of benchmarks.md and .json")
    parser.add_argument("--device", help="default: a GPU where there is one")
    options = parser.parse_args(arguments)
    for area in options.areas:
        if area not in AREAS:
            parser.error(f"area {area!r}: give {', '.join(AREAS)}")
    written = options.folder / "benchmarks.json"
    if options.check and not written.is_file():
        parser.error(f"--check {written}: no such file; python -m tools.benchmark writes it")
    device = torch.device(options.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    setting = Setting(device, options.rounds, options.small)
    described = page.machine(device)
    print("\n".join([*(f"{name}: {value}" for name, value in described.items()), "", *page.table({})]))
    found: dict[str, list[Row]] = {}
    for area in options.areas or AREAS:
        found[area] = []
        for row in AREAS[area](setting):
            found[area].append(row)
            print(page.table_line(row), flush=True)
    if options.check:
        slower = list(page.worse(found, json.loads(written.read_text())))
        print("\n".join(["", *slower] if slower else ["", "no ratio is below 80 % of the one written"]))
        return 1 if slower else 0
    if not options.areas and not options.small:
        written.write_text(json.dumps(page.as_json(found, described), indent=1) + "\n")
        written.with_suffix(".md").write_text(page.page(found, described))
    return 0


if __name__ == "__main__":
    sys.exit(main())
