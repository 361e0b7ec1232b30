"""Watch a person work: what was done, what is being done, and what comes next, while the video runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError

if TYPE_CHECKING:
    from actfusion_stream.engine.stream import Horizon, Step, Stream, open_stream

__all__ = ["Horizon", "Segment", "Step", "Stream", "StreamError", "Tick", "open_stream"]


def __getattr__(name: str) -> Any:
    """Import the stream when it is asked for: torch takes seconds, which `--help` or a typo need not cost."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from actfusion_stream.engine import stream

    return getattr(stream, name)
