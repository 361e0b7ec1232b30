"""A real MQTT broker on a loopback port, which can go away and come back, and somebody who listens."""

from __future__ import annotations

import queue
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .servers import free_port

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
_SECONDS = 20.0  # within which it is there, on a busy machine


class Broker:
    """mosquitto, which remembers its sessions when it is stopped and started again.

    Args:
        folder: for its files.
        settings: further lines of its configuration; without a listener among them, anybody may come.
    """

    def __init__(self, folder: Path, settings: Sequence[str] = ("allow_anonymous true",)) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "persistence true", f"persistence_location {folder}/"]
        self._configuration.write_text("\n".join([*lines, "user root", *settings]) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; returns when it listens."""
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        """Stop it, as a restart does; harmless when repeated."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(_SECONDS)


@dataclass(frozen=True)
class Heard:
    """A message.

    Attributes:
        topic, body: of it.
        retained: it was there before somebody asked.
        at: `time.perf_counter()` when it came.
    """

    topic: str
    body: bytes
    retained: bool
    at: float


class Subscriber:
    """Hears everything below a topic, also what comes while its connection is away.

    Args:
        port: of the broker on loopback.
        topic: e.g. "kitchen".
        login: user and password, where they are asked for.
    """

    def __init__(self, port: int, topic: str, login: tuple[str, str] | None = None) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._messages: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        ready: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, f"listens-{id(self)}", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        if login is not None:
            self._client.username_pw_set(*login)

        def heard(client: Any, data: Any, message: Any) -> None:
            now = time.perf_counter()
            self._messages.put(Heard(message.topic, message.payload, message.retain, now))

        self._client.on_message = heard
        self._client.on_connect = lambda client, *_: client.subscribe(f"{topic}/#", 1)
        self._client.on_subscribe = lambda *_: ready.put(None)
        self._client.connect("127.0.0.1", port, 60)
        self._client.loop_start()
        ready.get(timeout=_SECONDS)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def next(self, seconds: float = _SECONDS) -> Heard:
        """The next message.

        Raises:
            queue.Empty: there is none.
        """
        return self._messages.get(timeout=seconds)

    def until(self, topic: str, times: int = 1) -> list[Heard]:
        """All messages up to one of that topic, so often."""
        found: list[Heard] = []
        while times:
            found.append(self.next())
            times -= found[-1].topic == topic
        return found
