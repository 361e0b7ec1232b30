"""Events at a webhook: each in order, tried again where that helps; and nobody waits for it."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sinks_of_tests import beginning, end
from ticks_of_tests import numbers_in, past_of, tick_at

from actfusion_stream.receivers import receiver as receivers
from actfusion_stream.receivers.opening import open_events
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.tools.robustness.servers import free_port

CAMERA = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))
FILE = beginning(SourceInfo("a.mp4", 64, 48, 9.0, 30.0, live=False, has_audio=False))


class Hook(ThreadingHTTPServer):
    """Answers 204, but first what it is told to, each once.

    Attributes:
        answers: statuses that come first.
        taken: bodies that were answered with success; `paths` and `heads` of all requests.
        seconds: until it answers.
        hangs_up: it closes each connection after an answer, without saying so.
    """

    daemon_threads = True

    def __init__(self, *answers: int, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.answers, self.seconds, self.hangs_up = list(answers), 0.0, False
        self.taken: list[bytes] = []
        self.paths: list[str] = []
        self.heads: list[dict[str, str]] = []

    def __enter__(self) -> Hook:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.server.heads.append(dict(self.headers))
        time.sleep(self.server.seconds)
        status = self.server.answers.pop(0) if self.server.answers else 204
        if status == 204:
            self.server.taken.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection |= self.server.hangs_up

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(receivers, "_SILENT", 2.0)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


def tell(address: str, ticks: int = 10, info=FILE) -> str | None:
    """A whole stream; what it warns of."""
    sink = open_events(address)
    sink.start(info)
    for number in range(ticks):
        sink.tick(tick_at(number))
    sink.finish((), end())
    sink.close()
    return sink.warning


def test_each_record_is_the_body_of_a_post(hook: Hook) -> None:
    assert tell(f"http://cook:open%20sesame@127.0.0.1:{hook.server_port}/api/hook?key=5") is None
    reader, records = past_of(hook.taken)
    assert [records[0]["type"], records[-1]["type"]] == ["header", "summary"]
    assert (numbers_in(records), len(reader.past)) == (list(range(10)), 3)
    assert set(hook.paths) == {"/api/hook?key=5"}
    assert {head["Content-Type"] for head in hook.heads} == {"application/json"}
    assert {base64.b64decode(head["Authorization"][6:]) for head in hook.heads} == {b"cook:open sesame"}


@pytest.mark.parametrize("answers", [(503, 503), (204, 500, 429), (204, 408, 204, 502)])
def test_what_may_help_is_tried_again_and_nothing_is_lost(answers: tuple[int, ...]) -> None:
    with Hook(*answers) as hook:
        assert tell(f"http://127.0.0.1:{hook.server_port}/") is None
    reader, records = past_of(hook.taken)
    assert (numbers_in(records), reader.whole) == (list(range(10)), True)
    assert len(hook.paths) == len(records) + sum(status != 204 for status in answers)


def test_what_is_refused_is_counted_and_the_next_tick_is_whole() -> None:
    with Hook(204, 400) as hook:
        address = f"http://127.0.0.1:{hook.server_port}/"
        sink = open_events(address)
        sink.start(CAMERA)
        sink.tick(tick_at(0))
        while not sink._lost:
            time.sleep(0.01)
        sink.tick(tick_at(1))
        sink.close()
    assert sink.warning == f"{address[:-1]}: 1 event was not delivered (it answered 400 Bad Request)"
    reader, _ = past_of(hook.taken)
    assert (reader.whole, len(reader.past)) == (True, 1)


def test_a_connection_that_was_closed_meanwhile_costs_nothing(hook: Hook) -> None:
    hook.hangs_up = True
    assert tell(f"http://127.0.0.1:{hook.server_port}/") is None
    assert numbers_in(past_of(hook.taken)[1]) == list(range(10))


def test_a_slow_one_holds_up_no_camera(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ROOM", 10_000)
    hook.seconds = 0.05
    sink = open_events(f"http://127.0.0.1:{hook.server_port}/")
    sink.start(CAMERA)
    for number in range(100):
        sink.tick(tick_at(number))
    hook.seconds = 0.0
    while sink._queue:
        time.sleep(0.01)
    sink.tick(tick_at(100))
    sink.close()
    reader, records = past_of(hook.taken)
    lost = [record["events"] for record in records if record["type"] == "lost"]
    assert sum(lost) >= 101 - len(numbers_in(records)) > 0
    assert (reader.lost, reader.whole, len(reader.past)) == (sum(lost), True, 26)
    assert sink.warning is not None
    assert sink.warning.endswith(f": {sum(lost)} events were not delivered (it did not take them in time)")


def test_one_that_is_not_there_is_said_at_the_end_without_its_secrets() -> None:
    port = free_port()
    warning = tell(f"http://me:secret@127.0.0.1:{port}/hook/secret?key=secret", ticks=1)
    assert warning == f"http://127.0.0.1:{port}/hook: 5 events were not delivered (Connection refused)"


def test_one_that_comes_later_gets_everything() -> None:
    port = free_port()
    sink = open_events(f"http://127.0.0.1:{port}/")
    sink.start(CAMERA)
    for number in range(10):
        sink.tick(tick_at(number))
    with Hook(port=port) as hook:
        sink.close()
    assert sink.warning is None
    assert numbers_in(past_of(hook.taken)[1]) == list(range(10))
    assert json.loads(hook.taken[0])["type"] == "header"


def test_the_end_of_a_live_stream_waits_for_a_slow_one_for_so_long_only(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receivers, "_LAST", 0.2)
    hook.seconds = 0.1
    warning = tell(f"http://127.0.0.1:{hook.server_port}/", ticks=50, info=CAMERA)
    assert warning is not None
    assert warning.endswith(" events were not delivered (it did not take them in time)")
