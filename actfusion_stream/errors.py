"""The one exception that a user, not a developer, is meant to read, and the numbers that it is raised for."""

from __future__ import annotations

import contextlib
import reprlib
from numbers import Real

from actfusion_stream.shown import printable


class StreamError(Exception):
    """Something the user gave cannot be used.

    The message is one line that names what was given, what was found and what would work. The command line
    prints it without a traceback and exits non-zero; a traceback therefore always means a bug of ours. What a
    terminal would obey, in the name of a file, is not in it.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


def in_a_line(error: StreamError | OSError) -> str:
    """What went wrong, for a person: the system's errors name their file and are without numbers."""
    if isinstance(error, StreamError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def print_error(what: Exception | str) -> None:
    """Say on standard error, in one line, why a command gives up."""
    from rich.console import Console

    line = f"error: {what}"
    Console(stderr=True).print(line, style="red", highlight=False, markup=False, soft_wrap=True)


def number_within(
    name: str, given: object, lowest: float, highest: float, advice: str, *, above: bool = False
) -> float:
    """A number that lies within bounds.

    Args:
        name: what it is, as the user calls it.
        given: an int or a float, of numpy's too; no truth value, and no text.
        lowest, highest: the bounds, which are allowed.
        advice: what would work.
        above: the lowest itself is not allowed.

    Raises:
        StreamError: it is anything else, "not a number" included.
    """
    value, found = float("nan"), brief(given)
    if isinstance(given, Real) and not isinstance(given, bool):
        with contextlib.suppress(OverflowError):  # an integer of hundreds of digits
            value = float(given)
            found = f"{value:g}"
    if value <= highest and (lowest < value if above else lowest <= value):
        return value
    raise StreamError(f"{name} {found}: {advice}")


def brief(given: object) -> str:
    """Anything that was given, short, in one line."""
    try:
        return " ".join(reprlib.repr(given).split())
    except Exception:  # of an integer of thousands of digits, or what else cannot be shown
        return f"of type {type(given).__name__}"
