"""A wish to stop is obeyed within seconds, whatever holds us up, and what was written can be used."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import events_of, frame_times, names, start
from sample_videos import make_video

from actfusion_stream import Engine, Frame, Stream, open_stream, run
from actfusion_stream.events.reading import Reader
from actfusion_stream.events.records import Records, line
from actfusion_stream.files import temporary_name
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.segments import SegmentFile
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import Source

_SLACK = 4.0  # seconds that a busy machine may take longer than the two that are promised


def ended(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Exit status, and seconds that it took from now."""
    began = time.monotonic()
    status = process.wait(30)
    return status, time.monotonic() - began


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_reader_who_stalls_holds_up_neither_a_signal_nor_the_export(
    long_video: Path, tiny_checkpoint: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    os.mkfifo(tmp_path / "events")
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--tick", "0.04",
        "--events", tmp_path / "events", "--output", tmp_path / "a.mp4", "--horizon", "60s",
        "--labels", "online",
    )  # fmt: skip
    with (tmp_path / "events").open("rb") as stalled:
        assert stalled.readline()
        time.sleep(4)  # nobody reads: the pipe and the queue are full by now, or the end is near
        process.send_signal(number)
        found, took = ended(process)
    assert found == status
    assert took < 2 + _SLACK
    assert len(frame_times(tmp_path / "a.mp4")) > 10


def test_a_hole_that_is_being_filled_holds_up_no_signal(tiny_checkpoint: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "two.mkv", times=[0, 3_500_000])
    process = start(
        "--video", video, "--checkpoint", tiny_checkpoint, "--display", "none", "--events",
        tmp_path / "events.jsonl", "--memory", "86400",
    )  # fmt: skip
    while process.poll() is None and not (tmp_path / "events.jsonl").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    status, took = ended(process)
    assert status in (143, 0)  # 0 if it was quicker than we were
    assert took < 2 + _SLACK


class Camera:
    """A live source whose frames come as fast as they are taken."""

    info = SourceInfo("camera", 64, 48, None, 15.0, live=True, has_audio=False)
    warning = remark = None

    def __init__(self, count: int) -> None:
        self._count = count

    def frames(self) -> Iterator[Frame]:
        for index in range(self._count):
            time.sleep(0.001)
            image = np.full((48, 64, 3), index % 256, np.uint8)
            yield Frame(index / 15, image, index, time.perf_counter())

    def stop(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_reader_who_stalls_costs_a_live_source_no_frame(tiny_checkpoint: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events")
    reader = os.open(tmp_path / "events", os.O_RDONLY | os.O_NONBLOCK)
    engine = Engine.load(tiny_checkpoint, device="cpu")
    source = Source(Camera(450), max_staleness=100.0)
    with open_stream(source, engine=engine, tick=0.1, horizon="600s", max_staleness=100.0) as stream:
        outcome = run(stream, [EventLog(tmp_path / "events"), SegmentFile(tmp_path / "a.csv")])
    os.close(reader)
    assert outcome.summary.frames == 450
    assert outcome.summary.dropped == 0
    assert any("was not read in time" in warning for warning in outcome.warnings)
    assert (tmp_path / "a.csv").exists()


def test_what_was_lost_is_said_in_the_log_itself(tiny_checkpoint: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "events")
    reader = os.open(tmp_path / "events", os.O_RDONLY | os.O_NONBLOCK)
    log = EventLog(tmp_path / "events")
    engine = Engine.load(tiny_checkpoint, device="cpu")
    source = Source(Camera(60), max_staleness=100.0)
    found = b""

    def read() -> None:
        nonlocal found
        try:
            while piece := os.read(reader, 1 << 20):
                found += piece
        except BlockingIOError:
            pass

    with open_stream(source, engine=engine, max_staleness=100.0) as stream:
        log.start(stream.about)
        tick = list(stream)[-1]
    smallest = sum(map(len, map(line, Records(stream.about).tick(tick, whole=True)))) // 2
    enough = 3 * (1 << 20) // smallest  # for the pipe and all that may wait for it
    for _ in range(enough):
        log.tick(tick)
    while len(found) < 1 << 20:
        read()
    log.tick(tick)
    log.close()
    read()
    os.close(reader)
    whole = [json.loads(line) for line in found.splitlines()[:-1]]
    lost = sum(event["events"] for event in whole if event["type"] == "lost")
    assert lost > 0
    reader = Reader()
    for event in whole:
        reader.read(event)
    assert (reader.lost, reader.whole, len(reader.past)) == (lost, True, len(tick.past))
    assert enough + 1 >= lost + sum(event["type"] == "tick" for event in whole)


# Places that go away, and names that are long


def test_a_folder_that_is_removed_meanwhile_costs_only_what_lies_in_it(
    long_video: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--events", "-",
        "--output", tmp_path / "gone" / "a.mp4", "--segments", tmp_path / "a.csv",
    )  # fmt: skip
    assert process.stdout is not None
    first = process.stdout.readline() + process.stdout.readline()
    shutil.rmtree(tmp_path / "gone")
    rest, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.startswith(f"actfusion-stream: {tmp_path / 'gone'}")
    assert err.count("\n") == 1
    events = events_of(first + rest)
    assert events[-1]["type"] == "summary"
    with (tmp_path / "a.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(events[-1]["segments"])


@pytest.mark.parametrize("length", [200, 244, 245, 251, 255])
def test_a_name_as_long_as_a_disk_takes_it_is_no_obstacle(
    tiny_video: Path, tiny_checkpoint: Path, tmp_path: Path, length: int
) -> None:
    name = "s" * (length - 4) + ".csv"
    with open_stream(tiny_video, engine=Engine.load(tiny_checkpoint, device="cpu")) as stream:
        run(stream, [SegmentFile(tmp_path / name)])
    assert names(tmp_path) == [name]


def test_what_a_killed_run_has_left_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    process = subprocess.Popen(["sleep", "0"])
    process.wait()
    gone = temporary_name(target).name.replace(f".{os.getpid()}.", f".{process.pid}.")
    kept = [temporary_name(tmp_path / "b.csv").name, temporary_name(target).name, ".a.csv.1.part.txt"]
    for name in (gone, *kept):
        (tmp_path / name).write_text("half")
    (tmp_path / kept[1]).unlink()  # our own is taken for this run
    SegmentFile(target)
    assert names(tmp_path) == sorted([kept[0], kept[2]])


def test_stopping_from_python_ends_a_run_with_whole_results(
    tiny_video: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    def stopping(stream: Stream) -> None:
        stream.stop()

    with open_stream(tiny_video, engine=Engine.load(tiny_checkpoint, device="cpu")) as stream:
        stopping(stream)
        outcome = run(stream, [EventLog(tmp_path / "a.jsonl"), SegmentFile(tmp_path / "a.csv")])
    assert outcome.summary.interrupted
    assert names(tmp_path) == ["a.csv", "a.jsonl"]
