"""Rows of files: damaged and dishonest ones, and names that cannot be read or written."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from .fault import Fault
from .flashing_video import flashing_video


def _bytes(name: str, content: bytes) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["--video", name]

    return prepare


def _edited(name: str, edit: Callable[[bytes], bytes], **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        path = flashing_video(folder / name, **made)
        path.write_bytes(edit(path.read_bytes()))
        return ["--video", name, "--output", "out.mp4"]

    return prepare


def _with(*more: str, **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        flashing_video(folder / "in.mp4", **made)
        return ["--video", "in.mp4", *more]

    return prepare


def _model(edit: Callable[[bytes], bytes]) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        path = folder / "model.safetensors"
        path.write_bytes(edit(path.read_bytes()))
        flashing_video(folder / "in.mp4")
        return ["--video", "in.mp4"]

    return prepare


def _pictures(broken: int) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        (folder / "frames").mkdir()
        for index in range(50):
            picture = av.VideoFrame.from_ndarray(np.full((32, 48, 3), 4 * index, np.uint8)).to_image()
            picture.save(folder / f"frames/{index}.png")
        for index in range(broken):
            (folder / f"frames/{10 + index}.png").write_bytes(b"broken")
        return ["--video", "frames", "--output", "out.mp4"]

    return prepare


def _blotted(content: bytes) -> bytes:
    """Some bytes in the middle of the pictures zeroed."""
    middle = len(content) // 3
    return content[:middle] + bytes(300) + content[middle + 300 :]


def _claiming(side: int) -> Callable[[bytes], bytes]:
    """An AVI's 96 x 64 replaced by a square."""
    return lambda content: content.replace(struct.pack("<II", 96, 64), struct.pack("<II", side, side))


FILES = [
    Fault("no such file", lambda folder: ["--video", "gone.mp4"], 1, "gone.mp4: no such file"),
    Fault("an empty file", _bytes("in.mp4", b""), 1, "the file is empty (0 bytes)"),
    Fault("text", _bytes("in.mp4", b"not a video\n" * 50), 1, "in.mp4: "),
    Fault("random bytes", _bytes("in.mp4", np.random.default_rng(0).bytes(5000)), 1, "in.mp4: "),
    Fault(
        "a header that claims 100000 x 100000 pixels",
        _bytes("in.y4m", b"YUV4MPEG2 W100000 H100000 F25:1 C420jpeg\nFRAME\n" + bytes(1000)),
        1,
        "in.y4m: not a video that can be read",
    ),
    Fault(
        "a header that claims 20000 x 20000 for pictures of 96 x 64",
        _edited("in.avi", _claiming(20_000), codec="png", pixels="rgb24"),
        frames=100,
        seconds=3.96,
    ),
    Fault(
        "an .mp4 cut off in the middle",
        _edited("in.mp4", lambda c: c[: len(c) // 2]),
        1,
        "cut off before its index",
    ),
    Fault(
        "an .mkv cut off in the middle",
        _edited("in.mkv", lambda c: c[: len(c) // 2], sound=4.0),
        0,
        "it stops at",
        step=False,
    ),
    Fault("300 bytes in the middle zeroed", _edited("in.ts", _blotted, sound=4.0), 0, None),
    Fault("a folder of pictures", _pictures(0), says="--rate gives another", frames=50, seconds=1.96),
    Fault(
        "a folder of pictures, two of them broken",
        _pictures(2),
        0,
        "2 of 50 pictures cannot be read",
        frames=48,
    ),
    Fault("an empty folder", lambda folder: ["--video", "."], 1, "no picture in that folder"),
    Fault("the output is the input", _with("--output", "in.mp4"), 1, "is the input itself"),
    Fault("the output's folder is missing", _with("--output", "no/out.mp4"), 1, "there is no folder no"),
    Fault(
        "two outputs of one name",
        _with("--events", "x.csv", "--segments", "x.csv"),
        1,
        "each needs a file of its own",
    ),
    Fault(
        "disk full under the events",
        _with("--events", "/dev/full", "--output", "out.mp4"),
        1,
        "No space left on device); everything else was finished",
        frames=100,
    ),
    Fault("checkpoint: cut off", _model(lambda c: c[:5000]), 1, "checkpoint model.safetensors"),
    Fault(
        "checkpoint: a pickle that runs code",
        _model(lambda c: b"cos\nsystem\n(S'touch ran'\ntR."),
        1,
        "checkpoint",
    ),
    Fault(
        "checkpoint: a header of 2^62 bytes",
        _model(lambda c: struct.pack("<Q", 2**62) + c[8:]),
        1,
        "checkpoint",
    ),
    Fault(
        "an address of a kind that is not known",
        lambda folder: ["--video", "gopher://host/a"],
        1,
        "are not known",
    ),
    Fault(
        "nobody answers, and the address has a password",
        lambda folder: ["--video", "rtsp://cook:secret@127.0.0.1:9/a"],
        1,
        "rtsp://127.0.0.1:9/a: cannot be reached",
    ),
    Fault("no such camera", lambda folder: ["--camera", "97"], 1, "camera 97: no such camera"),
    Fault("no such camera device", lambda folder: ["--camera", "/dev/video97"], 1, "no such device"),
]
