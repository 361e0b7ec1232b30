"""Watch a person work: what was done, what is being done, and what comes next, while the video runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from actfusion_stream.version import __version__ as __version__

if TYPE_CHECKING:
    from actfusion_stream.engine.engine import Engine
    from actfusion_stream.engine.session import Session
    from actfusion_stream.engine.settings import Horizon
    from actfusion_stream.engine.stream import Step, Stream, StreamInfo, open_stream
    from actfusion_stream.engine.summary import Summary
    from actfusion_stream.engine.timeline import Gap, Segment, Tick
    from actfusion_stream.errors import StreamError
    from actfusion_stream.runner import Outcome, run
    from actfusion_stream.sinks.sink import Sink
    from actfusion_stream.sources.frames import Frame

__all__ = [
    "Engine",
    "Frame",
    "Gap",
    "Horizon",
    "Outcome",
    "Segment",
    "Session",
    "Sink",
    "Step",
    "Stream",
    "StreamError",
    "StreamInfo",
    "Summary",
    "Tick",
    "open_stream",
    "run",
]

_HOMES = {
    "Engine": "engine.engine",
    "Frame": "sources.frames",
    "Gap": "engine.timeline",
    "Horizon": "engine.settings",
    "Outcome": "runner",
    "Segment": "engine.timeline",
    "Session": "engine.session",
    "Sink": "sinks.sink",
    "Step": "engine.stream",
    "Stream": "engine.stream",
    "StreamError": "errors",
    "StreamInfo": "engine.stream",
    "Summary": "engine.summary",
    "Tick": "engine.timeline",
    "open_stream": "engine.stream",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: torch takes seconds, which `--help` or a typo need not cost."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, and what Python itself expects; not what this file is made with."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
