"""Events on a socket: lines for whoever listens, who may go away, come back, or not read at all."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import pytest
from sinks_of_tests import beginning, end
from ticks_of_tests import numbers_in, past_of, tick_at

from actfusion_stream.errors import StreamError
from actfusion_stream.receivers import receiver as receivers
from actfusion_stream.receivers.address import shown_target
from actfusion_stream.receivers.opening import open_events
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import SourceInfo

CAMERA = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))
FILE = beginning(SourceInfo("a.mp4", 64, 48, 9.0, 30.0, live=False, has_audio=False))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(receivers, "_SILENT", 2.0)


def listening(kind: str, folder: Path) -> tuple[socket.socket, str]:
    if kind == "tcp":
        listener = socket.create_server(("127.0.0.1", 0))
        return listener, f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "a.sock"))
    listener.listen()
    return listener, f"unix://{folder}/a.sock"


def started(address: str, info=CAMERA) -> Sink:
    sink = open_events(address)
    sink.start(info)
    return sink


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_record_is_a_line_as_in_a_file(kind: str, tmp_path: Path) -> None:
    listener, address = listening(kind, tmp_path)
    with listener:
        sink, log = started(address, FILE), EventLog(tmp_path / "events.jsonl")
        log.start(FILE)
        with listener.accept()[0] as connection:
            for number in range(10):
                sink.tick(tick_at(number))
                log.tick(tick_at(number))
            for one in (sink, log):
                one.finish((), end())
                one.close()
            lines = connection.makefile("rb").read().splitlines()
    same = [
        [{key: value for key, value in json.loads(line).items() if key != "utc"} for line in found]
        for found in (lines, (tmp_path / "events.jsonl").read_bytes().splitlines())
    ]
    assert same[0] == same[1]
    assert numbers_in(same[0]) == list(range(10))
    assert sink.warning is None


def test_a_new_connection_begins_with_the_header_and_soon_has_the_whole_past() -> None:
    listener, address = listening("tcp", Path())
    with listener:
        sink = started(address)
        with listener.accept()[0] as first:
            lines = first.makefile("rb")
            sink.tick(tick_at(0))
            assert [json.loads(lines.readline())["type"] for _ in range(2)] == ["header", "tick"]
            lines.close()
        with noticed(sink, listener) as second:
            lines = second.makefile("rb")
            header = lines.readline()
            for number in range(20, 23):
                sink.tick(tick_at(number))
            sink.close()
            reader, records = past_of([header, *lines.read().splitlines()])
    assert records[0]["type"] == "header"
    assert (reader.whole, reader.missing, len(reader.past)) == (True, 0, 6)


def noticed(sink: Sink, listener: socket.socket) -> socket.socket:
    """Speak until it is noticed that the connection is broken: the next one."""
    listener.settimeout(0.1)
    for number in range(1, 100):
        sink.tick(tick_at(number % 20))
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            connection.settimeout(20.0)
            return connection
    raise AssertionError("nobody came")


def test_who_does_not_read_holds_up_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "_SILENT", 0.2)
    monkeypatch.setattr(receivers, "ROOM", 100_000)
    listener, address = listening("unix", tmp_path)
    with listener:
        sink = started(address)
        with listener.accept()[0]:
            for number in range(2000):
                sink.tick(tick_at(number % 40))
            sink.close()
    assert sink.warning is not None
    assert sink.warning.startswith(f"unix:{tmp_path}/a.sock: ")
    assert "events were not delivered (it did not take them in time)" in sink.warning


def test_nobody_there_is_said_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "_SILENT", 0.1)
    sink = started(f"unix://{tmp_path}/a.sock")
    sink.close()
    why = "No such file or directory"
    assert sink.warning == f"unix:{tmp_path}/a.sock: 1 event was not delivered ({why})"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "ftp://me:secret@host/a",
            "ftp://host/a: events go to a file, -, or to mqtt://, mqtts://, ",
        ),
        ("tcp://host", "tcp://host: names no port; e.g. tcp://robot.local:9000"),
        ("tcp://:9000", "names no host; e.g. tcp://robot.local:9000/"),
        ("http://host:99999/a", "http://host:99999/a: is no address; its port is a number up to 65535"),
        ("unix://a.sock", "give the whole path of a socket, e.g. unix:///run/kitchen.sock"),
        ("mqtt:me:secret@host", "events go to a file, -, or to mqtt://, "),
    ],
)
def test_what_is_no_address_is_said_at_once(address: str, said: str) -> None:
    with pytest.raises(StreamError) as error:
        open_events(address)
    assert said in str(error.value)
    assert "secret" not in str(error.value)


def test_what_is_shown_of_an_address_holds_no_secret() -> None:
    assert shown_target("mqtt://me:secret@broker.local/home/kitchen") == "mqtt://broker.local/home"
    assert shown_target("https://me:secret@host/hook/secret?key=secret") == "https://host/hook"
    assert shown_target("events.jsonl") == "events.jsonl"
