"""Commands that do what `actfusion-stream` must not do; in a module that a process of its own can import."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path


def nothing() -> None:
    """Preparation that takes no time."""


def by_film(arguments: list[str]) -> int:
    """Does something else with every film."""
    film = arguments[arguments.index("--video") + 1]
    behaviours = [raise_it, hang, crash, chat, lose, leave_behind, leave_early, refuse]
    names = ["mpeg4.avi", "h264.avi", "mjpeg.avi", "h264.mp4", "pieces.mp4", "mpeg4.mp4", "prores.mov"]
    return behaviours[names.index(film) if film in names else -1]()


def raise_it() -> int:
    raise ValueError("nobody has caught this")


def hang() -> int:
    time.sleep(600)
    return 0


def crash() -> int:
    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0


def chat() -> int:
    print("frame 17 looks odd")
    return 1


def lose() -> int:
    """Sees pictures and exports none."""
    Path("events.jsonl").write_text('{"type": "summary", "frames": 50}\n')
    return 0


def leave_behind() -> int:
    Path(".out.mp4.7.abcdef.part").write_bytes(b"half a video")
    return refuse()


def leave_early() -> int:
    return 0


def refuse() -> int:
    """What is right."""
    print("actfusion-stream: no video", file=sys.stderr)
    return 1


def hoard(arguments: list[str]) -> int:
    held = []
    while len(held) < 400:  # 8 GB
        held.append(b"x" * 20_000_000)
        time.sleep(0.02)
    return 0


def sized(arguments: list[str]) -> int:
    """Holds so many MB for a moment."""
    b"x" * (int(arguments[0]) << 20)
    return 0
