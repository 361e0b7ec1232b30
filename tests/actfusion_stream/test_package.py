"""What `from actfusion_stream import …` offers, and what it costs."""

from __future__ import annotations

import importlib
import pydoc
import subprocess
import sys
from importlib.metadata import version

import pytest

import actfusion_stream


def test_every_public_name_is_there_seen_and_documented() -> None:
    for name in actfusion_stream.__all__:
        assert getattr(actfusion_stream, name).__doc__
    assert [name for name in dir(actfusion_stream) if name[0] != "_"] == sorted(actfusion_stream.__all__)
    assert "__version__" in dir(actfusion_stream)
    text = pydoc.render_doc(actfusion_stream, renderer=pydoc.plaintext)
    assert all(name in text for name in actfusion_stream.__all__)
    assert f"VERSION\n    {actfusion_stream.__version__}\n" in text


def test_run_is_a_function_whatever_was_imported_before() -> None:
    importlib.import_module("actfusion_stream.runner")
    importlib.import_module("actfusion_stream.cli")
    assert callable(actfusion_stream.run)
    assert callable(actfusion_stream.open_stream)


def test_the_version_is_that_of_the_installation() -> None:
    assert actfusion_stream.__version__ == version("actfusion-stream")


def test_an_unknown_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'open_steam'"):
        _ = actfusion_stream.open_steam  # type: ignore[attr-defined]


def test_importing_it_does_not_wait_for_torch() -> None:
    program = "import sys, actfusion_stream; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
