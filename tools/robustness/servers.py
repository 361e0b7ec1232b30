"""Servers of live streams: processes that can be killed or frozen, and started anew at the same address."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from functools import cached_property
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"  # for which Debian installs GStreamer
_HERE = Path(__file__).resolve().parent


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def serves_rtsp() -> bool:
    """Whether GStreamer's RTSP server is installed; PyPI has none that works."""
    test = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    with contextlib.suppress(OSError):
        return subprocess.run([SYSTEM_PYTHON, "-c", test], capture_output=True).returncode == 0
    return False


class Server:
    """Sends a video for half a minute at least.

    Args:
        scheme: tcp, udp, http, hls or rtsp.
        clip: what to send, by ffmpeg (by GStreamer over rtsp); None for a drawn video.
    """

    def __init__(self, scheme: str, clip: Path | None = None) -> None:
        self._scheme, self._clip = scheme, clip
        self._process: subprocess.Popen[bytes] | None = None

    @cached_property
    def port(self) -> int:
        """Chosen when it is first asked for: of many servers made at once, none takes another's."""
        return free_port(socket.SOCK_DGRAM if self._scheme == "udp" else socket.SOCK_STREAM)

    @property
    def address(self) -> str:
        """Where its stream is to be watched."""
        return {
            "hls": f"http://127.0.0.1:{self.port}/live.m3u8",
            "rtsp": f"rtsp://cook:pass@127.0.0.1:{self.port}/kitchen",
        }.get(self._scheme, f"{self._scheme}://127.0.0.1:{self.port}")

    def start(self) -> None:
        self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def send_signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """End it, even if it is frozen, and wait until its port is free."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _command(self) -> list[str]:
        place, scheme, clip = f"127.0.0.1:{self.port}", self._scheme, self._clip
        if scheme == "rtsp":
            serving = [SYSTEM_PYTHON, str(_HERE / "serve_rtsp.py"), str(self.port)]
            return [*serving, *([str(clip)] if clip else [])]
        target = {"tcp": f"tcp://{place}?listen=1", "udp": f"udp://{place}?pkt_size=1316"}.get(scheme)
        if clip is None:
            drawing = [sys.executable, str(_HERE / "serve_stream.py")]
            return [*drawing, target or f"{scheme}://{place}", "96x64", "30"]
        coding = ["-an", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"]
        sending = ["-f", "mpegts", *([target] if target else ["-listen", "1", f"{scheme}://{place}"])]
        reading = ["-loglevel", "error", "-re", "-stream_loop", "-1", "-i", str(clip)]
        return ["ffmpeg", *reading, *coding, *sending]
