"""The last word on a stream: what was seen, how fast, and what was left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actfusion_stream.engine.stream import Stream
from actfusion_stream.engine.timeline import Segment, segment_to_json


@dataclass(frozen=True)
class Summary:
    """A finished stream in numbers.

    Attributes:
        source, checkpoint: how they are called.
        interrupted: the source was not read to its end: it failed, or somebody stopped the stream.
        warning: what was wrong with the source, None if nothing was.
        note: what whoever uses the results should know, see `Stats.note`.
        frames, features, ticks, unfamiliar, dropped, drops, gaps, seen_until: see `Stats`; of `drops` what is
            not 0.
        lookahead: seconds by which the past trails the newest frame.
        elapsed: seconds of wall clock.
        speed: seconds of source a second.
        latency_ms: percentiles by stage.
        segments: the final segmentation.
    """

    source: str
    checkpoint: str
    interrupted: bool
    warning: str | None
    note: str | None
    frames: int
    features: int
    ticks: int
    unfamiliar: int
    dropped: int
    drops: dict[str, int]
    gaps: int
    seen_until: float
    lookahead: float
    elapsed: float
    speed: float
    latency_ms: dict[str, dict[str, float]]
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, stream: Stream, segments: tuple[Segment, ...], failure: str | None = None) -> Summary:
        """Sum up a stream that is over.

        Args:
            stream: whose source is read no further.
            segments: of `Stream.finish`.
            failure: what ended it before its end, if something did.
        """
        stats = stream.stats
        return cls(
            source=stream.info.name,
            checkpoint=stream.engine.checkpoint,
            interrupted=stream.stopped or failure is not None,
            warning=failure or stream.warning,
            note=stats.note,
            frames=stats.frames,
            features=stats.features,
            ticks=stats.ticks,
            unfamiliar=stats.unfamiliar,
            dropped=stats.dropped,
            drops={cause: count for cause, count in stats.drops.items() if count},
            gaps=stats.gaps,
            seen_until=round(stats.seen_until, 3),
            lookahead=round(stream.lookahead, 3),
            elapsed=round(stats.elapsed, 3),
            speed=round(stats.speed, 2),
            latency_ms=stats.latencies(),
            segments=segments,
        )

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold, in the order of the attributes."""
        return asdict(self) | {"segments": [segment_to_json(segment) for segment in self.segments]}
