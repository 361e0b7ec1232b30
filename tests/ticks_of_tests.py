"""Ticks without a model, of somebody who cuts and mixes in turn, for those who hand them on."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.events.reading import Reader

SECONDS = 2.0  # of each action


def tick_at(number: int) -> Tick:
    """The tick of that number, from 0; one comes every half second."""
    seen = 0.5 * (number + 1)
    edges = [SECONDS * index for index in range(int(seen / SECONDS) + 1)]
    edges = [*edges, seen] if edges[-1] < seen else edges
    past = [
        Segment(("cut", "mix")[index % 2], start, end, 0.9)
        for index, (start, end) in enumerate(pairwise(edges))
    ]
    return Tick(seen, seen, tuple(past), (Segment("mix", seen, seen + 5.0, 0.5),), {"prediction": 5.0})


def past_of(bodies: list[bytes]) -> tuple[Reader, list[dict[str, Any]]]:
    """A reader of records, and them."""
    reader, records = Reader(), [json.loads(body) for body in bodies]
    for record in records:
        reader.read(record)
    return reader, records


def numbers_in(records: list[dict[str, Any]]) -> list[int]:
    return [record["number"] for record in records if record["type"] == "tick"]
