"""Command-line arguments, refused in one line: what was given and what would work, not a page of usage."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NoReturn


class OneLineParser(argparse.ArgumentParser):
    """An `ArgumentParser` whose complaints are one line on stderr; the exit status stays 2.

    It calls the program what the user called it, `actfusion-train` or `python -m tools.train`; argparse does so
    by itself from Python 3.14 on.
    """

    def __init__(self, **options: Any) -> None:
        module = getattr(sys.modules["__main__"], "__spec__", None)
        by_name = f"python -m {module.name.removesuffix('.__main__')}" if module else Path(sys.argv[0]).stem
        super().__init__(**{"prog": by_name, **options})

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help says more)\n")
