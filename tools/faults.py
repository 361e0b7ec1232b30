"""Do to `actfusion-stream` what the world does to it, and write down what it did.

    python -m tools.faults --out docs/robustness.md

Every row is made anew: a file or a stream with something wrong, a command, its exit status, and what came
out. Exit status 1 if a row is not as it should be. `--short` leaves out what needs a second process.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from rich.console import Console

from actfusion_stream import cli
from actfusion_stream.arguments import OneLineParser
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.video import check_output

from .robustness.random_model import random_checkpoint

_FLASH = 2.0  # seconds at which the picture turns white and a tone begins
_STEP = 0.040  # seconds by which picture and sound may part
_SERVERS = Path(__file__).resolve().parent / "robustness"
SYSTEM_PYTHON = "/usr/bin/python3"  # for which Debian installs GStreamer


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes:
        done: what is wrong.
        prepare: puts it into a folder that holds model.safetensors; returns the arguments of the command.
        status: exit status that is right, as shells report it: 128 + the signal that ended it.
        says: what stderr has to contain; "" for an empty one, None where it does not matter.
        frames: of the annotated video, if there has to be one.
        seconds: length of the video that has to come out, as far as it is known.
        step: picture and sound have to stay in step.
        act: what is done to the running process; such a row needs one of its own.
    """

    done: str
    prepare: Callable[[Path], list[str]]
    status: int = 0
    says: str | None = ""
    frames: int | None = None
    seconds: float | None = None
    step: bool = False
    act: Callable[[subprocess.Popen[bytes], Path], None] | None = None


@dataclass
class Outcome:
    """What a command did."""

    fault: Fault
    command: str
    status: int
    stderr: str
    found: str
    wrong: list[str] = field(default_factory=list)


def run(fault: Fault) -> Outcome:
    """Do it, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        random_checkpoint(folder / "model.safetensors")
        here = Path.cwd()
        os.chdir(folder)
        try:
            arguments = fault.prepare(folder)
            full = [*arguments, "--checkpoint", "model.safetensors", "--display", "none"]
            status, stderr = _in_process(full) if fault.act is None else _as_process(full, fault.act, folder)
            shown = shlex.join(["actfusion-stream", *arguments])
            outcome = Outcome(fault, shown, status, stderr, "")
            _judge(outcome, folder, arguments)
        finally:
            os.chdir(here)
    return outcome


def _in_process(arguments: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            status = cli.main(arguments)
        except SystemExit as stopped:
            status = stopped.code if isinstance(stopped.code, int) else 1
    return status, said.getvalue()


def _as_process(
    arguments: list[str], act: Callable[[subprocess.Popen[bytes], Path], None], folder: Path
) -> tuple[int, str]:
    root = str(Path(__file__).resolve().parents[1])
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "actfusion_stream.cli", *arguments],
            env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
        )  # fmt: skip
        try:
            act(process, folder)
            process.wait(timeout=60)
        finally:
            process.kill()
            process.wait()
    status = process.returncode if process.returncode >= 0 else 128 - process.returncode  # as shells say it
    return status, (folder / "stderr").read_text()


def _judge(outcome: Outcome, folder: Path, arguments: list[str]) -> None:
    fault, found = outcome.fault, []
    if outcome.status != fault.status:
        outcome.wrong.append(f"exit status {outcome.status}, not {fault.status}")
    if "Traceback" in outcome.stderr:
        outcome.wrong.append("a traceback")
    if fault.says is not None and (
        fault.says not in outcome.stderr or bool(fault.says) != bool(outcome.stderr)
    ):
        outcome.wrong.append(f"stderr is {outcome.stderr!r}, not {fault.says!r}")
    target = folder / "out.mp4"
    if target.exists():
        frames, seconds = _picture(target)
        found.append(f"out.mp4 plays, {frames} frames, {seconds:.2f} s")
        if fault.frames is not None and frames != fault.frames:
            outcome.wrong.append(f"{frames} frames, not {fault.frames}")
        if fault.seconds is not None and abs(seconds - fault.seconds) > 0.1:
            outcome.wrong.append(f"{seconds:.2f} s, not {fault.seconds:.2f}")
        if fault.step:
            apart = _sound_onset(target) - _flash(target)
            found.append(f"sound {1000 * apart:+.0f} ms from the picture")
            if abs(apart) > _STEP:
                outcome.wrong.append(f"picture and sound {1000 * apart:.0f} ms apart")
    elif fault.frames is not None:
        outcome.wrong.append("no out.mp4")
    log = folder / "events.jsonl"
    if log.exists() and log.is_file():
        events = [json.loads(line) for line in log.read_text().splitlines()]  # whole lines, always
        gaps = [event for event in events if event["type"] == "gap"]
        found.append(f"{len(events)} events" + "".join(f", gap: {gap['cause']}" for gap in gaps))
    if (folder / "ran").exists():
        outcome.wrong.append("code in a file was run")
    left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
    if left:
        outcome.wrong.append(f"left behind: {', '.join(left)}")
    outcome.found = "; ".join(found)


# What comes out


def _picture(path: Path) -> tuple[int, float]:
    """Frames of a video, and seconds from 0:00 to its last frame."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return len(times), float(times[-1] or 0.0)


