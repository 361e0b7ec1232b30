"""The benchmark's results as a table to read, as JSON to compare with, and the machine they come from."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from .rows import Row

_LEAST = 0.8  # of a committed ratio: two runs on a shared machine differ by less


def machine(device: torch.device) -> dict[str, str]:
    """What decides how fast things are here: processor, threads, versions, and how busy it is already."""
    described = {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, "
        f"{torch.backends.cpu.get_cpu_capability()}",
        "system": f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}",
        "threads": f"{torch.get_num_threads()} of torch",
        "load": f"{os.getloadavg()[0]:.1f} processes were running when the benchmark began",
    }
    if device.type == "cuda":
        described["device"] = torch.cuda.get_device_name(device)
    return described


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(areas: Mapping[str, Sequence[Row]]) -> list[str]:
    """Lines of a Markdown table; the first two are its head."""
    lines = ["| work | the plain way | plain, s | here, s | times as fast | target | |", "|" + " --- |" * 7]
    return lines + [table_line(row) for rows in areas.values() for row in rows]


def table_line(row: Row) -> str:
    """A row of the table."""
    plain = "" if row.plain_s is None else f"{row.plain_s:.3g}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    if row.target is None:
        target = ""
    else:
        target = f"<= {row.target:g} s" if row.ratio is None else f">= {row.target:g}"
        target += "" if row.reached else ", missed"
    return f"| {row.work} | {row.plain} | {plain} | {row.ours_s:.3g} | {ratio} | {target} | {row.note} |"


def as_json(areas: Mapping[str, Sequence[Row]], described: Mapping[str, str]) -> dict[str, Any]:
    """What is written beside the page, and compared with later."""
    rows = {area: [asdict(row) for row in found] for area, found in areas.items()}
    return {"machine": dict(described), "areas": rows}


def page(areas: Mapping[str, Sequence[Row]], described: Mapping[str, str]) -> str:
    """The page in full; it is written by the command alone, never by hand."""
    return "\n".join(
        [
            "# Speed",
            "",
            "Written by `python -m tools.benchmark`, which measures all of it in one run: the two ways of a",
            "line take turns, and the median counts. `python -m tools.benchmark --check` measures again, and",
            "fails where a ratio is below 80 % of the one here.",
            "",
            *(f"- {name}: {value}" for name, value in described.items()),
            "",
            *table(areas),
            "",
        ]
    )


def worse(areas: Mapping[str, Sequence[Row]], committed: Mapping[str, Any]) -> Iterator[str]:
    """What is slower against the plain way than it was, or no longer measured: a line for each.

    Args:
        areas: as measured now.
        committed: what `as_json` gave then; of its areas only those that were measured now are compared.
    """
    for area, rows in areas.items():
        now = {row.work: row.ratio for row in rows}
        for row in (Row(**entry) for entry in committed["areas"].get(area, [])):
            if row.ratio is None:
                continue  # seconds of another machine, or of another day
            ratio = now.get(row.work)
            if ratio is None:
                yield f"{area}: {row.work}: was {row.ratio:.2f} times as fast, and was not measured now"
            elif ratio < _LEAST * row.ratio:
                yield f"{area}: {row.work}: was {row.ratio:.2f} times as fast, now {ratio:.2f}"
