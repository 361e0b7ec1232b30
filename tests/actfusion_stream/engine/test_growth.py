"""A long stream says at each tick no more than a short one: what has settled is told once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sinks_of_tests import beginning

from actfusion_stream import Engine, Tick
from actfusion_stream.engine.timeline import segment_to_json
from actfusion_stream.events.records import Records, line
from actfusion_stream.sources.frames import SourceInfo

MEMORY = 5.0  # seconds


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> Engine:
    return Engine.load(tiny_checkpoint, device="cpu")


@pytest.fixture(scope="module")
def ticks(engine: Engine) -> list[Tick]:
    """Ten minutes, of which every tenth second or so is a gap."""
    session = engine.session(memory=MEMORY)
    rng = np.random.default_rng(0)
    found = []
    for index in range(2400):
        away = index % 40 == 39
        image = rng.integers(0, 256, (48, 64, 3), np.uint8)
        found.append(session.push(image, index / 4, gap="the cable" if away else ""))
    return [tick for tick in found if tick is not None]


def test_a_line_of_the_log_does_not_grow(engine: Engine, ticks: list[Tick]) -> None:
    records = Records(
        beginning(SourceInfo("camera 0", 64, 48, None, 4.0, live=True, has_audio=False), engine.class_names)
    )
    sizes = [len(line(records.tick(tick, whole=True)[0])) for tick in ticks]
    assert len(sizes) > 500
    assert np.mean(sizes[400:]) <= 1.25 * np.mean(sizes[20:120])


def test_what_is_told_again_and_again_is_not_older_than_the_memory(ticks: list[Tick]) -> None:
    for tick in ticks:
        told = tick.past[tick.settled :]
        assert len(told) <= MEMORY * 15 / 4 + 2
        assert all(segment.end >= tick.observed_until - MEMORY - 4 / 15 for segment in told[1:])
        assert len(tick.gaps) <= 100


def test_settled_once_and_open_ones_are_everything(ticks: list[Tick]) -> None:
    told: list[dict[str, str | float]] = []
    settled = 0
    for tick in ticks:
        told += map(segment_to_json, tick.past[settled : tick.settled])
        settled = tick.settled
    told += map(segment_to_json, ticks[-1].past[settled:])
    assert told == [segment_to_json(segment) for segment in ticks[-1].past]