def _flash(path: Path) -> float:
    """When the upper part of the picture turns white."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.to_ndarray(format="gray")[: frame.height // 3].mean() > 180:
                return float(frame.time or 0.0)
    return float("nan")


def _sound_onset(path: Path) -> float:
    """When the sound begins."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.abs(frame.to_ndarray().astype(float).reshape(len(frame.layout.channels), -1)).max(
                axis=0
            )
            scale = 1.0 if "flt" in frame.format.name else 32768.0
            index = np.flatnonzero(loud > 0.2 * scale)
            if len(index):
                return float((frame.time or 0.0) + index[0] / frame.sample_rate)
    return float("nan")


# What goes in


def video(
    path: Path,
    *,
    times: list[float] | None = None,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: float = 25.0,
    sound: float | None = None,
    late: float = 0.0,
    rotation: int = 0,
    aspect: Fraction | None = None,
    form: str | None = None,
) -> Path:
    """Encode a dark picture that turns white at 2 s.

    Args:
        path: target.
        times: of the frames, seconds; None for 4 s at `rate`.
        size: (width, height).
        codec, pixels, options: of the encoder.
        rate: that the header claims.
        sound: seconds of it, with a tone from 2 s on; None for none.
        late: seconds added to all times.
        rotation: degrees noted beside the picture.
        aspect: of a pixel.
        form: FFmpeg's name of the container, if the ending does not say.
    """
    times = [i / rate for i in range(round(4 * rate))] if times is None else times
    clock = Fraction(1, 90_000)
    with av.open(str(path), "w", format=form) as container:
        stream: Any = container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options=options or {}
        )
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if form != "h264":
            stream.codec_context.time_base = clock
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(rotation)
        audio: Any = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for index, at in enumerate(times):
            level = 235 if at >= _FLASH - 1e-6 else 40
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8))
            if form == "h264":
                frame.pts, frame.time_base = index, Fraction(1, round(rate))
            else:
                frame.pts, frame.time_base = round((at + late) / clock), clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio is not None:
            for packet in _tone(sound or 0.0, late, audio):
                container.mux(packet)
    return path


