"""Rows of other processes: signals, pipes, and servers of live streams that go away and come back."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from .fault import Fault
from .flashing_video import flashing_video
from .servers import Server


def _wait_for(process: subprocess.Popen[bytes], lines: int) -> None:
    """Until it has written so many events to stdout."""
    assert process.stdout is not None
    for _ in range(lines):
        process.stdout.readline()


def _long(folder: Path) -> list[str]:
    flashing_video(folder / "in.mp4", times=[i / 25 for i in range(500)], sound=20.0)
    return ["--video", "in.mp4", "--realtime", "--events", "-", "--output", "out.mp4"]


def _signals(*numbers: signal.Signals) -> Callable[[subprocess.Popen[bytes], Path], None]:
    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        _wait_for(process, 4)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.02)
        process.communicate(timeout=30)

    return act


def _close_stdout(process: subprocess.Popen[bytes], folder: Path) -> None:
    _wait_for(process, 1)
    assert process.stdout is not None
    process.stdout.close()


def _from_stdin(folder: Path) -> list[str]:
    return ["--video", "-", "--output", "out.mp4"]


def _stdin(content: Callable[[Path], bytes]) -> Callable[[subprocess.Popen[bytes], Path], None]:
    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(content(folder))
            process.stdin.close()
        process.stdin = None  # which communicate would flush

    return act


def _piped(folder: Path) -> bytes:
    return flashing_video(folder / "piped.ts").read_bytes()


def _stream(scheme: str, kill: signal.Signals, again: bool, *more: str, clip: Path | None = None) -> Fault:
    """A live stream whose server is stopped in the middle.

    Args:
        scheme: of the server.
        kill: SIGKILL, or SIGSTOP which leaves the connection open.
        again: it is started anew; else the program has to come to its end.
        more: arguments.
        clip: what it sends.
    """
    server = Server(scheme, clip)

    def prepare(folder: Path) -> list[str]:
        server.start()
        time.sleep(3.0)
        given = ["--video", server.address, "--events", "-", "--output", "out.mp4"]
        return [*given, "--max-staleness", "10", *more]

    def act(process: subprocess.Popen[bytes], folder: Path) -> None:
        events: list[bytes] = []
        assert process.stdout is not None
        try:
            for _ in range(3):  # the header, and two of what was seen
                events.append(process.stdout.readline())
            server.send_signal(kill)
            if again:
                time.sleep(6.0 if scheme == "udp" or kill == signal.SIGSTOP else 1.0)
                server.kill()  # a frozen one holds its port
                server.start()
                while events[-1] and b'"gap"' not in events[-1]:
                    events.append(process.stdout.readline())
                for _ in range(2):
                    events.append(process.stdout.readline())
                process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=60)
            (folder / "events.jsonl").write_bytes(b"".join(events) + rest)
        finally:
            server.kill()

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


def with_processes(rtsp: bool, clips: Path | None = None) -> list[Fault]:
    """Rows that need a process of their own, or a server.

    Args:
        rtsp: whether GStreamer's RTSP server is there.
        clips: folder of videos that are served as well, by Debian's ffmpeg.
    """
    videos = sorted(clips.glob("*.mp4")) if clips else []
    schemes = ["tcp", "udp", "http", *(["rtsp"] if rtsp else [])]
    return [
        Fault("Ctrl-C", _long, 130, act=_signals(signal.SIGINT)),
        Fault("Ctrl-C twice", _long, 130, None, act=_signals(signal.SIGINT, signal.SIGINT)),
        Fault("SIGTERM", _long, 143, act=_signals(signal.SIGTERM)),
        Fault("the terminal goes away (SIGHUP)", _long, 129, act=_signals(signal.SIGHUP)),
        Fault(
            "the reader of --events - goes away",
            _long,
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
