"""Events at a real broker: everything arrives, in order, once it is there again; and nobody waits for it."""

from __future__ import annotations

import json
import queue
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sinks_of_tests import beginning, end
from ticks_of_tests import numbers_in, past_of, tick_at

from actfusion_stream.errors import StreamError
from actfusion_stream.receivers import receiver as receivers
from actfusion_stream.receivers.address import Address
from actfusion_stream.receivers.mqtt import PASSWORD, Mqtt
from actfusion_stream.receivers.opening import open_events
from actfusion_stream.receivers.receiver import Receiver
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.tools.robustness.broker import MOSQUITTO, Broker, Subscriber

pytest.importorskip("paho.mqtt", reason="pip install '.[mqtt]'")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
CAMERA = beginning(SourceInfo("camera 0", 64, 48, None, 30.0, live=True, has_audio=False))
FILE = beginning(SourceInfo("a.mp4", 64, 48, 9.0, 30.0, live=False, has_audio=False))
SECRET = "open sesame/@"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as broker:
        yield broker


def started(address: str, info=CAMERA) -> Sink:
    sink = open_events(address)
    sink.start(info)
    return sink


def test_each_type_has_a_topic_of_its_own(broker: Broker) -> None:
    with Subscriber(broker.port, "home/kitchen") as subscriber:
        sink = started(f"mqtt://127.0.0.1:{broker.port}/home/kitchen")
        for number in range(10):
            sink.tick(tick_at(number))
        sink.finish((), end())
        sink.close()
        heard = [
            message for message in subscriber.until("home/kitchen/status", 2) if message.body[:1] == b"{"
        ]
    reader, records = past_of([message.body for message in heard])
    assert [message.topic for message in heard] == [f"home/kitchen/{record['type']}" for record in records]
    assert [record["type"] for record in (records[0], records[-1])] == ["header", "summary"]
    assert numbers_in(records) == list(range(10))
    assert [segment["label"] for segment in reader.past] == ["cut", "mix", "cut"]
    assert sink.warning is None
    with Subscriber(broker.port, "home/kitchen") as late:  # what is retained
        kept = [late.next() for _ in range(3)]
    assert all(message.retained for message in kept)
    assert {message.topic: json.loads(message.body)["number"] if message.topic.endswith("tick") else None
            for message in kept} == {
        "home/kitchen/header": None, "home/kitchen/tick": 0, "home/kitchen/status": None,
    }  # fmt: skip


def test_a_broker_that_is_restarted_misses_nothing(broker: Broker) -> None:
    with Subscriber(broker.port, "kitchen") as subscriber:
        sink = started(f"mqtt://127.0.0.1:{broker.port}/kitchen")
        for number in range(10):
            sink.tick(tick_at(number))
        heard = subscriber.until("kitchen/tick", 10)
        broker.stop()
        for number in range(10, 30):
            sink.tick(tick_at(number))
        broker.start()
        sink.tick(tick_at(30))
        heard += subscriber.until("kitchen/tick", 21)
        sink.finish((), end())
        sink.close()
        heard += subscriber.until("kitchen/summary")
    records = [json.loads(message.body) for message in heard if message.body[:1] == b"{"]
    assert sorted(set(numbers_in(records))) == list(range(31))
    assert sink.warning is None
    offline = [message.body for message in heard if message.topic == "kitchen/status"]
    assert offline[0] == b"online"


def test_who_is_cut_off_is_said_to_be_offline(broker: Broker) -> None:
    with Subscriber(broker.port, "kitchen") as subscriber:
        carrier = Mqtt(Address.parse(f"mqtt://127.0.0.1:{broker.port}/kitchen"))
        sink = Receiver(carrier)
        sink.start(CAMERA)
        subscriber.until("kitchen/header")
        connection = carrier._client.socket()
        assert connection is not None
        connection.shutdown(socket.SHUT_RDWR)  # without a word
        said = [message.body for message in subscriber.until("kitchen/status", 2)]
        assert said[-2:] == [b"offline", b"online"]
        sink.close()
        assert subscriber.until("kitchen/status")[-1].body == b"offline"


def test_a_broker_that_is_away_holds_up_no_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receivers, "ROOM", 20_000)
    monkeypatch.setattr(receivers, "_SILENT", 0.5)
    broker = Broker(tmp_path)
    sink = started(f"mqtt://user:secret@127.0.0.1:{broker.port}/kitchen")
    for number in range(100):
        sink.tick(tick_at(number))
    broker.start()
    try:
        with Subscriber(broker.port, "kitchen") as subscriber:
            heard = subscriber.until("kitchen/tick", 20)
            sink.tick(tick_at(100))
            heard += subscriber.until("kitchen/lost")
            heard.append(subscriber.next())
            sink.close()
    finally:
        broker.stop()
    reader, records = past_of([message.body for message in heard if message.body[:1] == b"{"])
    numbers = numbers_in(records)
    assert numbers[-1] == 100
    assert numbers[:-1] == list(range(len(numbers) - 1)), "the oldest have waited, in order"
    assert (reader.whole, len(reader.past)) == (True, 26)
    lost = records[-2]["events"]
    assert lost >= 100 - len(numbers) + 1
    name = f"mqtt://127.0.0.1:{broker.port}/kitchen"
    assert sink.warning == f"{name}: {lost} events were not delivered (no connection)"


def test_the_password_comes_from_the_address_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    monkeypatch.setattr(receivers, "_SILENT", 1.0)
    subprocess.run(["mosquitto_passwd", "-c", "-b", tmp_path / "users", "cook", SECRET], check=True)
    settings = ("allow_anonymous false", f"password_file {tmp_path}/users")
    with (
        Broker(tmp_path, settings) as broker,
        Subscriber(broker.port, "kitchen", ("cook", SECRET)) as subscriber,
    ):
        host = f"127.0.0.1:{broker.port}/kitchen"
        for given, in_environment in (("cook:open%20sesame%2F%40@", "wrong"), ("cook@", SECRET)):
            monkeypatch.setenv(PASSWORD, in_environment)
            sink = started(f"mqtt://{given}{host}")
            assert json.loads(subscriber.until("kitchen/header")[-1].body)["source"] == "camera 0"
            sink.close()
            subscriber.until("kitchen/status")
        sink = started(f"mqtt://cook:wrong@{host}")
        sink.finish((), end())
        sink.close()
        with pytest.raises(queue.Empty):
            subscriber.next(0.1)
    assert sink.warning == f"mqtt://{host}: 2 events were not delivered (Not authorized)"


def test_an_encrypted_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=broker",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    settings = ["allow_anonymous true", f"certfile {certificate}", f"keyfile {key}"]
    with Broker(tmp_path, settings) as broker:
        sink = started(f"mqtts://127.0.0.1:{broker.port}/kitchen", FILE)
        for number in range(5):
            sink.tick(tick_at(number))
        sink.finish((), end())
        sink.close()
    assert sink.warning is None, "all was acknowledged"


@pytest.mark.parametrize("topic", ["", "/", "/home/#", "/home/+/a"])
def test_what_is_no_topic_is_said_at_once(topic: str) -> None:
    with pytest.raises(
        StreamError, match=r"give a topic without \+ and #, e.g. mqtt://broker.local/kitchen$"
    ):
        open_events(f"mqtt://127.0.0.1{topic}")
