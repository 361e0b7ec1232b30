"""Watch a person work: what was done, what is being done, and what comes next, while the video runs."""

from actfusion_stream.errors import StreamError
from actfusion_stream.stream import Horizon, Step, Stream, open_stream
from actfusion_stream.timeline import Segment, Tick

__all__ = ["Horizon", "Segment", "Step", "Stream", "StreamError", "Tick", "open_stream"]
