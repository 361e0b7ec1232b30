"""Weights on the command line: `actfusion-weights list | get | verify`."""

from __future__ import annotations

import argparse
import sys

from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.weights.cache import (
    cache_folder,
    difference,
    fetch,
    find,
    part_of,
    recorded_checksums,
    sha256,
)
from actfusion_stream.weights.catalogue import WEIGHTS, weight_file

_INTERRUPTED = 130  # what shells report of a program that SIGINT ended


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        Exit status: 0 done, 1 a file cannot be had or differs, 2 wrong usage, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "list":
            return _list()
        if options.command == "get":
            return _get(options.names)
        return _verify(options.names)
    except KeyboardInterrupt:
        print("actfusion-weights: stopped; the same command goes on, from there if it can", file=sys.stderr)
        return _INTERRUPTED
    except StreamError as error:
        print(f"actfusion-weights: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="actfusion-weights",
        description=f"Pretrained weights, from where their authors publish them. Kept in {cache_folder()}, "
        "or where the environment variable ACTFUSION_CACHE says.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="list | get | verify")
    commands.add_parser("list", help="what there is, and what of it is here")
    get = commands.add_parser("get", help="download weights")
    get.add_argument("names", nargs="+", metavar="NAME")
    verify = commands.add_parser("verify", help="compare the files that are here with their checksums")
    verify.add_argument("names", nargs="*", metavar="NAME", help="only these (default: all that are here)")
    return parser


def _list() -> int:
    from rich.console import Console
    from rich.table import Table

    folder = cache_folder()
    recorded = recorded_checksums(folder)
    table = Table(box=None, pad_edge=False)
    for column in ("name", "size", "licence", "SHA-256", "here"):
        table.add_column(column, no_wrap=True, justify="right" if column == "size" else "left")
    for weight in WEIGHTS.values():
        path = folder / weight.file_name
        size = path.stat().st_size if path.is_file() else weight.size
        sums = (weight.sha256, recorded.get(weight.name), weight.sha256_prefix)
        known = next((sum_ for sum_ in sums if sum_), None)
        table.add_row(
            weight.name,
            "not known" if size is None else f"{size / 1e6:.1f} MB",
            weight.licence,
            f"{known[:8]}…" if known else "not known",
            "yes" if path.is_file() else "in part" if part_of(path).exists() else "no",
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(f"in {folder}", soft_wrap=True)
    return 0


def _get(names: list[str]) -> int:
    for name in names:
        weight_file(name)  # a wrong name is to be known before the first long download
    for name in names:
        print(fetch(name))
    return 0


def _verify(names: list[str]) -> int:
    folder = cache_folder()
    recorded = recorded_checksums(folder)
    paths = {name: find(name) for name in names} or {
        name: folder / weight.file_name
        for name, weight in WEIGHTS.items()
        if (folder / weight.file_name).is_file()
    }
    status = 0
    for name, path in paths.items():
        weight, found = weight_file(name), sha256(path)
        unlike = difference(weight, path, found)
        if unlike:
            print(f"{name}: {path} differs: {unlike}")
            status = 1
        elif weight.git_blob:
            print(f"{name}: {found}, as published: its git blob id is {weight.git_blob}")
        elif weight.sha256 or name in recorded:
            print(f"{name}: {found} as {'published' if weight.sha256 else 'first downloaded'}")
        elif weight.sha256_prefix:
            print(f"{name}: {found}, of which {weight.sha256_prefix} is published")
        else:
            print(f"{name}: {found}, with which nothing is known to compare")
    if not paths:
        print(f"no weights in {folder}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
