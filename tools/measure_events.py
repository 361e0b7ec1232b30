"""How long it takes from a frame to who is told of it, and what receivers cost a stream.

    python -m tools.measure_events                a drawn kitchen of two minutes, as a camera would show it
    python -m tools.measure_events --seconds 600

A line for each receiver, a real one on loopback: milliseconds from a frame's arrival to its tick and to the
receiver, and what the stream dropped. Then the bytes of an hour of events. Needs mosquitto and paho-mqtt.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

from actfusion_stream.arguments import OneLineParser, number
from actfusion_stream.engine.engine import Engine
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen

from .robustness.broker import MOSQUITTO
from .robustness.receivers import PERCENTILES, bytes_an_hour, ways

_SEED = 10_007  # of a kitchen that the bundled model has not seen


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=number("seconds", 4.0, 7200.0, example="600"), default=120.0)
    options = parser.parse_args(arguments)
    if MOSQUITTO is None:
        parser.error("mosquitto is not installed; e.g. apt install mosquitto")
    engine = Engine.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = folder / "kitchen.mp4"
        write_video(Kitchen(_SEED, options.seconds), clip, Fraction(15))
        ms = f"ms ({' / '.join(f'p{percentile}' for percentile in PERCENTILES)})"
        print(f"| receiver | ticks | frames dropped | {ms} to the tick | to the receiver | not delivered |")
        print("| --- | --- | --- | --- | --- | --- |")
        for way in ways(clip, folder, engine):
            predicted, told = (" / ".join(f"{ms:.0f}" for ms in each) for each in (way.predicted, way.told))
            dropped = f"{way.dropped} of {way.frames + way.dropped}"
            lost = "; ".join(warning.partition(": ")[2] for warning in way.warnings) or "nothing"
            print(f"| {way.name} | {way.ticks} | {dropped} | {predicted} | {told} | {lost} |", flush=True)
        size = bytes_an_hour(clip, folder, engine)
    print(f"\nMB an hour: {size.now / 1e6:.1f}; with the whole past in each tick: {size.repeating / 1e6:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
