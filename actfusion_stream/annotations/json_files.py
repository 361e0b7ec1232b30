"""JSON from anybody: what stands in it is looked up with its place, so that an error can name it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from actfusion_stream.annotations.segments import read_text_file
from actfusion_stream.errors import StreamError

T = TypeVar("T", bound="dict[str, Any] | list[Any]")


def read_json(path: Path) -> dict[str, Any] | list[Any]:
    """What a file holds.

    Raises:
        StreamError: it cannot be read, or is no JSON.
    """
    try:
        found = json.loads(read_text_file(path))
    except (ValueError, RecursionError) as error:  # RecursionError: of brackets in brackets
        raise StreamError(f"annotations {path}: not JSON: {str(error)[:100]}") from error
    if not isinstance(found, (dict, list)):
        raise StreamError(f"annotations {path}: JSON of a {type(found).__name__}; segments are expected")
    return found


def as_kind(found: object, kind: type[T], place: str, what: str) -> T:
    """`found`, if it is a dict or a list as it should be.

    Raises:
        StreamError: it is something else.
    """
    if not isinstance(found, kind):
        wanted = "an object" if kind is dict else "a list"
        raise StreamError(f"annotations {place}: {what} is no {wanted.split()[1]}; {wanted} is expected")
    return found


def pair(found: object, place: str, what: str) -> tuple[object, object]:
    """The two values of a list of two.

    Raises:
        StreamError: it is something else.
    """
    if not isinstance(found, list) or len(found) != 2:
        raise StreamError(f"annotations {place}: {what} {str(found)[:50]!r}; give [start, end]")
    return found[0], found[1]


def json_text(content: object) -> str:
    """As it is written: readable by people, with their letters."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
