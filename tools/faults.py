"""Do to `actfusion-stream` what the world does to it, and write down what it did.

    python -m tools.faults --out docs/robustness.md

Every row is made anew: a file or a stream with something wrong, a command, its exit status, and what came
out. Exit status 1 if a row is not as it should be. `--short` leaves out what needs a second process.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from rich.console import Console

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.targets import check_output

from .robustness.fault import run, table
from .robustness.field_files import FIELD_FILES
from .robustness.files import FILES
from .robustness.processes import with_processes
from .robustness.servers import serves_rtsp
from .robustness.time_and_picture import TIME_AND_PICTURE


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="Markdown file whose table is to be replaced")
    parser.add_argument("--clips", type=Path, help="folder of videos to serve, too; needs ffmpeg")
    parser.add_argument("--short", action="store_true", help="only what needs no second process")
    options = parser.parse_args(arguments)
    try:
        if options.out:
            check_output(options.out)
        if options.clips and not any(options.clips.glob("*.mp4")):
            raise StreamError(f"{options.clips}: no .mp4 in that folder")
        if options.clips and not shutil.which("ffmpeg"):
            raise StreamError("--clips: they are served by ffmpeg, which is not installed")
    except StreamError as error:
        parser.error(str(error))
    console = Console(highlight=False)
    faults = [*TIME_AND_PICTURE, *FILES, *FIELD_FILES]
    if not options.short:
        rtsp = serves_rtsp()
        if not rtsp:
            console.print(
                "RTSP is left out: GStreamer's server is not installed (gir1.2-gst-rtsp-server-1.0)"
            )
        faults += with_processes(rtsp, options.clips.resolve() if options.clips else None)
    outcomes = []
    for fault in faults:
        outcome = run(fault)
        outcomes.append(outcome)
        state = "[red]wrong[/]" if outcome.wrong else "ok"
        console.print(f"{state}  {fault.done}")
        for wrong in outcome.wrong:
            console.print(f"    {wrong}", markup=False)
    if options.out:
        text = options.out.read_text() if options.out.exists() else ""
        head = text.partition("| what was done to it")[0]
        options.out.write_text(head + table(outcomes))
    failed = sum(bool(outcome.wrong) for outcome in outcomes)
    console.print(f"{len(outcomes)} faults, {failed} not as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
