"""Weights from a server that breaks off, lies about lengths, serves other bytes, or is not there."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from actfusion_stream.errors import StreamError
from actfusion_stream.weights import catalogue as weights
from actfusion_stream.weights import download as downloads
from actfusion_stream.weights.catalogue import WeightFile, cache_folder, fetch, find, load_torch, main

PAYLOAD = os.urandom(700_001)
SHA256 = hashlib.sha256(PAYLOAD).hexdigest()
NAME = "i3d-rgb"


class Server(ThreadingHTTPServer):
    """A server on loopback, with the faults that its test asks for.

    Attributes:
        payload: the file.
        break_after: bytes after which each answer breaks off.
        declared: Content-Length instead of the true one; None for the true one, -1 for none at all.
        ranges: whether it knows how to go on.
        status: instead of 200.
        asked: the Range header of every request.
    """

    payload = PAYLOAD
    break_after: int | None = None
    declared: int | None = None
    ranges = True
    status = 200
    etag = '"one"'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/models/rgb_imagenet.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range", server.etag) == server.etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(server.payload):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.payload)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start}-{len(server.payload) - 1}/{len(server.payload)}"
            )
        else:
            self.send_response(200)
        body = server.payload[start:]
        if server.declared != -1:
            self.send_header("Content-Length", str(len(body) if server.declared is None else server.declared))
        self.send_header("ETag", server.etag)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[: server.break_after])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        publish(monkeypatch, address=running.address)
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACTFUSION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def publish(monkeypatch: pytest.MonkeyPatch, *, address: str, **known: object) -> None:
    """Make the weights of `NAME` come from an address."""
    weight = WeightFile(NAME, address, "Apache-2.0", **known)  # type: ignore[arg-type]
    monkeypatch.setitem(weights.WEIGHTS, NAME, weight)


def leftovers(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.name != ".lock")


def test_a_download_is_whole_and_recorded(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = fetch(NAME)
    assert path == cache / "i3d-rgb.pt" == find(NAME)
    assert path.read_bytes() == PAYLOAD
    assert leftovers(cache) == ["checksums.json", "i3d-rgb.pt"]
    assert json.loads((cache / "checksums.json").read_text()) == {NAME: SHA256}
    assert f"its source publishes no SHA-256; recorded {SHA256}" in capsys.readouterr().err
    assert fetch(NAME) == path
    assert len(server.asked) == 1


def test_a_download_that_breaks_off_goes_on(server: Server, cache: Path) -> None:
    server.break_after = 200_000
    assert fetch(NAME).read_bytes() == PAYLOAD
    assert server.asked == [None, "bytes=200000-", "bytes=400000-", "bytes=600000-"]


def test_a_later_run_goes_on_where_attempts_ended(server: Server, cache: Path) -> None:
    server.break_after = 100_000
    with pytest.raises(StreamError, match="broke off after 500000 of 700001 bytes, and 5 attempts did not"):
        fetch(NAME)
    assert leftovers(cache) == ["i3d-rgb.pt.part", "i3d-rgb.pt.part.json"]
    assert fetch(NAME).read_bytes() == PAYLOAD
    assert server.asked[5:] == ["bytes=500000-", "bytes=600000-", "bytes=700000-"]


def test_a_server_without_ranges_begins_anew(server: Server, cache: Path) -> None:
    server.ranges, server.break_after = False, 300_000
    with pytest.raises(StreamError, match="broke off after 300000 of 700001"):
        fetch(NAME)
    server.break_after = None
    assert fetch(NAME).read_bytes() == PAYLOAD


def test_two_versions_of_a_file_are_not_glued_together(server: Server, cache: Path) -> None:
    server.break_after = 100_000
    with pytest.raises(StreamError):
        fetch(NAME)
    server.break_after, server.payload, server.etag = None, PAYLOAD[::-1], '"two"'
    assert fetch(NAME).read_bytes() == PAYLOAD[::-1]


def test_the_part_of_another_address_is_not_used(server: Server, cache: Path) -> None:
    server.break_after = 100_000
    with pytest.raises(StreamError):
        fetch(NAME)
    server.break_after = None
    asked = len(server.asked)
    assert fetch(NAME, address=server.address + "?mirror").read_bytes() == PAYLOAD
    assert server.asked[asked:] == [None]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (len(PAYLOAD) + 5, r"broke off after 700001 of 700006 bytes"),
        (len(PAYLOAD) - 5, r"sends more than the 699996 bytes it declares"),
        (downloads.MAX_BYTES + 1, r"4294967297 bytes long; no more than 4294967296 are accepted"),
    ],
)
def test_a_length_that_is_not_true_is_noticed(server: Server, cache: Path, declared: int, said: str) -> None:
    server.declared, server.ranges = declared, False
    with pytest.raises(StreamError, match=said):
        fetch(NAME)
    assert not (cache / "i3d-rgb.pt").exists()


def test_a_server_that_tells_no_length_is_believed_at_the_end(server: Server, cache: Path) -> None:
    server.declared = -1
    assert fetch(NAME).read_bytes() == PAYLOAD


def test_a_file_that_does_not_end_is_refused(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.declared = -1
    monkeypatch.setattr(downloads, "MAX_BYTES", 500_000)
    with pytest.raises(StreamError, match="does not end; no more than 500000 bytes are accepted"):
        fetch(NAME)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"sha256": "0" * 64}, f"its SHA-256 is {SHA256}, published is {'0' * 64}"),
        ({"sha256_prefix": "beef"}, f"its SHA-256 is {SHA256}, published is beef…"),
        ({"size": 5}, "it has 700001 bytes, published were 5"),
    ],
)
def test_wrong_bytes_are_removed(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, object], said: str
) -> None:
    publish(monkeypatch, address=server.address, **known)
    with pytest.raises(StreamError) as error:
        fetch(NAME)
    assert said in str(error.value)
    assert leftovers(cache) == []


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {"sha256_prefix": SHA256[:8]}, {"size": len(PAYLOAD)}])
def test_the_published_bytes_are_kept(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, object]
) -> None:
    publish(monkeypatch, address=server.address, **known)
    assert fetch(NAME).read_bytes() == PAYLOAD


def test_another_file_than_the_first_time_is_refused(server: Server, cache: Path) -> None:
    fetch(NAME).unlink()
    server.payload = PAYLOAD[::-1]
    with pytest.raises(StreamError, match=f"of the first download .*checksums.json says {SHA256}"):
        fetch(NAME)
    assert leftovers(cache) == ["checksums.json"]


def test_a_server_error_is_named(server: Server, cache: Path) -> None:
    server.status = 404
    with pytest.raises(StreamError, match=r"rgb_imagenet.pt answers 404 Not Found; get http.* and put it at"):
        fetch(NAME)
    assert len(server.asked) == 1


def test_offline_it_says_what_to_fetch_and_where_to_put_it(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.shutdown()
    server.server_close()
    with pytest.raises(StreamError) as error:
        fetch(NAME)
    said = str(error.value)
    assert "cannot be reached" in said
    assert "\n" not in said
    assert f"get {server.address} another way and put it at {cache / 'i3d-rgb.pt'}" in said
    with pytest.raises(StreamError, match=f"actfusion-weights get {NAME}, or put {server.address} at"):
        find(NAME)


def test_a_redirect_to_a_file_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StreamError, match="not an http or https address"):
        fetch(NAME, address="file:///etc/passwd")


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StreamError, match="cannot write"):
        fetch(NAME, cache=tmp_path / "file" / "cache")


def test_the_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ACTFUSION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "actfusion-stream"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache/actfusion-stream"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library/Caches/actfusion-stream"


def test_the_commands(server: Server, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "hub:x3d_m" in listed
    assert f"in {cache}" in listed
    row = next(line.split() for line in listed.splitlines() if line.startswith(NAME))
    assert row == [NAME, "not", "known", "Apache-2.0", "not", "known", "no"]

    assert main(["verify", NAME]) == 1
    assert "these weights are not here; run actfusion-weights get i3d-rgb" in capsys.readouterr().err
    assert main(["get", NAME]) == 0
    assert capsys.readouterr().out == f"{cache / 'i3d-rgb.pt'}\n"
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == f"{NAME}: {SHA256} as first downloaded\n"
    assert main(["list"]) == 0
    row = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith(NAME))
    assert row == [NAME, "0.7", "MB", "Apache-2.0", f"{SHA256[:8]}…", "yes"]

    changed = bytearray(PAYLOAD)
    changed[350_000] ^= 1
    (cache / "i3d-rgb.pt").write_bytes(changed)
    assert main(["verify"]) == 1
    assert f"differs: its SHA-256 is {hashlib.sha256(changed).hexdigest()}" in capsys.readouterr().out

    assert main(["get", "i3d-rbg"]) == 1
    assert "there are no weights of this name; there are i3d-rgb, i3d-flow" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["fetch"])
    assert stopped.value.code == 2


def test_damaged_checksums_are_named(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.mkdir()
    (cache / "checksums.json").write_text("[]")
    assert main(["list"]) == 1
    assert "checksums.json: cannot be read as recorded checksums" in capsys.readouterr().err


@pytest.mark.parametrize("wrapper", [None, "model_state", "state_dict", "model"])
def test_tensors_are_read_plain_and_wrapped(tmp_path: Path, wrapper: str | None) -> None:
    state = {"conv.weight": torch.arange(6.0).reshape(2, 3)}
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, tmp_path / "w.pyth")
    assert torch.equal(load_torch(tmp_path / "w.pyth")["conv.weight"], state["conv.weight"])


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, str(tmp_path / "w.safetensors"))
    assert torch.equal(load_torch(tmp_path / "w.safetensors")["a"], torch.ones(2))


class Code:
    """Runs a command when it is unpickled."""

    def __init__(self, touched: Path) -> None:
        self.touched = touched

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.touched}",))


@pytest.mark.parametrize("legacy", [False, True])
def test_code_in_a_file_is_not_run(tmp_path: Path, legacy: bool) -> None:
    torch.save(
        {"w": torch.ones(1), "code": Code(tmp_path / "ran")}, tmp_path / "w.pt",
        _use_new_zipfile_serialization=not legacy,
    )  # fmt: skip
    with pytest.raises(StreamError, match="more than tensors; loading that could run code, and is refused"):
        load_torch(tmp_path / "w.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "w.pt", "damaged"),
        (b"<html>404</html>", "w.pt", "damaged"),
        (pickle.dumps([1, 2]), "w.pt", "damaged|no tensors by name"),
        (b"\xff" * 100, "w.safetensors", "damaged or no safetensors"),
        (None, "w.pt", "no such file"),
    ],
)
def test_what_is_no_weights_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, name: str, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StreamError, match=said) as error:
        load_torch(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(1000)}, tmp_path / "whole.pt")
    (tmp_path / "w.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:2000])
    with pytest.raises(StreamError, match="damaged"):
        load_torch(tmp_path / "w.pt")


def test_something_else_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"w": 3}, tmp_path / "w.pt")
    with pytest.raises(StreamError, match="'w' is a int"):
        load_torch(tmp_path / "w.pt")
