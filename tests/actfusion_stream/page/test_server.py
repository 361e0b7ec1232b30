"""What the server answers, and to whom; and that no viewer holds up the stream, or its end."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_of_tests import KITCHEN, ask, finish, jpegs, port_of, put_up, records, served, show, stream_of
from sample_moment import CLASSES
from sinks_of_tests import beginning

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.events.reading import Reader
from actfusion_stream.page import protocol
from actfusion_stream.page.address import Access, Address
from actfusion_stream.page.records import Telling
from actfusion_stream.page.server import PageServer
from actfusion_stream.sources.frames import Frame

TOKEN = "a-token-of-the-tests"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/static/page.js", 200),
        ("GET", "/static/page.css", 200),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("GET", "/static/", 404),
        ("GET", "/app.py", 404),
        ("GET", "/said?at=1", 404),  # nothing is finished
        ("GET", "/picture.jpg?at=1", 404),
        ("POST", "/", 405),
        ("DELETE", "/static/page.js", 405),
    ],
)
def test_what_is_there_and_what_is_not(server: PageServer, method: str, path: str, status: int) -> None:
    assert ask(server, path, method)[0] == status


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/nothing"])
def test_every_answer_keeps_the_browser_to_us(server: PageServer, path: str) -> None:
    _, _, headers = ask(server, path)
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "Server" not in headers


def test_a_page_of_elsewhere_that_leads_its_name_to_us_gets_nothing(server: PageServer) -> None:
    status, text, _ = ask(server, "/static/page.js", Host="evil.example")
    assert (status, text) == (421, "This page is not served under that name.\n")


def test_records_come_as_they_are_put_up(server: PageServer) -> None:
    sink = put_up(server)
    show(sink, 41.0)
    with stream_of(server, "/events") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        coming = records(answer)
        about, drawn = next(coming), next(coming)
        assert (about["type"], about["source"], about["classes"]) == ("header", "kitchen.mp4", CLASSES)
        assert drawn["colors"]["background"] == "#80848c"
        tick = next(record for record in coming if record["type"] == "tick")
        assert [segment["label"] for segment in tick["past"]["changed"]] == [
            "background",
            "peel_cucumber",
            "cut_tomato",
        ]
        assert next(record for record in coming if record["type"] == "status")["time"] == 41.0
        show(sink, 42.0)
        assert next(record for record in coming if record.get("time", 0) > 41)["time"] == 42.0


def test_who_was_left_behind_is_told_all_that_has_changed_since(server: PageServer) -> None:
    reader = Reader()
    telling = Telling(beginning(KITCHEN, tuple(CLASSES)), 0.0)
    sink = put_up(server)
    for place in range(12):
        segments = [Segment(CLASSES[at % 3], 4 * at, 4 * at + 4, 0.9) for at in range(place + 1)]
        sink.tick(Tick(segments[-1].end, segments[-1].end, tuple(segments), ()))
        if place % 4 == 0:  # of the others nothing is told
            for record in [*(telling.beginning() if not place else ()), *telling.news(server.board)]:
                reader.read(record)
            assert [segment["label"] for segment in reader.past] == [one.label for one in segments]


def test_who_comes_before_there_is_a_stream_is_told_so(server: PageServer) -> None:
    with stream_of(server, "/events") as answer:
        assert next(records(answer))["state"] == "starting"


def test_pictures_come_as_jpeg_and_those_of_large_frames_are_made_smaller(server: PageServer) -> None:
    sink = put_up(server)
    show(sink, 41.0, side=1080)
    with stream_of(server, "/picture.mjpg") as answer:
        seconds, data = next(jpegs(answer))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert seconds == 41.0
    assert image.shape == (960, 1280, 3)
    assert np.abs(image[100, 100].astype(int) - (140, 90, 41)).max() < 6  # OpenCV has blue first


def test_no_picture_is_made_for_nobody(server: PageServer) -> None:
    sink = put_up(server)
    for second in range(5):
        show(sink, second)
    time.sleep(0.2)
    assert server.board.jpeg is None


def test_a_picture_that_cannot_be_made_ends_the_page_in_one_line_and_not_the_stream(
    server: PageServer,
) -> None:
    sink = put_up(server)
    empty = Frame(0.0, np.zeros((0, 4, 3), np.uint8), 0, time.perf_counter())

    def go_on() -> None:
        for _ in range(1000):
            sink.frame(empty, None)
            time.sleep(0.01)

    with stream_of(server, "/picture.mjpg"), pytest.raises(StreamError) as error:
        go_on()
    assert str(error.value).startswith("the page: no picture could be made (")


def test_who_takes_nothing_misses_pictures_and_holds_up_nobody(server: PageServer) -> None:
    """Forty pictures of noise are some 25 MB, of which the system holds a few for whoever takes nothing."""
    sink = put_up(server)
    show(sink, 0.0)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    with stream_of(server, "/picture.mjpg") as stalled, stream_of(server, "/picture.mjpg") as other:
        quick = jpegs(other)
        slow = jpegs(stalled)
        next(slow)
        for number in range(1, 40):
            sink.frame(Frame(float(number), noise, number, time.perf_counter()), None)
            deadline = time.monotonic() + 10
            while next(quick)[0] < number:  # the quick one gets every one
                assert time.monotonic() < deadline
        taken = [next(slow)[0]]
        while taken[-1] < 39:
            taken.append(next(slow)[0])
        assert len(taken) < 20  # the system held a few; what came then was the newest
        assert server.board.skipped >= 39 - len(taken)


def test_a_stalled_viewer_is_let_go(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_STALL_SECONDS", 0.3)
    sink = put_up(server)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), np.uint8)
    with socket.create_connection(("127.0.0.1", port_of(server))) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(b"GET /picture.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 15
        joined = False
        while not joined or server.board.maker.viewers:
            sink.frame(Frame(time.monotonic(), noise, 0, time.perf_counter()), None)
            joined = joined or server.board.maker.viewers == 1
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_half_open_connections_keep_nobody_out(server: PageServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_ASK_SECONDS", 0.3)
    held = [socket.create_connection(("127.0.0.1", port_of(server)), timeout=10) for _ in range(100)]
    for connection in held:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost")
    assert ask(server)[0] == 200
    for connection in held:
        with connection:
            assert closed_by_the_other_side(connection)


def test_too_many_connections_are_refused_not_kept(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_MOST", 2)
    with stream_of(server, "/events"), stream_of(server, "/events"), pytest.raises(ConnectionError):
        ask(server)


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n"]
)
def test_what_is_no_request_is_answered_in_silence(
    server: PageServer, sent: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=10) as connection:
        connection.sendall(sent)
        assert connection.recv(4096)[:12] == b"HTTP/1.1 400"
    assert capfd.readouterr() == ("", "")


def test_a_token_lets_in_by_address_cookie_and_header_and_leaves_the_address() -> None:
    with served(access=Access(TOKEN)) as server:
        status, text, headers = ask(server)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert "open the address that actfusion-stream has printed" in text
        assert ask(server, "/events")[0] == ask(server, "/static/page.js")[0] == 401
        assert ask(server, "/?token=another-token-of-tests")[0] == 401

        status, _, headers = ask(server, f"/?token={TOKEN}&lang=en")
        assert (status, headers["Location"]) == (303, "/?lang=en")
        assert TOKEN not in headers["Location"]
        cookie = headers["Set-Cookie"]
        name = f"actfusion-{port_of(server)}={TOKEN}"
        assert cookie.startswith(f"{name}; ")
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert ask(server, Cookie=name)[0] == 200
        assert ask(server, Cookie=f"broken; =; {name}")[0] == 200
        assert ask(server, Cookie=f"actfusion-1={TOKEN}")[0] == 401  # of another page on this machine
        assert ask(server, Authorization=f"Bearer {TOKEN}")[0] == 200
        assert ask(server, Authorization=f"Basic {TOKEN}")[0] == 401
        assert ask(server, f"/static/page.js?token={TOKEN}")[0] == 200


def test_beyond_this_machine_a_token_is_made_and_told_and_so_is_that_it_is_not_encrypted() -> None:
    told: list[str] = []
    with PageServer(Address("0.0.0.0", 0), told=told.append) as server:
        address, token = told[0].removeprefix("page at ").split("?token=")
        assert address == server.url
        assert "0.0.0.0" not in address
        assert ask(server)[0] == 401
        assert ask(server, Authorization=f"Bearer {token}")[0] == 200
    assert told[1].startswith("warning: the page is not encrypted")
    assert told[2:] == []


def test_a_token_that_was_given_is_not_told() -> None:
    told: list[str] = []
    with PageServer(Address("127.0.0.1", 0), Access(TOKEN), told.append):
        pass
    assert TOKEN not in " ".join(told)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, with its key beside it."""
    folder = tmp_path_factory.mktemp("certificate")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    made = subprocess.run(
        [
            *command.split(),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=folder,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("needs openssl")
    return folder / "cert.pem"


def test_with_a_certificate_it_is_encrypted(certificate: Path) -> None:
    told: list[str] = []
    access = Access(TOKEN, certificate, certificate.with_name("key.pem"))
    with PageServer(Address("0.0.0.0", 0), access, told.append) as server:
        assert server.url.startswith("https://")
        context = ssl.create_default_context(cafile=certificate)
        asked = f"GET /?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        plain = socket.create_connection(("127.0.0.1", port_of(server)))
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(asked.encode())
            answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 303")
    assert b"; Secure" in answer
    assert len(told) == 1  # nothing to warn of


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("missing.pem", None), r"missing\.pem: cannot be read \(No such file or directory\)"),
        (("cert.pem", None), r"cert\.pem: no certificate with its key, in PEM"),
        (("key.pem", "cert.pem"), r"key\.pem and .*cert\.pem: no certificate with its key"),
    ],
)
def test_files_that_do_not_encrypt_are_one_line(
    certificate: Path, files: tuple[str, str | None], said: str
) -> None:
    first, second = (None if name is None else certificate.with_name(name) for name in files)
    with (
        pytest.raises(StreamError, match=said),
        PageServer(Address("127.0.0.1", 0), Access(TOKEN, first, second)),
    ):
        pass


def test_it_stops_at_once_while_viewers_are_connected_and_leaves_nothing() -> None:
    with served() as server:
        show(put_up(server))
        with stream_of(server, "/events") as one, stream_of(server, "/picture.mjpg") as other:
            next(records(one))
            next(jpegs(other))
            began = time.monotonic()
            server.__exit__(None, None, None)
            assert time.monotonic() - began < 5
            assert one.read().endswith(b"\n\n")  # whole, and over
    assert not {"page", "pictures"} & {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=10)


def test_what_came_of_a_file_stays_until_it_is_released() -> None:
    told: list[str] = []
    with PageServer(Address("127.0.0.1", 0), told=told.append) as server:
        sink = put_up(server, KITCHEN)
        show(sink)
        finish(sink)
        server.stay()  # what is live is over when it is over
        assert len(told) == 1


def closed_by_the_other_side(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
