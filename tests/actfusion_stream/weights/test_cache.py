"""The cache of weights: whole files that are what was published, or one line on why not."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from weight_server import NAME, PAYLOAD, SHA256, Server, leftovers, publish

from actfusion_stream.errors import StreamError
from actfusion_stream.weights.cache import cache_folder, fetch, find, git_blob, load_torch

BLOB = hashlib.sha1(b"blob 700001\0" + PAYLOAD, usedforsecurity=False).hexdigest()


def test_the_id_of_a_file_is_the_one_that_git_gives_it(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello\n")
    assert git_blob(tmp_path / "a") == "ce013625030ba8dba906f756967f9e9ca394464a"  # of git hash-object


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


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"sha256": "0" * 64}, f"its SHA-256 is {SHA256}, published is {'0' * 64}"),
        ({"sha256_prefix": "beef"}, f"its SHA-256 is {SHA256}, published is beef…"),
        ({"size": 5}, "it has 700001 bytes, published were 5"),
        ({"git_blob": "0" * 40}, f"its git blob id is {BLOB}, published is {'0' * 40}"),
    ],
    ids=["sha256", "prefix", "size", "blob"],
)
def test_wrong_bytes_are_removed(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, known: dict[str, object], said: str
) -> None:
    publish(monkeypatch, address=server.address, **known)
    with pytest.raises(StreamError) as error:
        fetch(NAME)
    assert said in str(error.value)
    assert leftovers(cache) == []


@pytest.mark.parametrize(
    "known",
    [{"sha256": SHA256}, {"sha256_prefix": SHA256[:8]}, {"size": len(PAYLOAD)}, {"git_blob": BLOB}],
    ids=["sha256", "prefix", "size", "blob"],
)
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


def test_a_cache_that_cannot_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StreamError, match="cannot write"):
        fetch(NAME, cache=tmp_path / "file" / "cache")


def test_two_that_want_a_file_at_once_fetch_it_once(server: Server, cache: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(fetch, [NAME, NAME])) == [cache / "i3d-rgb.pt"] * 2
    assert (cache / "i3d-rgb.pt").read_bytes() == PAYLOAD
    assert server.asked == [None]


def test_the_cache_folder_is_the_platforms_if_none_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("ACTFUSION_CACHE", "~/weights")
    assert cache_folder() == Path.home() / "weights"
    monkeypatch.setenv("ACTFUSION_CACHE", "weights")
    assert cache_folder() == Path.cwd() / "weights"
    monkeypatch.setenv("ACTFUSION_CACHE", "")
    assert cache_folder() == tmp_path / "actfusion-stream"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # its specification: to be ignored
    assert cache_folder() == Path.home() / ".cache/actfusion-stream"


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
