"""Command-line arguments, refused in one line: what was given and what would work, not a page of usage."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from actfusion_stream.shown import is_address, printable, redacted

# What Python reads beyond this nobody means: "nan", "inf", "1_000", blanks, digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WHOLE_NUMBER = re.compile(r"[+-]?\d+", re.ASCII)
MOST_SEED = 2**63 - 1  # of torch's generators
_LONGEST = 40  # characters of a number; Python gives up on whole ones of thousands of digits


class OneLineParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose complaints are one line on stderr; the exit status stays 2.

    It calls the program what the user called it, `actfusion-train` or `python -m tools.train`; argparse does
    so by itself from Python 3.14 on.

    Attributes:
        within: what stands before a complaint: the file that the arguments are from.
    """

    within = ""

    def __init__(self, **options: Any) -> None:
        module = getattr(sys.modules["__main__"], "__spec__", None)
        by_name = f"python -m {module.name.removesuffix('.__main__')}" if module else Path(sys.argv[0]).stem
        super().__init__(**{"prog": by_name, **options})

        self._given: list[str] = []

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._given = list(sys.argv[1:] if args is None else args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        # An address at the wrong place is no less of a secret.
        for word in {part for given in self._given for part in (given, given.partition("=")[2])}:
            if is_address(word):
                for form in (shortened(word), repr(word), word):
                    message = message.replace(form, redacted(word))
        self.exit(2, f"{self.prog}: {printable(self.within + message)} (--help says more)\n")


def number(
    what: str,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    above: bool = False,
    example: str = "",
) -> Callable[[str], float]:
    """The type of an option that takes a number.

    Args:
        what: is counted, e.g. "seconds".
        least, most: bounds, which are allowed themselves.
        above: `least` itself is not allowed.
        example: what would work.

    Returns:
        What argparse calls with the text: a finite number within the bounds, or an `ArgumentTypeError`.
    """

    def parse(text: str) -> float:
        try:
            found = finite(text)
        except ValueError:
            found = math.nan
        if not (least < found if above else least <= found) or not found <= most:
            raise argparse.ArgumentTypeError(_refusal(text, what, _bounds(least, most, above), example))
        return found

    return parse


def whole_number(
    what: str, least: float = -math.inf, most: float = math.inf, *, example: str = ""
) -> Callable[[str], int]:
    """The type of an option that takes a whole number; see `number`."""

    def parse(text: str) -> int:
        if len(text) > _LONGEST or not _WHOLE_NUMBER.fullmatch(text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(_refusal(text, what, _bounds(least, most, False), example))
        return int(text)

    return parse


def finite(text: str) -> float:
    """A number as people write one: digits 0 to 9, a point, an exponent.

    Raises:
        ValueError: it is none, or so large that it becomes infinite.
    """
    if len(text) > _LONGEST or not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"{shortened(text)} is no number")
    return float(text)


def shortened(text: str) -> str:
    """What was given, as it fits a line."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _refusal(text: str, what: str, bounds: str, example: str) -> str:
    return f"{shortened(text)}: give {what}{bounds}" + (f", e.g. {example}" if example else "")


def _bounds(least: float, most: float, above: bool) -> str:
    first, last = (f"{bound:.12g}" for bound in (least, most))  # a billion with all its digits
    if math.isinf(least):
        return "" if math.isinf(most) else f" up to {last}"
    if math.isinf(most):
        return f" above {first}" if above else f" from {first}"
    return f" above {first}, up to {last}" if above else f" from {first} to {last}"
