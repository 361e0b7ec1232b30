"""Where the page is served, what a token is, and by which names a browser may call us."""

from __future__ import annotations

import socket

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.page.address import (
    Access,
    Address,
    answers_to,
    check_token,
    is_loopback,
    listen,
    new_token,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("8000", "127.0.0.1", 8000),
        ("0", "127.0.0.1", 0),
        ("0.0.0.0:8000", "0.0.0.0", 8000),
        ("kitchen.local:65535", "kitchen.local", 65535),
        ("[::1]:8000", "::1", 8000),
        ("[::]:8000", "::", 8000),
    ],
)
def test_an_address_is_a_port_or_a_host_and_a_port(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "host",
        "host:",
        ":8000",
        "65536",
        "-1",
        "80 80",
        "٨٠٠٠",
        "::1:8000",
        "http://host:80",
        "[]:80",
    ],
)
def test_what_is_no_address_is_told_what_would_work(text: str) -> None:
    with pytest.raises(ValueError, match=r"^give PORT or HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("name", "welcome"),
    [
        ("localhost:8000", True),
        ("LOCALHOST", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("192.168.1.20:8000", True),  # a number cannot be made to lead elsewhere
        ("kitchen.lan:8000", True),
        (f"{socket.gethostname()}:8000", True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("kitchen.lan.", True),
        ("kitchen.lan@evil.example", False),
        ("", False),
        (":8000", False),
        ("localhost:8000:8000", False),
        ("[::1", False),
    ],
)
def test_names_that_are_ours(name: str, welcome: bool) -> None:
    assert answers_to(name, "kitchen.lan") is welcome


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "with a blank in it", "semicolon;semicolon", "ü" * 20]
)
def test_a_token_that_can_be_guessed_or_has_to_be_quoted_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(StreamError, match="give at least 16 letters, digits") as error:
        Access(token)
    assert not token or token not in str(error.value)


def test_tokens_that_are_made_are_good_and_differ() -> None:
    tokens = {check_token(new_token()) for _ in range(100)}
    assert len(tokens) == 100


def test_only_loopback_is_loopback() -> None:
    for host, alone in (("127.0.0.1", True), ("localhost", True), ("127.0.0.2", True), ("0.0.0.0", False)):
        with listen(Address(host, 0), 1 << 16) as listening:
            assert is_loopback(listening) is alone


def test_a_port_that_is_taken_and_a_host_that_is_not_ours_are_one_line() -> None:
    with listen(Address("127.0.0.1", 0), 1 << 16) as listening:
        taken = Address("127.0.0.1", listening.getsockname()[1])
        with pytest.raises(StreamError) as error:
            listen(taken, 1 << 16)
    assert (
        str(error.value)
        == f"--serve {taken}: cannot listen there (Address already in use); give another port"
    )
    with pytest.raises(
        StreamError, match=r"^--serve 203\.0\.113\.1:0: cannot listen there \(Cannot assign .*another address"
    ):
        listen(Address("203.0.113.1", 0), 1 << 16)
    with pytest.raises(
        StreamError, match=r"^--serve a\.\.b:0: cannot listen there \(.*\); give another address"
    ):
        listen(Address("a..b", 0), 1 << 16)
