"""Whatever an address holds: no output, no error and no thread says more of it than may be shown."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
import traceback
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sample_videos import make_video, ramp
from secret_addresses import FORMS, SECRET
from video_server import Served, serving

from actfusion_stream import cli
from actfusion_stream.errors import StreamError
from actfusion_stream.sources import live, opening
from actfusion_stream.sources.source import open_source
from actfusion_stream.tools.robustness.servers import free_port


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of all threads that are started."""
    started: list[str] = []
    start = threading.Thread.start

    def noting(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noting)
    return started


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "CONNECT_SECONDS", 1.0)


def everything_in(error: BaseException) -> Iterator[str]:
    """What of an exception can get into a log: it, those behind it, and what hangs on them."""
    yield "".join(traceback.format_exception(error))
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield from (repr(one), str(one), repr(one.args), repr(vars(one)))
        waiting += [one.__cause__, one.__context__]


@pytest.mark.parametrize("form", FORMS)
def test_no_error_holds_a_secret(
    form: str, names: list[str], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    address = form.replace("HERE", f"127.0.0.1:{free_port()}")
    try:
        open_source(address, outage=0)
    except StreamError as error:
        logging.getLogger("a.program").exception("the camera failed")
        said = [*everything_in(error), caplog.text]
    assert "Traceback" in caplog.text
    assert not [text for text in said if SECRET in text]
    status = cli.main(["--video", address, "--display", "none"])
    out, err = capfd.readouterr()
    assert (status, out) == (1, "")
    assert err.startswith("actfusion-stream: ")
    assert err.count("\n") == 1
    assert SECRET not in err
    assert not [name for name in names if SECRET in name]


@pytest.mark.parametrize("form", FORMS)
def test_an_address_among_the_outputs_stays_a_secret(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for option in ("--output", "--segments", "--camera", "--checkpoint"):
        if "://" in form or option == "--camera":
            with pytest.raises(SystemExit):
                cli.main(["--video", "a.mp4", option, form])
    assert cli.main(["--video", "a.mp4", "--checkpoint", "no.safetensors", "--events", form]) == 1
    assert SECRET not in "".join(capfd.readouterr())


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("web") / "a.ts", times=ramp(60)).read_bytes()


def assert_nothing_tells(
    address: str, status: int, tiny_checkpoint: Path, folder: Path, capfd: pytest.CaptureFixture[str],
    names: list[str], *options: str,
) -> str:  # fmt: skip
    """Run the command with every output that it has, and look through all of them."""
    pytest.importorskip("prometheus_client", reason="pip install '.[metrics]'")
    outputs = ["--events", "e.jsonl", "--segments", "s.csv", "--output", "v.mp4"]
    placed = [text if text.startswith("--") else str(folder / text) for text in outputs]
    port = free_port()
    metrics: list[str] = []

    def scrape() -> None:
        for _ in range(100):
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    metrics.append(answer.read().decode())
                return
            time.sleep(0.05)

    threading.Thread(target=scrape).start()
    common = ["--checkpoint", str(tiny_checkpoint), "--metrics", str(port), "--reconnect", "1"]
    assert cli.main(["--video", address, *placed, *common, *options]) == status
    out, err = capfd.readouterr()
    written = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {"e.jsonl", "s.csv", "v.mp4"} <= set(written)
    for content in (out, err, *metrics, *names, *(content.decode("latin-1") for content in written.values())):
        assert SECRET not in content
    assert metrics or status  # a short one may have gone before anybody asked
    summary = json.loads(written["e.jsonl"].splitlines()[-1])
    assert summary["frames"] > 10
    return str(summary["source"])


ASKED = {
    "http://admin:SECRET@{host}/a.ts?token=SECRET#SECRET": "http://{host}/a.ts",
    "http://{host}/live2/SECRET": "http://{host}/live2",
    "http://{host}/user=admin&password=SECRET": "http://{host}/…",
    "http://{host}/a.ts;token=SECRET": "http://{host}/…",
}


@pytest.mark.parametrize("form", ASKED)
@pytest.mark.parametrize("fault", ["none", "broken", "live"])
def test_what_is_watched_on_the_web(
    form: str, fault: str, body: bytes, tiny_checkpoint: Path, tmp_path: Path, names: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = "/" + form.partition("}/")[2].partition("?")[0]
    breaks = [len(body) * 3 // 4] if fault == "broken" else []
    with serving() as server:
        away = 1000 if fault == "live" else 0  # once it has been watched
        server.files[path] = Served(body, ranges=False, break_at=breaks, length=fault != "live", away=away)
        host = server.base.removeprefix("http://")
        status = 1 if fault == "broken" else 0
        source = assert_nothing_tells(
            form.format(host=host), status, tiny_checkpoint, tmp_path, capfd, names, "--max-staleness", "10"
        )
    assert source == ASKED[form].format(host=host)


def test_what_is_watched_as_a_stream(
    body: bytes, tiny_checkpoint: Path, tmp_path: Path, names: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    def send(listener: socket.socket) -> None:
        with listener, listener.accept()[0] as viewer:
            viewer.sendall(body)

    listener = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    threading.Thread(target=send, args=(listener,), daemon=True).start()
    address = f"tcp://admin:SECRET@{host}?key=SECRET"
    source = assert_nothing_tells(
        address, 0, tiny_checkpoint, tmp_path, capfd, names, "--max-staleness", "10"
    )
    assert source == f"tcp://{host}"


def test_a_bug_in_a_library_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever it raises: PyAV's errors hold the address, and so may others."""
    import av

    address = FORMS[0].replace("HERE", "127.0.0.1:9")
    kinds: tuple[Callable[[str], Exception], ...] = (
        ValueError, RuntimeError, OSError, lambda text: av.error.UnknownError(5, "Input/output error", text),
    )  # fmt: skip
    for kind in kinds:

        def fails(address: str, *_: object, _kind: Callable[[str], Exception] = kind, **__: object) -> None:
            raise _kind(address)

        monkeypatch.setattr(av, "open", fails)
        with pytest.raises(StreamError) as error:
            open_source(address, outage=0)  # a name: the line itself is in the traceback
        assert not [text for text in everything_in(error.value) if SECRET in text]
    assert SECRET not in "".join(capfd.readouterr())


def test_there_are_enough_of_them() -> None:
    assert len(FORMS) >= 40
    assert all(SECRET in form for form in FORMS)
    assert opening.SCHEMES
