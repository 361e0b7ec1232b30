"""What a sink is told, without a stream: the beginning and the end of one."""

from __future__ import annotations

from actfusion_stream.engine.stats import Stats
from actfusion_stream.engine.stream import StreamInfo
from actfusion_stream.engine.summary import Summary
from actfusion_stream.sources.frames import SourceInfo


def beginning(source: SourceInfo, class_names: tuple[str, ...] = ("cut", "mix")) -> StreamInfo:
    return StreamInfo(source, "bundled", "0123456789abcdef", class_names, lookahead=0.5, stats=Stats())


def end(*, interrupted: bool = False, frames: int = 300) -> Summary:
    return Summary(
        source="camera 0",
        checkpoint="bundled",
        interrupted=interrupted,
        warning=None,
        frames=frames,
        features=75,
        ticks=3,
        unfamiliar=0,
        dropped=0,
        drops={},
        gaps=0,
        seen_until=10.0,
        lookahead=0.5,
        elapsed=5.0,
        speed=2.0,
        note=None,
        latency_ms={},
        segments=(),
    )
