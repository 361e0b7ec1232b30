"""The records: what stands in them, that the schema says so, and that a reader has the whole past."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from sinks_of_tests import beginning, end

from actfusion_stream import Engine, Tick, __version__
from actfusion_stream.engine.timeline import Candidate, Futures, Gap, Segment
from actfusion_stream.events.reading import Reader
from actfusion_stream.events.records import Records, line, schema
from actfusion_stream.sources.frames import SourceInfo

PAST = (Segment("cut_tomato", 0.0, 4.0, 0.91234), Segment("pour_oil", 4.0, 6.40049, 0.5))
FUTURE = (Segment("pour_oil", 6.4, 8.0, 0.7), Segment("mix", 8.0, 9.6, 1 / 3))
TICK = Tick(7.0, 6.4, PAST, FUTURE, {"taken": 1.26, "feature": 12.0, "prediction": 20.0})
INFO = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))
CLASSES = ("cut_tomato", "pour_oil", "mix")


def validated(records: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    validator = Draft202012Validator(schema())
    found = list(records)
    for record in found:
        validator.validate(record)
    return found


def without_utc(record: dict[str, Any]) -> dict[str, Any]:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["utc"])
    return {key: value for key, value in record.items() if key != "utc"}


def test_the_first_record_says_what_speaks() -> None:
    (header,) = validated([Records(INFO).header()])
    assert without_utc(header) == {
        "type": "header",
        "source": "camera 0",
        "version": 2,
        "program": {"name": "actfusion-stream", "version": __version__},
        "checkpoint": {"name": "bundled", "fingerprint": "0123456789abcdef"},
        "classes": ["cut", "mix"],
        "live": True,
        "rate": 30.0,
        "size": [64, 48],
        "duration": None,
        "lookahead": 0.5,
    }


def test_a_tick_and_what_it_changes_of_actions() -> None:
    tick, *actions = validated(Records(INFO).tick(TICK))
    assert without_utc(tick) == {
        "type": "tick",
        "source": "camera 0",
        "number": 0,
        "past": {
            "since": None,
            "whole": True,
            "settled": 0,
            "length": 2,
            "changed": [
                {"at": 0, "label": "cut_tomato", "start": 0.0, "end": 4.0, "confidence": 0.91},
                {"at": 1, "label": "pour_oil", "start": 4.0, "end": 6.4, "confidence": 0.5},
            ],
        },
        "seen_until": 7.0,
        "observed_until": 6.4,
        "current": {"label": "pour_oil", "confidence": 0.5, "since": 4.0},
        "next": [],
        "goes_on": 0.0,
        "doubt": 0.0,
        "future": [
            {"label": "pour_oil", "start": 6.4, "end": 8.0, "confidence": 0.7},
            {"label": "mix", "start": 8.0, "end": 9.6, "confidence": 0.33},
        ],
        "futures": None,
        "unfamiliar": False,
        "strangeness": None,
        "latency_ms": {"taken": 1.3, "feature": 12.0, "prediction": 20.0},
    }
    told = [(action["type"], action["label"]) for action in actions]
    assert told == [
        ("action_started", "cut_tomato"),
        ("action_ended", "cut_tomato"),
        ("action_started", "pour_oil"),
    ]


def test_several_futures_are_told_by_candidate_and_by_second() -> None:
    following = (Candidate("mix", 0.75, 8.0, 7.2004, 9.6), Candidate("cut_tomato", 1 / 8, 9.0, 9.0, 9.0))
    probabilities = np.array([[0.04, 0.96, 0.0], [0.05, 0.1254, 0.8246]], np.float32)
    several = Futures((FUTURE, FUTURE), 1, probabilities)
    tick = replace(TICK, next=following, futures=several, strangeness=1.234, doubt=0.1)
    said, *_ = validated(Records(replace(INFO, class_names=CLASSES)).tick(tick))
    assert said["next"] == [
        {"label": "mix", "probability": 0.75, "start": 8.0, "earliest": 7.2, "latest": 9.6},
        {"label": "cut_tomato", "probability": 0.125, "start": 9.0, "earliest": 9.0, "latest": 9.0},
    ]
    assert (said["goes_on"], said["doubt"]) == (0.025, 0.1)
    assert said["futures"] == {
        "likeliest": 1,
        "seconds": [{"pour_oil": 0.96}, {"mix": 0.82, "pour_oil": 0.13, "cut_tomato": 0.05}],
    }
    assert list(said["futures"]["seconds"][1]) == ["mix", "pour_oil", "cut_tomato"]  # the likeliest first
    assert (said["unfamiliar"], said["strangeness"]) == (True, 1.23)


def test_a_gap_what_was_lost_and_the_end() -> None:
    records = Records(INFO)
    records.tick(TICK)
    gap, lost = validated([records.gap(Gap(6.0, 9.12345, "the cable")), records.lost(3)])
    assert without_utc(gap) == {
        "type": "gap", "source": "camera 0", "start": 6.0, "end": 9.123, "cause": "the cable",
    }  # fmt: skip
    assert without_utc(lost) == {"type": "lost", "source": "camera 0", "events": 3}
    ended, summary = validated(records.end(PAST, end()))
    assert (ended["type"], ended["label"], ended["cause"]) == ("action_ended", "pour_oil", "stream ended")
    assert (summary["type"], summary["source"], summary["frames"]) == ("summary", "camera 0", 300)


def test_of_the_past_only_what_has_changed_is_told() -> None:
    records = Records(INFO)
    grown = replace(TICK, past=(PAST[0], replace(PAST[1], end=6.9)))
    third = replace(grown, past=(*grown.past, Segment("mix", 6.9, 7.5, 0.8)), settled=1)
    pasts = [records.tick(tick)[0]["past"] for tick in (TICK, grown, third, third, replace(TICK, settled=1))]
    assert [past["since"] for past in pasts] == [None, 0, 1, 2, 3]
    assert [[change["at"] for change in past["changed"]] for past in pasts] == [[0, 1], [1], [2], [], [1]]
    assert [past["length"] for past in pasts] == [2, 2, 3, 3, 2]
    assert [past["settled"] for past in pasts] == [0, 0, 1, 1, 1]


def test_what_was_not_told_is_told_with_the_next_one() -> None:
    records, reader = Records(INFO), Reader()
    for record in records.tick(TICK):
        reader.read(record)
    later = replace(TICK, past=(*PAST, Segment("mix", 6.5, 7.5, 0.8)))
    assert [record["type"] for record in records.tick(later)] == ["tick", "action_ended", "action_started"]
    records.untold()
    tick, *actions = records.tick(later)
    assert (tick["number"], tick["past"]["since"]) == (2, 0)
    assert [action["type"] for action in actions] == ["action_ended", "action_started"]
    reader.read(tick)
    assert (reader.whole, len(reader.past)) == (True, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "other"},
        {"type": "lost", "source": "a", "utc": "2026-01-01T00:00:00.000Z", "events": 0},
        {"type": "lost", "source": "a", "utc": "2026-01-01 00:00:00", "events": 1},
        {"type": "lost", "source": "a", "utc": "2026-01-01T00:00:00.000Z", "events": 1, "more": 1},
        {"source": "a"},
    ],
)
def test_the_schema_refuses_what_is_no_record(wrong: dict[str, Any]) -> None:
    validator = Draft202012Validator(schema())
    Draft202012Validator.check_schema(schema())
    assert not validator.is_valid(wrong)


# -- a reader


@pytest.fixture(scope="module")
def ticks(tiny_checkpoint: Path) -> list[Tick]:
    """Two and a half minutes of noise with gaps, of a model that changes its mind and forgets."""
    session = Engine.load(tiny_checkpoint, device="cpu").session(memory=20.0, calm=False)
    rng, found = np.random.default_rng(0), []
    for index in range(600):
        image = rng.integers(0, 256, (48, 64, 3), np.uint8)
        found.append(session.push(image, index / 4, gap="the cable" if index % 40 == 39 else ""))
    return [tick for tick in found if tick is not None]


def as_said(tick: Tick) -> list[dict[str, Any]]:
    return [
        {
            "label": segment.label,
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "confidence": round(segment.confidence, 2),
        }
        for segment in tick.past
    ]


def test_reading_the_log_again_gives_the_whole_past_of_every_tick(ticks: list[Tick]) -> None:
    records, reader = Records(INFO), Reader()
    told = whole = 0
    assert ticks[-1].settled > 10
    for tick in ticks:
        said, *_ = validated(records.tick(replace(tick, futures=None)))
        reader.read(said)
        assert reader.past == as_said(tick)
        assert (reader.whole, reader.missing) == (True, 0)
        told += len(line(said))
        whole += len(line({**said, "past": as_said(tick)}))
    assert told < whole


def test_ticks_that_a_slow_reader_did_not_get_leave_no_hole(ticks: list[Tick]) -> None:
    records, reader, rng = Records(INFO), Reader(), random.Random(0)
    open_actions = 0
    for tick in ticks:
        said = records.tick(replace(tick, futures=None))
        if rng.random() < 0.7:
            records.untold()
            continue
        for record in said:
            reader.read(record)
            open_actions += {"action_started": 1, "action_ended": -1}.get(record["type"], 0)
            assert open_actions in (0, 1)
        assert reader.past == as_said(tick)


def test_who_comes_in_the_middle_begins_with_a_whole_tick(ticks: list[Tick]) -> None:
    records, early, late = Records(INFO), Reader(), Reader()
    for number, tick in enumerate(ticks):
        said, *_ = records.tick(replace(tick, futures=None), whole=number % 50 == 0)
        early.read(said)
        assert early.past == as_said(tick)
        if number >= 320:
            late.read(said)
            assert late.whole is (number >= 350)
            assert late.tick == said
        if number >= 350:
            assert late.missing == ticks[350].settled > 0
            assert late.past == as_said(tick)[late.missing :]


def test_a_header_begins_another_stream() -> None:
    reader, records = Reader(), Records(INFO)
    reader.read(records.tick(TICK)[0])
    reader.read(header := Records(INFO).header())
    assert (reader.header, reader.past, reader.tick, reader.whole) == (header, [], None, False)
    reader.read({"type": "something new"})
    with pytest.raises(KeyError, match="'type'"):
        reader.read({})