def _tone(seconds: float, late: float, stream: Any) -> Iterator[Any]:
    at = np.arange(round(48_000 * seconds)) / 48_000
    wave = (np.sin(2 * np.pi * 440 * at) * (at >= _FLASH) * 0.8).astype(np.float32)
    for first in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = first + round(48_000 * late)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _export(name: str, **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        video(folder / name, **made)
        return ["--video", name, "--output", "out.mp4"]

    return prepare


def _bytes(name: str, content: bytes) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        (folder / name).write_bytes(content)
        return ["--video", name]

    return prepare


def _edited(name: str, edit: Callable[[bytes], bytes], **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        path = video(folder / name, **made)
        path.write_bytes(edit(path.read_bytes()))
        return ["--video", name, "--output", "out.mp4"]

    return prepare


def _with(*more: str, **made: Any) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        video(folder / "in.mp4", **made)
        return ["--video", "in.mp4", *more]

    return prepare


def _model(edit: Callable[[bytes], bytes]) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        path = folder / "model.safetensors"
        path.write_bytes(edit(path.read_bytes()))
        video(folder / "in.mp4")
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


def _joined(folder: Path) -> list[str]:
    """Two recordings in one file: in its middle time begins anew."""
    one = video(folder / "one.ts").read_bytes()
    (folder / "in.ts").write_bytes(one + one)
    return ["--video", "in.ts", "--output", "out.mp4"]


TIME_AND_PICTURE = [
    Fault("nothing", _export("in.mp4", sound=4.0), frames=100, seconds=3.96, step=True),
    Fault(
        "variable frame rate: 10 to 50 a second",
        _export("in.mp4", times=[*(i / 10 for i in range(20)), *(2 + i / 50 for i in range(100))], sound=4.0),
        frames=120,
        seconds=3.98,
        step=True,
    ),
    Fault("B-frames", _export("in.mp4", options={"bf": "4"}, sound=4.0), frames=100, seconds=3.96, step=True),
    Fault(
        "the header says 50 frames a second, there are 10",
        _export("in.mkv", rate=50, times=[i / 10 for i in range(40)], sound=4.0),
        frames=40,
        seconds=3.9,
        step=True,
    ),
    Fault("no time stamps at all (raw H.264)", _export("in.h264", form="h264"), frames=100, seconds=3.96),
    Fault("two recordings joined: in the middle time begins anew", _joined, 0, "begins anew at 4.0 s"),
    Fault(
        "a hole of 20 s in the time stamps",
        _export("in.mp4", times=[*(i / 25 for i in range(50)), *(22 + i / 25 for i in range(50))]),
        frames=100,
        seconds=23.96,
    ),
    Fault(
        "turned by a quarter, as a phone notes it",
        _export("in.mp4", rotation=90, sound=4.0),
        frames=100,
        step=True,
    ),
    Fault(
        "odd size, 97 x 63",
        _export("in.mkv", size=(97, 63), pixels="yuv444p", sound=4.0),
        frames=100,
        step=True,
    ),
    Fault("pixels of 4:3", _export("in.mp4", aspect=Fraction(4, 3), sound=4.0), frames=100, step=True),
    Fault(
        "interlaced", _export("in.mp4", options={"flags": "+ilme+ildct"}, sound=4.0), frames=100, step=True
    ),
    Fault("10 bits a colour", _export("in.mp4", pixels="yuv420p10le", sound=4.0), frames=100, step=True),
    Fault("grey", _export("in.mp4", pixels="gray", sound=4.0), frames=100, step=True),
    Fault("alpha", _export("in.mov", codec="png", pixels="rgba", sound=4.0), frames=100, step=True),
    Fault("sound 5 s longer than the picture", _export("in.mp4", sound=9.0), frames=100, step=True),
    Fault("sound ends 1 s before the picture", _export("in.mp4", sound=3.0), frames=100, step=True),
    Fault(
        "all times start at 7 s", _export("in.mkv", late=7.0, sound=4.0), frames=100, seconds=3.96, step=True
    ),
    Fault(
        "a transport stream, whose times start anywhere", _export("in.ts", sound=4.0), frames=100, step=True
    ),
    Fault(
        "1 frame a second",
        _export("in.mp4", rate=1, times=[float(i) for i in range(6)], sound=6.0),
        frames=6,
        step=True,
    ),
    Fault("240 frames a second", _export("in.mp4", rate=240, sound=4.0), frames=960, step=True),
    Fault("a single frame", _export("in.mp4", times=[0.0]), frames=1),
]

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
    Fault("a folder of pictures", _pictures(0), frames=50, seconds=1.96),
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


# With other processes


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: subprocess.Popen[bytes], lines: int) -> None:
    """Until it has written so many events to stdout."""
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()


def _long(*more: str) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        video(folder / "in.mp4", times=[i / 25 for i in range(500)], sound=20.0)
        return ["--video", "in.mp4", "--realtime", "--events", "-", "--output", "out.mp4", *more]

    return prepare


def _signals(*numbers: signal.Signals) -> Callable[[subprocess.Popen[bytes], Path], None]:
    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        _wait_for(process, 3)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.02)
        process.communicate(timeout=30)

    return act


