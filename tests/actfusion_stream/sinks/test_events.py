"""The log of events: whole lines, at once, and one line where it cannot be written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sinks_of_tests import beginning, end

from actfusion_stream.engine.timeline import Gap, Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sources.frames import SourceInfo

PAST = (Segment("pour_oil", 6.1, 6.40049, 0.5),)
FUTURE = (Segment("pour_oil", 6.4, 8.0, 0.7), Segment("mix", 8.0, 9.6, 1 / 3))
TICK = Tick(7.0, 6.4, PAST, FUTURE, {"prediction": 20.0})
INFO = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))


def started(target: str | Path) -> EventLog:
    log = EventLog(target)
    log.start(INFO)
    return log


def events_in(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_a_line_the_header_first(tmp_path: Path) -> None:
    log = started(tmp_path / "events.jsonl")
    log.tick(TICK)
    log.close()
    header, tick = (tmp_path / "events.jsonl").read_text().splitlines()
    assert header.startswith('{"type":"header","source":"camera 0","utc":"2')
    assert tick.startswith('{"type":"tick","source":"camera 0","utc":"2')
    assert '"past":{"since":null,"whole":true,"settled":0,"length":1,"changed":[{"at":0,' in tick


def test_every_line_can_be_read_as_soon_as_it_is_written(tmp_path: Path) -> None:
    log = started(str(tmp_path / "events.jsonl"))
    for count in range(1, 4):
        log.tick(TICK)
        said = [event["type"] for event in events_in(tmp_path / "events.jsonl")]
        assert said == ["header"] + ["tick"] * count
    log.gap(Gap(6.0, 9.12345, "the connection ended"))
    log.finish((), end())
    log.close()
    gap, summary = events_in(tmp_path / "events.jsonl")[-2:]
    assert (gap["type"], gap["end"], gap["cause"]) == ("gap", 9.123, "the connection ended")
    assert (summary["type"], summary["frames"]) == ("summary", 300)


def test_a_dash_means_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    log = started("-")
    log.gap(Gap(0.0, 5.0, "silent"))
    log.close()
    header, gap = capsys.readouterr().out.splitlines()
    assert (json.loads(header)["type"], json.loads(gap)["cause"]) == ("header", "silent")
    print("still open")
    assert capsys.readouterr().out == "still open\n"


def test_an_older_log_is_replaced_when_the_stream_starts(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text("yesterday's\n")
    log = EventLog(tmp_path / "events.jsonl")
    assert (tmp_path / "events.jsonl").read_text() == "yesterday's\n"
    log.start(INFO)
    assert [event["type"] for event in events_in(tmp_path / "events.jsonl")] == ["header"]
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
    log = started("/dev/full")  # only that is given up, so it is said with the first tick
    with pytest.raises(StreamError, match=r"^/dev/full: cannot be written \(No space left on device\)$"):
        log.tick(TICK)
    log.close()
