"""Passwords go to the server that they are for, and nowhere else; errors are words."""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from sample_videos import make_video, ramp
from video_server import Handler, Served, VideoServer, serving

from actfusion_stream.errors import StreamError
from actfusion_stream.sources.source import open_source
from actfusion_stream.tools.robustness.servers import free_port


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_video(tmp_path_factory.mktemp("web") / "a.ts", times=ramp(30)).read_bytes()


def count(address: str) -> int:
    with open_source(address, outage=0) as source:
        return len(list(source))


BASIC = "Basic " + base64.b64encode(b"cook:p@ss/w:rd ").decode()


def test_a_password_is_sent_as_http_has_it(body: bytes) -> None:
    def guarded(handler: Handler) -> None:
        if handler.headers.get("Authorization") == BASIC:
            handler.answer(200, body)
        else:
            handler.answer(401, b"", WWW_Authenticate='Basic realm="kitchen"')

    with serving(a_ts=guarded) as server:
        host = server.base.removeprefix("http://")
        assert count(f"http://cook:p%40ss%2Fw%3Ard%20@{host}/a.ts") == 30
        for wrong in ("", "cook@", "cook:p@"):
            with pytest.raises(StreamError, match=r"/a\.ts: cannot be reached \(401 Unauthorized\)$"):
                count(f"http://{wrong}{host}/a.ts")


def test_a_password_is_not_sent_where_cameras_ask_for_its_digest(body: bytes) -> None:
    def guarded(handler: Handler) -> None:
        said = dict(re.findall(r'(\w+)="?([^",]*)', handler.headers.get("Authorization", "")))

        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        one, two = digest("cook:cam:pa:ss"), digest(f"GET:{said.get('uri')}")
        right = digest(f"{one}:n1:{said.get('nc')}:{said.get('cnonce')}:auth:{two}")
        if said.get("response") == right:
            handler.answer(200, body)
        else:
            handler.answer(401, b"", WWW_Authenticate='Digest realm="cam", nonce="n1", qop="auth"')

    with serving(a_ts=guarded) as server:
        assert count(f"{server.base.replace('//', '//cook:pa:ss@')}/a.ts?channel=1") == 30
        assert not any("Basic" in (user or "") for user in server.users)


def test_a_password_is_not_sent_to_where_a_redirect_leads(body: bytes) -> None:
    def greedy(handler: Handler) -> None:
        if handler.headers.get("Authorization") is None and len(elsewhere.users) == 1:
            handler.answer(401, b"", WWW_Authenticate='Basic realm="kitchen"')
        else:
            handler.answer(200, body)

    def guarded(handler: Handler) -> None:
        if handler.headers.get("Authorization") == BASIC:
            handler.answer(302, b"", Location=f"{elsewhere.base}/a.ts")
        else:
            handler.answer(401, b"", WWW_Authenticate='Basic realm="kitchen"')

    with serving(a_ts=greedy) as elsewhere, serving(a_ts=guarded) as server:
        host = server.base.removeprefix("http://")
        with pytest.raises(StreamError, match=r"401 Unauthorized"):
            count(f"http://cook:p%40ss%2Fw%3Ard%20@{host}/a.ts")
        assert server.users == [None, BASIC]
        assert set(elsewhere.users) == {None}


def test_cookies_are_kept(body: bytes) -> None:
    def first(handler: Handler) -> None:
        handler.answer(302, b"", Location="/a.ts", Set_Cookie="session=1; Path=/")

    def second(handler: Handler) -> None:
        handler.answer(200 if handler.headers.get("Cookie") == "session=1" else 403, body)

    with serving(in_ts=first, a_ts=second) as server:
        assert count(f"{server.base}/in.ts") == 30


@pytest.mark.parametrize("path", ["kit chen.ts", "küche.ts", "a%20b.ts", "a.ts#part", "a.ts?x=ä y"])
def test_addresses_as_people_type_them(path: str, body: bytes) -> None:
    asked: list[str] = []

    def answer(handler: Handler) -> None:
        asked.append(handler.path)
        handler.answer(200, body)

    with serving() as server:
        expected = {
            "kit chen.ts": "/kit%20chen.ts", "küche.ts": "/k%C3%BCche.ts", "a%20b.ts": "/a%20b.ts",
            "a.ts#part": "/a.ts", "a.ts?x=ä y": "/a.ts?x=%C3%A4%20y",
        }[path]  # fmt: skip
        server.files[expected.partition("?")[0]] = answer
        assert count(f"{server.base}/{path}") == 30
        assert asked == [expected]


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (lambda handler: handler.answer(404, b"SECRET"), "404 Not Found"),
        (lambda handler: handler.answer(500, b"SECRET"), "500 Internal Server Error"),
        (lambda handler: handler.answer(204, b""), "answers 204"),
        (lambda handler: handler.wfile.write(b"SECRET\r\n\r\n"), "no answer that can be understood"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 404 SECRET\r\n\r\n"), "404 Not Found"),
        (lambda handler: handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"SECRET: 1\r\n" * 200 + b"\r\n"),
         "no answer that can be understood"),
        (lambda handler: None, "the connection ended"),
        (lambda handler: handler.answer(200, b"SECRET" * 999, Content_Encoding="gzip"),
         "its server compresses what it sends, unasked"),
    ],
)  # fmt: skip
def test_what_a_server_says_is_not_repeated(answer, cause: str) -> None:
    with serving(a_mp4=answer) as server:
        with pytest.raises(StreamError) as error:
            open_source(f"{server.base}/a.mp4")
        assert str(error.value) == f"{server.base}/a.mp4: cannot be reached ({cause})"


def test_what_is_no_video() -> None:
    refused = pytest.raises(StreamError, match=r"/a\.mp4: what it sends is no video that can be read$")
    with serving(a_mp4=lambda handler: handler.answer(200, b"<html>" * 999)) as server, refused:
        open_source(f"{server.base}/a.mp4")


def test_nobody_answers() -> None:
    address = f"http://127.0.0.1:{free_port()}/a.mp4"
    with pytest.raises(StreamError) as error:
        open_source(address)
    assert str(error.value) == f"{address}: cannot be reached (Connection refused)"


def test_a_certificate_that_nobody_knows_is_refused_until_it_is_trusted(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    making = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    try:
        subprocess.run([*making, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs openssl, to make a certificate")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with VideoServer({"/a.ts": Served(body)}) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = server.base.replace("http", "https") + "/a.ts"
        with pytest.raises(StreamError) as error:
            open_source(address)
        assert str(error.value).replace("self signed", "self-signed") == (
            f"{address}: cannot be reached (its certificate is not valid: self-signed certificate; the "
            "variable SSL_CERT_FILE can name one to trust)"
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert count(address) == 30
        server.shutdown()