def _close_stdout(process: subprocess.Popen[bytes], folder: Path) -> None:
    _wait_for(process, 1)
    assert process.stdout is not None
    process.stdout.close()


def _stream(scheme: str, kill: signal.Signals, again: bool, *more: str, clip: Path | None = None) -> Fault:
    """A stream of a second process, which is stopped in the middle.

    Args:
        scheme: tcp, udp, http, hls or rtsp.
        kill: SIGKILL, or SIGSTOP which leaves the connection open.
        again: it is started anew; else the program has to come to its end.
        more: arguments.
        clip: what to send, by ffmpeg (by GStreamer over rtsp); None for a drawn video.
    """
    port = free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    address = {
        "hls": f"http://127.0.0.1:{port}/live.m3u8",
        "rtsp": f"rtsp://cook:pass@127.0.0.1:{port}/kitchen",
    }.get(scheme, f"{scheme}://127.0.0.1:{port}")
    servers: list[subprocess.Popen[bytes]] = []

    def serve() -> None:
        command = _server(scheme, port, clip)
        servers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def prepare(folder: Path) -> list[str]:
        serve()
        time.sleep(3.0)
        return ["--video", address, "--events", "-", "--output", "out.mp4", "--max-staleness", "10", *more]

    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        events: list[bytes] = []
        assert process.stdout is not None
        try:
            for _ in range(2):
                events.append(process.stdout.readline())
            servers[-1].send_signal(kill)
            if again:
                time.sleep(6.0 if scheme == "udp" or kill == signal.SIGSTOP else 1.0)
                servers[-1].kill()  # a frozen one holds its port
                servers[-1].wait()
                serve()
                while events[-1] and b'"gap"' not in events[-1]:
                    events.append(process.stdout.readline())
                for _ in range(2):
                    events.append(process.stdout.readline())
                process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
            (folder / "events.jsonl").write_bytes(b"".join(events) + rest)
        finally:
            for server in servers:
                server.kill()
                server.wait()

    done = {signal.SIGKILL: "killed", signal.SIGSTOP: "frozen"}[kill]
    ending = " and restarted, then Ctrl-C" if again else ", and never comes back"
    what = f", {clip.name} by {'GStreamer' if scheme == 'rtsp' else 'ffmpeg'}" if clip else ""
    return Fault(
        f"live {scheme.upper()} stream{what}, its server is {done}{ending}",
        prepare,
        130 if again else 0,
        "" if again else "did not come back within",
        act=act,
    )


