"""Events to an MQTT broker: each type has a topic of its own below the one that was given.

TOPIC/status is "online" or "offline", which the broker says should we go without a word (last will). It, the
header and the newest whole tick are retained, so that whoever subscribes later has them at once.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from actfusion_stream.errors import StreamError
from actfusion_stream.receivers.address import Address
from actfusion_stream.receivers.receiver import Message

if TYPE_CHECKING:
    from paho.mqtt.client import Client

PASSWORD = "ACTFUSION_MQTT_PASSWORD"  # the environment variable
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_AT_LEAST_ONCE = 1  # quality of service
_IN_FLIGHT = 20  # messages that the broker has not acknowledged
_LOOK = 0.02  # seconds between looks at whether to go on waiting
_SECONDS = 2.0  # within which a message can be handed over, or it is tried again later
_KEEPALIVE = 15  # seconds; half as long again after that the broker tells the last will
_WHOLE_EVERY = 10.0  # seconds


class Mqtt:
    """Brings messages to a broker, each at least once, in order; while it is away, it is connected to anew.

    Args:
        address: mqtt[s]://[user[:password]@]host[:port]/topic; without a password, that of the environment.

    Raises:
        StreamError: the topic cannot be one, or paho-mqtt is not installed.
    """

    whole_every: float | None = _WHOLE_EVERY

    def __init__(self, address: Address) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError as error:
            raise StreamError(f"{address.name}: needs paho-mqtt; pip install '.[mqtt]'") from error
        self.name, self.broken = address.name, False
        self._topic = address.path.strip("/")
        if not self._topic or set(self._topic) & set("+#\0"):
            raise StreamError(f"{self.name}: give a topic without + and #, e.g. mqtt://broker.local/kitchen")
        self._address = address
        self._client: Client = Client(CallbackAPIVersion.VERSION2)
        self._in_flight: set[int] = set()
        self._arrived: set[int] = set()
        self._arrivals: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._why = "no connection"

    def open(self, header: Message, abandoned: threading.Event) -> None:
        client, address, self._abandoned = self._client, self._address, abandoned
        if address.user is not None:
            client.username_pw_set(address.user, address.password or os.environ.get(PASSWORD))
        if address.scheme == "mqtts":
            client.tls_set()
        client.will_set(f"{self._topic}/status", "offline", _AT_LEAST_ONCE, retain=True)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.reconnect_delay_set(1, 15)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_publish = self._acknowledged
        client.connect_async(address.host, address.port or _PORTS[address.scheme], _KEEPALIVE)
        client.loop_start()

    def send(self, message: Message) -> None:
        until = time.monotonic() + _SECONDS
        while self.unfinished() >= _IN_FLIGHT or not self._client.is_connected():
            if time.monotonic() > until or self._abandoned.wait(_LOOK):
                raise OSError(0, self._why)
        retain = message.kind == "header" or message.whole
        # Should the connection break now, it is sent with the next one.
        sent = self._client.publish(f"{self._topic}/{message.kind}", message.body, _AT_LEAST_ONCE, retain)
        with self._lock:
            self._in_flight.add(sent.mid)

    def unfinished(self) -> int:
        with self._lock:
            while not self._arrivals.empty():
                self._arrived.add(self._arrivals.get())
            known = self._in_flight & self._arrived  # one may arrive before `send` has noted it
            self._in_flight -= known
            self._arrived -= known
            return len(self._in_flight)

    def close(self) -> None:
        client = self._client
        if client.is_connected():
            last = client.publish(f"{self._topic}/status", "offline", _AT_LEAST_ONCE, retain=True)
            last.wait_for_publish(1.0)
        client.disconnect()
        # It may still be looking for the broker, which nobody waits for.
        ending = threading.Thread(target=client.loop_stop, name="events", daemon=True)
        ending.start()
        ending.join(1.0)

    def _connected(self, client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._why = str(reason)
        else:
            self._why = "no answer"
            client.publish(f"{self._topic}/status", "online", _AT_LEAST_ONCE, retain=True)

    def _disconnected(self, *_: Any) -> None:
        self.broken = True

    def _acknowledged(self, _: Any, __: Any, number: int, *___: Any) -> None:
        self._arrivals.put(number)  # without our lock: the client holds its own here
