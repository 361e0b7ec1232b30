"""What takes events, by what was given for it."""

from __future__ import annotations

from pathlib import Path

from actfusion_stream.pipes import STANDARD_OUTPUT
from actfusion_stream.receivers.address import Address, is_file_target
from actfusion_stream.receivers.receiver import Carrier, Receiver
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.sinks.sink import Sink


def open_events(target: str | Path, source: str | Path | int | None = None) -> Sink:
    """A sink for events.

    Args:
        target: a path, "-" for standard output, or the address of a receiver.
        source: what is being read, which must not be overwritten.

    Raises:
        StreamError: the target cannot be used.

    Example:
        >>> run(stream, [open_events("mqtt://broker.local/kitchen"), open_events("events.jsonl")])
    """
    if is_file_target(target) or target == STANDARD_OUTPUT:
        return EventLog(target, source)
    address = Address.parse(str(target))
    carrier: Carrier
    if address.scheme in ("mqtt", "mqtts"):
        from actfusion_stream.receivers.mqtt import Mqtt

        carrier = Mqtt(address)
    elif address.scheme in ("http", "https"):
        from actfusion_stream.receivers.webhook import Webhook

        carrier = Webhook(address)
    else:
        from actfusion_stream.receivers.sockets import Socket

        carrier = Socket(address)
    return Receiver(carrier)
