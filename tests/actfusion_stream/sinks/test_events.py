"""The log of events: whole lines, at once, and one line where it cannot be written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sinks_of_tests import beginning, end

from actfusion_stream.engine.timeline import Candidate, Futures, Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sources.frames import SourceInfo

PAST = (Segment("cut_tomato", 0.0, 4.0, 0.91234), Segment("pour_oil", 4.0, 6.40049, 0.5))
FUTURE = (Segment("pour_oil", 6.4, 8.0, 0.7), Segment("mix", 8.0, 9.6, 1 / 3))
TICK = Tick(7.0, 6.4, PAST, FUTURE, {"decode": 1.26, "total": 20.0})
INFO = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))


def started(target: str | Path) -> EventLog:
    log = EventLog(target)
    log.start(INFO)
    return log


def test_a_tick_is_one_line_of_json(tmp_path: Path) -> None:
    log = started(tmp_path / "events.jsonl")
    log.tick(TICK)
    log.close()
    assert (tmp_path / "events.jsonl").read_text() == (
        '{"type": "tick", "seen_until": 7.0, "observed_until": 6.4, '
        '"current": {"label": "pour_oil", "confidence": 0.5, "since": 4.0}, '
        '"past": [{"label": "cut_tomato", "start": 0.0, "end": 4.0, "confidence": 0.912}, '
        '{"label": "pour_oil", "start": 4.0, "end": 6.4, "confidence": 0.5}], '
        '"future": [{"label": "pour_oil", "start": 6.4, "end": 8.0, "confidence": 0.7}, '
        '{"label": "mix", "start": 8.0, "end": 9.6, "confidence": 0.333}], '
        '"next": [], "futures": null, "unfamiliar": false, "strangeness": null, '
        '"latency_ms": {"decode": 1.3, "total": 20.0}}\n'
    )


def test_several_futures_are_told_by_candidate_and_by_second(tmp_path: Path) -> None:
    following = (Candidate("mix", 0.875, 8.0, 7.2004, 9.6), Candidate("cut_tomato", 1 / 8, 9.0, 9.0, 9.0))
    probabilities = np.array([[0.04, 0.96, 0.0], [0.05, 0.1254, 0.8246]], np.float32)
    log = EventLog(tmp_path / "events.jsonl")
    log.start(replace(INFO, class_names=("cut_tomato", "pour_oil", "mix")))
    log.tick(replace(TICK, next=following, futures=Futures((FUTURE, FUTURE), 1, probabilities)))
    log.close()
    event = json.loads((tmp_path / "events.jsonl").read_text())
    assert event["next"] == [
        {"label": "mix", "probability": 0.875, "start": 8.0, "earliest": 7.2, "latest": 9.6},
        {"label": "cut_tomato", "probability": 0.125, "start": 9.0, "earliest": 9.0, "latest": 9.0},
    ]
    assert event["futures"] == {
        "likeliest": 1,
        "seconds": [{"pour_oil": 0.96}, {"mix": 0.825, "pour_oil": 0.125, "cut_tomato": 0.05}],
    }
    assert list(event["futures"]["seconds"][1]) == ["mix", "pour_oil", "cut_tomato"]  # the likeliest first


def test_every_line_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    log = started(str(tmp_path / "events.jsonl"))
    for count in range(1, 4):
        log.tick(TICK)
        lines = (tmp_path / "events.jsonl").read_text().splitlines()
        assert [json.loads(line)["type"] for line in lines] == ["tick"] * count
    log.gap(Gap(6.0, 9.12345, "the connection ended"))
    log.finish((), end())
    log.close()
    gap, summary = (tmp_path / "events.jsonl").read_text().splitlines()[-2:]
    assert gap == '{"type": "gap", "start": 6.0, "end": 9.123, "cause": "the connection ended"}'
    assert json.loads(summary)["type"] == "summary"
    assert json.loads(summary)["frames"] == 300


def test_what_has_settled_is_written_once(tmp_path: Path) -> None:
    log = started(tmp_path / "events.jsonl")
    for settled in (0, 1, 1):
        log.tick(Tick(7.0, 6.4, PAST, FUTURE, settled=settled))
    log.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["type"] for event in events] == ["tick", "settled", "tick", "tick"]
    assert [len(event["past"]) for event in events if event["type"] == "tick"] == [2, 1, 1]
    assert events[1]["label"] == "cut_tomato"


def test_a_dash_means_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    log = started("-")
    log.gap(Gap(0.0, 5.0, "silent"))
    log.close()
    assert capsys.readouterr().out == '{"type": "gap", "start": 0.0, "end": 5.0, "cause": "silent"}\n'
    print("still open")
    assert capsys.readouterr().out == "still open\n"


def test_an_older_log_is_replaced_when_the_stream_starts(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("yesterday's\n")
    log = EventLog(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_text() == "yesterday's\n"
    log.start(INFO)
    assert (tmp_path / "events.jsonl").read_text() == ""
    log.close()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("folder", "{target}: is a folder; give the name of a file in it"),
        ("gone/events.jsonl", "{target}: there is no folder {tmp}/gone; create it first"),
        ("in.mp4", "{target}: is the input itself; give the output another name"),
    ],
)
def test_a_log_that_cannot_be_opened_is_said_at_once(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "in.mp4").write_text("a video")
    with pytest.raises(StreamError) as error:
        EventLog(tmp_path / target, source=tmp_path / "in.mp4")
    assert str(error.value) == message.format(target=tmp_path / target, tmp=tmp_path)
    assert (tmp_path / "in.mp4").read_text() == "a video"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_on_a_full_disk_is_one_line() -> None:
    log = started("/dev/full")
    with pytest.raises(StreamError, match=r"^/dev/full: cannot be written \(No space left on device\)$"):
        log.tick(TICK)
    log.close()
