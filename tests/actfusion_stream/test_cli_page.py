"""`--serve`: what the command does with it, as a process."""

from __future__ import annotations

import http.client
import json
import signal
import time
from pathlib import Path

import pytest
from command_line import start

from actfusion_stream import cli

pytest.importorskip("uvicorn", reason="pip install '.[serve]'")

QUICK = ("--device", "cpu", "--display", "none", "--futures", "1")


def told(process) -> str:
    """The next line on standard error, without the program's name."""
    return process.stderr.readline().removeprefix("actfusion-stream: ").strip()


def ask(address: str, path: str) -> bytes:
    port = int(address.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200, path
    return answer.read()


@pytest.mark.slow
def test_a_file_stays_to_be_looked_through_until_ctrl_c(tiny_video: Path, tiny_checkpoint: Path) -> None:
    process = start(tiny_video, "--checkpoint", tiny_checkpoint, "--serve", "0", *QUICK)
    address = told(process).removeprefix("page at ")
    assert address.startswith("http://127.0.0.1:")
    assert told(process) == f"what came of it stays at {address} until Ctrl-C"
    said = json.loads(ask(address, "/said?at=3.1"))
    assert said["seen_until"] <= 3.1 < said["seen_until"] + 0.5
    assert ask(address, "/picture.jpg?at=3.1")[:3] == b"\xff\xd8\xff"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 130


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_time_while_a_viewer_is_connected(
    tiny_video: Path, tiny_checkpoint: Path, number: signal.Signals
) -> None:
    process = start(tiny_video, "--checkpoint", tiny_checkpoint, "--serve", "0", "--realtime", *QUICK)
    address = told(process).removeprefix("page at ")
    port = int(address.rstrip("/").rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/events")
    events = connection.getresponse()
    while b'"type":"tick"' not in events.readline():
        pass
    process.send_signal(number)
    began = time.monotonic()
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert time.monotonic() - began < 20
    connection.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--serve", "x"), "argument --serve: 'x': give PORT or HOST:PORT with a port from 0 to 65535"),
        (
            ("--serve", "8000", "--serve-token", "short-secret"),
            "the token of the page: give at least 16 letters",
        ),
    ],
)
def test_wrong_usage_is_one_line(
    given: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["kitchen.mp4", *given])
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert "short-secret" not in error


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--serve-token", "a-token-of-the-tests"), "--serve-token: only with --serve, e.g. --serve 8000"),
        (
            ("--serve-cert", "a.pem", "--serve-key", "b.pem"),
            "--serve-cert and --serve-key: only with --serve,",
        ),
        (("--serve", "0", "--serve-key", "b.pem"), "--serve-key: only with its certificate, --serve-cert"),
        (("--serve", "0", "--serve-cert", "a.pem"), "a.pem: cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    given: tuple[str, ...], said: str, tiny_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([str(tiny_video), *given]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