def _server(scheme: str, port: int, clip: Path | None) -> list[str]:
    """Command of a process that sends a video for half a minute at least."""
    place = f"127.0.0.1:{port}"
    if scheme == "rtsp":
        return [SYSTEM_PYTHON, str(_SERVERS / "serve_rtsp.py"), str(port), *([str(clip)] if clip else [])]
    target = {"tcp": f"tcp://{place}?listen=1", "udp": f"udp://{place}?pkt_size=1316"}.get(scheme)
    if clip is None:
        drawing = [sys.executable, str(_SERVERS / "serve_stream.py")]
        return [*drawing, target or f"{scheme}://{place}", "96x64", "30"]
    coding = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"]
    sending = ["-f", "mpegts", *([target] if target else ["-listen", "1", f"{scheme}://{place}"])]
    reading = ["-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(clip)]
    return ["ffmpeg", *reading, *coding, *sending]


def serves_rtsp() -> bool:
    """Whether GStreamer's RTSP server is installed; PyPI has none that works."""
    test = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    with contextlib.suppress(OSError):
        return subprocess.run([SYSTEM_PYTHON, "-c", test], capture_output=True).returncode == 0
    return False


def _stdin(content: Callable[[Path], bytes]) -> Callable[[subprocess.Popen[bytes], Path], None]:
    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(content(folder))
            process.stdin.close()
        process.stdin = None  # which communicate would flush

    return act


def _from_stdin(folder: Path) -> list[str]:
    return ["--video", "-", "--output", "out.mp4"]


def _piped(folder: Path) -> bytes:
    return video(folder / "piped.ts").read_bytes()


def with_processes(clips: Path | None = None) -> list[Fault]:
    """Rows that need a process of their own, or a server.

    Args:
        clips: folder of videos that are served as well, by Debian's ffmpeg.
    """
    rtsp = serves_rtsp()
    if not rtsp:
        print("RTSP is left out: GStreamer's server is not installed (gir1.2-gst-rtsp-server-1.0)")
    videos = sorted(clips.glob("*.mp4")) if clips else []
    schemes = ["tcp", "udp", "http", *(["rtsp"] if rtsp else [])]
    return [
        Fault("Ctrl-C", _long(), 130, act=_signals(signal.SIGINT)),
        Fault("Ctrl-C twice", _long(), 130, None, act=_signals(signal.SIGINT, signal.SIGINT)),
        Fault("SIGTERM", _long(), 143, act=_signals(signal.SIGTERM)),
        Fault("the terminal goes away (SIGHUP)", _long(), 129, act=_signals(signal.SIGHUP)),
        Fault(
            "the reader of --events - goes away",
            _long(),
            1,
            "Broken pipe); everything else was finished",
            frames=500,
            act=_close_stdout,
        ),
        Fault("a video on standard input", _from_stdin, frames=100, act=_stdin(_piped)),
        Fault("nothing on standard input", _from_stdin, 1, "standard input", act=_stdin(lambda folder: b"")),
        _stream("tcp", signal.SIGKILL, True),
        _stream("tcp", signal.SIGSTOP, True),
        _stream("udp", signal.SIGKILL, True),
        _stream("http", signal.SIGKILL, True),
        _stream("hls", signal.SIGKILL, True),
        *([_stream("rtsp", signal.SIGKILL, True), _stream("rtsp", signal.SIGSTOP, True)] if rtsp else []),
        *(
            _stream(scheme, signal.SIGKILL, True, clip=video)
            for scheme, video in zip(schemes, itertools.cycle(videos), strict=False)
        ),
        _stream("tcp", signal.SIGKILL, False, "--reconnect", "1"),
    ]


def table(outcomes: list[Outcome]) -> str:
    """The rows in Markdown."""
    lines = ["| what was done to it | command | exit | what it did |", "| --- | --- | --- | --- |"]
    for outcome in outcomes:
        said = " ".join(outcome.stderr.removeprefix("actfusion-stream: ").split())
        said, command = (
            re.sub(r"(127\.0\.0\.1):\d{5}", r"\1:PORT", text) for text in (said, outcome.command)
        )
        did = "; ".join(part for part in (f"“{said}”" if said else "", outcome.found) if part)
        cells = (outcome.fault.done, f"`{command}`", str(outcome.status), did.replace("|", "\\|"))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = OneLineParser(
        prog="python -m tools.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, help="Markdown file whose table is to be replaced")
    parser.add_argument("--clips", type=Path, help="folder of videos to serve, too; needs ffmpeg")
    parser.add_argument("--short", action="store_true", help="only what needs no second process")
    options = parser.parse_args(arguments)
    try:
        if options.out:
            check_output(options.out)
        if options.clips and not any(options.clips.glob("*.mp4")):
            raise StreamError(f"{options.clips}: no .mp4 in that folder")
        if options.clips and not shutil.which("ffmpeg"):
            raise StreamError("--clips: they are served by ffmpeg, which is not installed")
    except StreamError as error:
        parser.error(str(error))
    clips = options.clips.resolve() if options.clips else None  # every row has a folder of its own
    faults = [*TIME_AND_PICTURE, *FILES, *([] if options.short else with_processes(clips))]
    console = Console(highlight=False)
    outcomes = []
    for fault in faults:
        outcome = run(fault)
        outcomes.append(outcome)
        state = "[red]wrong[/]" if outcome.wrong else "ok"
        console.print(f"{state}  {fault.done}")
        for wrong in outcome.wrong:
            console.print(f"    {wrong}", markup=False)
    if options.out:
        text = options.out.read_text() if options.out.exists() else ""
        head = text.partition("| what was done to it")[0]
        options.out.write_text(head + table(outcomes))
    failed = sum(bool(outcome.wrong) for outcome in outcomes)
    console.print(f"{len(outcomes)} faults, {failed} not as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
