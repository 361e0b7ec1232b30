"""The last word on a stream, alike on terminals and in logs: what was seen, how fast, what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from actfusion_stream.engine.stats import PERCENTILES
from actfusion_stream.views.lines import BOLD, DIM, colored, fit
from actfusion_stream.views.palette import GREY, IDLE_LABELS, class_colors
from actfusion_stream.views.wording import clock, percent, printable, spoken

if TYPE_CHECKING:
    from actfusion_stream.engine.stats import Stats
    from actfusion_stream.engine.summary import Summary
    from actfusion_stream.engine.timeline import Segment


@dataclass(frozen=True)
class Row:
    """One of several videos.

    Attributes:
        source: what it is called.
        summary: what came of it; None if it could not be watched.
        failure: why not, or what else went wrong; "" if nothing did.
        seen: seconds of it that were watched.
    """

    source: str
    summary: Summary | None
    failure: str = ""
    seen: float = 0.0


_SUMMARY_ROWS = 40  # an hour of segments would push everything else off the screen


def print_summary(
    console: Console,
    class_names: Sequence[str],
    segments: Sequence[Segment],
    stats: Stats,
    outputs: Mapping[str, str],
) -> None:
    """Print what was seen and what was written.

    Args:
        console: where to print.
        class_names: the classes in the order of the checkpoint; they decide the colours.
        segments: the final segmentation.
        stats: counters of the finished stream.
        outputs: what was written, path by description, e.g. {"annotated video": "out/annotated.mp4"}.
    """
    colors = class_colors(class_names)
    swatch = "▌ " if console.encoding.startswith("utf") else ""
    console.print()
    hidden = max(len(segments) - _SUMMARY_ROWS, 0)
    if hidden:
        console.print(Text(f"... {hidden} earlier segments", DIM))
    for segment in segments[hidden:]:
        times = f"{clock(segment.start):>8}  {segment.duration:6.1f} s  {percent(segment.confidence):>6}  "
        color = colored(colors.get(segment.label, GREY))
        row = fit(Text.assemble((swatch, color), (times, DIM), spoken(segment.label)), console.width)
        row.plain = printable(row.plain, console.encoding)
        console.print(row)
    console.print()
    console.print(
        f"{clock(stats.seen)} of video in {clock(stats.elapsed)} ({stats.speed:.1f}x real time), "
        f"{len(segments)} segments, {stats.dropped} frames dropped",
        highlight=False,
    )
    lost = [f"{cause} {count}" for cause, count in stats.drops.items() if count]
    if stats.gaps:
        lost.append(f"gaps {stats.gaps}")
    if lost:
        console.print(Text.assemble(("left out: ", DIM), ", ".join(lost)), soft_wrap=True)
    if stats.ticks:
        stages = (
            f"{stage} " + "/".join(f"{milliseconds:.0f}" for milliseconds in percentiles.values())
            for stage, percentiles in stats.latencies().items()
        )
        names = "/".join(f"p{percentile}" for percentile in PERCENTILES)
        console.print(Text.assemble((f"ms at {names}: ", DIM), ", ".join(stages)), soft_wrap=True)
    for what, path in outputs.items():
        console.print(Text.assemble((f"{what}: ", DIM), printable(path, console.encoding)), soft_wrap=True)


def print_table(console: Console, rows: Sequence[Row]) -> None:
    """Print what came of several videos, a row each, and of all of them together.

    Args:
        console: where to print.
        rows: in the order in which they were watched.
    """
    table = Table(box=None, padding=(0, 2, 0, 0), header_style=DIM)
    table.add_column("VIDEO", overflow="fold")
    for heading in ("length", "actions", "speed", "unfamiliar"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        name = printable(row.source, console.encoding)
        if row.summary is None:
            table.add_row(name, "failed", style=Style(color="red"))
            continue
        summary = row.summary
        actions = sum(segment.label not in IDLE_LABELS for segment in summary.segments)
        strange = percent(summary.unfamiliar / summary.ticks) if summary.unfamiliar else ""
        length = clock(row.seen) + (" (stopped)" if summary.interrupted else "")
        table.add_row(name, length, str(actions), f"{summary.speed:.1f}x", strange)
    done = [row.summary for row in rows if row.summary is not None]
    if len(done) > 1:
        seen, took = sum(row.seen for row in rows), sum(one.elapsed for one in done)
        actions = sum(segment.label not in IDLE_LABELS for one in done for segment in one.segments)
        speed = f"{seen / took:.1f}x" if took else ""
        table.add_row(f"{len(done)} videos", clock(seen), str(actions), speed, style=BOLD)
    console.print()
    console.print(table)
