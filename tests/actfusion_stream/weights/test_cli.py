"""The command actfusion-weights: what it lists, fetches, and finds changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from weight_server import NAME, PAYLOAD, SHA256, Server, publish

from actfusion_stream.weights.cli import main


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


def test_a_file_of_a_repository_is_held_against_its_id(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blob = hashlib.sha1(b"blob %d\0" % len(PAYLOAD) + PAYLOAD, usedforsecurity=False).hexdigest()
    publish(monkeypatch, address=server.address, git_blob=blob)
    assert main(["get", NAME]) == 0
    capsys.readouterr()
    assert main(["verify"]) == 0
    assert capsys.readouterr().out == f"{NAME}: {SHA256}, as published: its git blob id is {blob}\n"
    assert [path.name for path in cache.iterdir() if path.name != ".lock"] == ["i3d-rgb.pt"]
    (cache / "i3d-rgb.pt").write_bytes(PAYLOAD[:-1])
    assert main(["verify"]) == 1
    found = hashlib.sha1(b"blob 700000\0" + PAYLOAD[:-1], usedforsecurity=False).hexdigest()
    assert f"differs: its git blob id is {found}, published is {blob}" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"[]", b"{", b"\xff", b'{"i3d-rgb": 7}', b"[" * 100_000])
def test_damaged_checksums_are_named(cache: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    cache.mkdir()
    (cache / "checksums.json").write_bytes(content)
    assert main(["list"]) == 1
    assert "checksums.json: cannot be read as recorded checksums" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.mkdir()
    (cache / "i3d-rgb.pt").symlink_to("/proc/self/mem")  # a file whose beginning not even root can read
    assert main(["verify"]) == 1
    said = f"actfusion-weights: {cache / 'i3d-rgb.pt'}: cannot be read (Input/output error)\n"
    assert capsys.readouterr().err == said


def test_a_download_that_goes_on_is_listed(
    server: Server, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.break_after = 100_000
    assert main(["get", NAME]) == 1
    assert "what came is kept, and the next try goes on from there; get http://" in capsys.readouterr().err
    assert main(["list"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith(NAME))
    assert row.endswith("in part")
