"""Options from a TOML file, called as on the command line, which has the last word.

horizon = "20s"
checkpoint = "salads.safetensors"
segments = ["labels.csv", "labels.eaf"]
calm = false
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from actfusion_stream.errors import StreamError, brief

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NOT_HERE = {"config", "help", "version", "doctor", "completion", "sources"}


def read_options(path: Path, parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """What a file says, as it would be typed.

    Args:
        path: TOML, options at the top level.
        parser: knows the options.

    Returns:
        Command-line arguments by the name of the option; those of `video` are positional.

    Raises:
        StreamError: it is no TOML, there is no such option, or a value is none that can be typed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StreamError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # of the syntax, or of the encoding
        raise StreamError(f"{path}: is no TOML ({error})") from error
    actions = {
        action.option_strings[0].removeprefix("--"): action
        for action in parser._actions
        if action.option_strings and action.dest not in _NOT_HERE
    }
    found = {}
    for key, value in table.items():
        if key not in actions:
            like = difflib.get_close_matches(key, actions, 1)
            hint = f"; did you mean {like[0]}?" if like else ""
            raise StreamError(f"{path}: {key}: there is no such option{hint}")
        found[key] = _typed(f"{path}: {key}", key, value, actions[key])
    return found


def _typed(where: str, key: str, value: object, action: argparse.Action) -> list[str]:
    switch = action.nargs == 0
    if isinstance(value, bool) != switch:
        raise StreamError(f"{where}: give {'true or false' if switch else 'a value'}, not {brief(value)}")
    if isinstance(value, bool):
        off = f"--no-{key}"
        return [f"--{key}"] if value else [off] if off in action.option_strings else []
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, (str, int, float)) for one in values):
        raise StreamError(f"{where}: give text or a number, or a list of them, not {brief(value)}")
    texts = [str(one) for one in values]
    if key == "video":
        return texts
    if action.nargs == "+":
        return [f"--{key}", *texts]
    if len(texts) > 1 and not isinstance(action.default, list):
        raise StreamError(f"{where}: takes one value, not {len(texts)}")
    return [f"--{key}={text}" for text in texts]
