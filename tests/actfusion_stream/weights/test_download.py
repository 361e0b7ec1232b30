"""Downloads from a server that breaks off, lies about lengths or changes its file: whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from weight_server import PAYLOAD, Server, leftovers

from actfusion_stream.weights import download as downloads
from actfusion_stream.weights.download import DownloadError, download

OTHER = PAYLOAD[::-1]  # of the same length, so that nothing but the version tells the two apart


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "w.pt.part"


def break_off(server: Server, part: Path) -> None:
    """Leave a `.part` of 500000 bytes."""
    server.break_after = 100_000
    with pytest.raises(DownloadError, match="broke off after 500000 of 700001 bytes, and 5 attempts did not"):
        download(server.address, part)
    server.break_after = None
    server.asked.clear()


def test_what_breaks_off_goes_on(server: Server, part: Path) -> None:
    server.break_after = 200_000
    told: list[tuple[int, int | None]] = []
    download(server.address, part, lambda have, total: told.append((have, total)))
    assert part.read_bytes() == PAYLOAD
    assert server.asked == [None, "bytes=200000-", "bytes=400000-", "bytes=600000-"]
    assert told[0] == (0, 700_001)
    assert told[-1] == (700_001, 700_001)
    assert told == sorted(told)


def test_a_later_call_goes_on_where_attempts_ended(server: Server, part: Path) -> None:
    server.break_after = 100_000
    with pytest.raises(DownloadError, match=r"; what came is kept, and the next try goes on from there$"):
        download(server.address, part)
    assert leftovers(part.parent) == ["w.pt.part", "w.pt.part.json"]
    assert json.loads(part.with_name("w.pt.part.json").read_text()) == {
        "address": server.address,
        "etag": '"one"',
        "total": 700_001,
    }
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD
    assert server.asked[5:] == ["bytes=500000-", "bytes=600000-", "bytes=700000-"]


def test_what_is_whole_already_is_not_sent_again(server: Server, part: Path) -> None:
    download(server.address, part)
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD
    assert server.asked == [None, "bytes=700001-"]


def test_a_server_without_ranges_begins_anew(server: Server, part: Path) -> None:
    server.ranges, server.break_after = False, 300_000
    with pytest.raises(DownloadError, match="broke off after 300000 of 700001"):
        download(server.address, part)
    server.break_after = None
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD


# Two different files are never glued together


def test_another_version_begins_anew(server: Server, part: Path) -> None:
    break_off(server, part)
    server.payload, server.etag = OTHER, '"two"'
    download(server.address, part)
    assert part.read_bytes() == OTHER


@pytest.mark.parametrize("etag_of_rest", ['"two"', 'W/"one"', None])
def test_the_rest_of_another_version_is_not_added(
    server: Server, part: Path, etag_of_rest: str | None
) -> None:
    break_off(server, part)
    server.payload, server.heeds, server.etag_of_rest = OTHER, False, etag_of_rest
    download(server.address, part)
    assert part.read_bytes() == OTHER
    assert server.asked == ["bytes=500000-", None]


def test_the_part_of_another_address_is_not_used(server: Server, part: Path) -> None:
    break_off(server, part)
    server.payload = OTHER
    download(server.address + "?mirror", part)
    assert part.read_bytes() == OTHER
    assert server.asked == [None]


@pytest.mark.parametrize("etag", [None, 'W/"one"', "one", ""])
def test_nothing_is_added_where_no_version_is_told(server: Server, part: Path, etag: str | None) -> None:
    server.etag, server.etag_of_rest, server.break_after = etag, etag, 200_000
    with pytest.raises(
        DownloadError, match="broke off after 200000 of 700001 bytes, and 5 attempts did"
    ) as e:
        download(server.address, part)
    assert "kept" not in str(e.value)
    assert server.asked == [None] * 5
    assert leftovers(part.parent) == []


@pytest.mark.parametrize(
    "note",
    [
        None, b"", b"{", b"\xff", b"null", b"[]", b"7", b'"text"', b"{}", b"[" * 100_000,
        {"address": None}, {"address": 7}, {"address": "http://127.0.0.1/models/rgb_imagenet.pt"},
        {"etag": None}, {"etag": 1}, {"etag": ["one"]}, {"etag": ""}, {"etag": "one"}, {"etag": 'W/"one"'},
        {"etag": '"one"\r\nX-Other: 1'}, {"etag": '"\u20ac"'}, {"total": "700001"}, {"total": [700_001]},
        ["address"], ["etag"], ["total"],
    ],
)  # fmt: skip
def test_without_a_note_of_all_that_was_begun_with_it_begins_anew(
    server: Server, part: Path, note: bytes | dict[str, object] | list[str] | None
) -> None:
    """The note is missing, has other content, other values, or lacks a field."""
    break_off(server, part)
    path = part.with_name("w.pt.part.json")
    whole = json.loads(path.read_text())
    if note is None:
        path.unlink()
    elif isinstance(note, bytes):
        path.write_bytes(note)
    elif isinstance(note, dict):
        path.write_text(json.dumps(whole | note))
    else:
        path.write_text(json.dumps({key: value for key, value in whole.items() if key not in note}))
    server.payload = OTHER
    download(server.address, part)
    assert part.read_bytes() == OTHER
    assert server.asked == [None]


def test_a_note_whose_part_is_gone_or_empty_says_nothing(server: Server, part: Path) -> None:
    for emptied in (part.unlink, lambda: part.write_bytes(b"")):
        break_off(server, part)
        emptied()
        download(server.address, part)
        assert part.read_bytes() == PAYLOAD
        assert server.asked == [None]
        downloads.discard(part)


@pytest.mark.parametrize("total", [700_002, 500_000])
def test_a_part_that_does_not_fit_its_server_is_removed(server: Server, part: Path, total: int) -> None:
    break_off(server, part)
    path = part.with_name("w.pt.part.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "total": total}))
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD
    assert server.asked == ["bytes=500000-", None]


def test_a_part_that_is_longer_than_the_file_is_removed(server: Server, part: Path) -> None:
    break_off(server, part)
    part.write_bytes(PAYLOAD + b"more")
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD
    assert server.asked == ["bytes=700005-", None]


# Lengths


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (len(PAYLOAD) + 5, r"broke off after 700001 of 700006 bytes"),
        (len(PAYLOAD) - 5, r"sends more than the 699996 bytes it declares"),
        (downloads.MAX_BYTES + 1, r"4294967297 bytes long; no more than 4294967296 are accepted"),
    ],
)
def test_a_length_that_is_not_true_is_noticed(server: Server, part: Path, declared: int, said: str) -> None:
    server.declared, server.ranges = declared, False
    with pytest.raises(DownloadError, match=said):
        download(server.address, part)


def test_a_server_that_tells_no_length_is_believed_at_the_end(server: Server, part: Path) -> None:
    server.declared = -1
    download(server.address, part)
    assert part.read_bytes() == PAYLOAD


def test_a_file_that_does_not_end_is_refused(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.declared = -1
    monkeypatch.setattr(downloads, "MAX_BYTES", 500_000)
    with pytest.raises(DownloadError, match="does not end; no more than 500000 bytes are accepted"):
        download(server.address, part)


# Addresses


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/w.pt", "w.pt", ""])
def test_only_the_web_is_read(part: Path, address: str) -> None:
    with pytest.raises(DownloadError, match=r"is not an http or https address$"):
        download(address, part)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://127.0.0.1/w.pt", r"^ftp://127.0.0.1/w.pt is not an http or https address$"),
        ("file:///etc/passwd", r"answers 302 .*'file:///etc/passwd' is not allowed$"),
    ],
)
def test_a_redirect_out_of_the_web_is_refused(server: Server, part: Path, address: str, said: str) -> None:
    server.moved_to = address
    with pytest.raises(DownloadError, match=said):
        download(server.address, part)
    assert leftovers(part.parent) == []
