"""The command line on live sources: signals, standard input, metrics, and stages that break."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import av
import pytest
from sample_videos import make_video, ramp

from actfusion_stream import cli
from actfusion_stream.engine.stream import Stream
from actfusion_stream.engine.timeline import Tick
from actfusion_stream.errors import StreamError
from actfusion_stream.sinks.events import EventLog
from actfusion_stream.tools.robustness.servers import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = REPOSITORY / "tools/robustness/serve_stream.py"


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds, ten frames a second."""
    return make_video(tmp_path_factory.mktemp("long") / "long.mp4", times=ramp(100))


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [sys.executable, "-m", "actfusion_stream.cli", *map(str, arguments)],
        **{"env": environment, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,  # type: ignore[call-overload]
    )


def frames_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_finishes_what_is_being_written(
    long_video: Path, tiny_checkpoint: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--realtime",
        "--tick", "1", "--events", "-", "--output", tmp_path / "a.mp4",
    )  # fmt: skip
    assert process.stdout is not None
    first = "".join(process.stdout.readline() for _ in range(3))
    process.send_signal(number)
    rest, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (status, "")
    events = [json.loads(line) for line in (first + rest).splitlines()]
    summary = events[-1]
    assert summary["interrupted"]
    assert 10 <= summary["frames"] < 100
    assert frames_in(tmp_path / "a.mp4") == summary["frames"]
    assert summary["latency_ms"].keys() == {"taken", "feature", "prediction"}  # nothing was shown
    assert summary["latency_ms"]["prediction"]["p99"] >= summary["latency_ms"]["feature"]["p50"] > 0


def test_a_second_ctrl_c_leaves_a_video_that_plays(
    long_video: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticks = []

    def first(writer: EventLog, tick: Tick) -> None:
        ticks.append(tick)
        if len(ticks) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    def second(stream: Stream) -> tuple[()]:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)  # a model that takes its time
        return ()

    monkeypatch.setattr(EventLog, "tick", first)
    monkeypatch.setattr(Stream, "finish", second)
    began = time.monotonic()
    arguments = ["--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--tick", "1"]
    outputs = ["--events", tmp_path / "a.jsonl", "--output", tmp_path / "a.mp4", "--labels", "online"]
    assert cli.main([str(argument) for argument in [*arguments, *outputs]]) == 130
    assert time.monotonic() - began < 50
    assert capsys.readouterr().err == "actfusion-stream: stopped\n"
    assert 20 < frames_in(tmp_path / "a.mp4") < 60
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "a.mp4"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_late_ctrl_c_shows_no_traceback(long_video: Path, tiny_checkpoint: Path) -> None:
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--realtime",
        "--events", "-",
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline(), process.stdout.readline()
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err in ("", "actfusion-stream: stopped\n")


def test_a_silent_stream_is_left_at_the_first_ctrl_c(tiny_checkpoint: Path, tmp_path: Path) -> None:
    port = free_port()
    server = subprocess.Popen([sys.executable, str(SERVER), f"tcp://127.0.0.1:{port}?listen=1", "64x48"])
    process = None
    try:
        time.sleep(2.0)
        process = start(
            "--video", f"tcp://127.0.0.1:{port}", "--checkpoint", tiny_checkpoint, "--display", "none",
            "--events", "-", "--output", tmp_path / "a.mp4", "--max-staleness", "5",
        )  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert [json.loads(line)["type"] for line in lines[:2]] == ["header", "tick"]
        server.send_signal(signal.SIGSTOP)  # connected, and silent
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=30)
    finally:
        server.kill()
        server.wait()
        if process is not None:
            process.kill()
    assert (process.returncode, err) == (130, "")
    summary = json.loads(rest.splitlines()[-1])
    assert (summary["type"], summary["source"]) == ("summary", f"tcp://127.0.0.1:{port}")
    assert frames_in(tmp_path / "a.mp4") == summary["frames"]


def test_a_video_on_standard_input(long_video: Path, tiny_checkpoint: Path, tmp_path: Path) -> None:
    piped = tmp_path / "a.ts"
    with av.open(str(long_video)) as source, av.open(str(piped), "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with piped.open("rb") as file:
        process = start(
            "--video", "-", "--checkpoint", tiny_checkpoint, "--display", "none", "--events", "-",
            "--output", tmp_path / "a.mp4", stdin=file,
        )  # fmt: skip
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    summary = json.loads(out.splitlines()[-1])
    assert (summary["source"], summary["frames"]) == ("standard input", 100)
    assert frames_in(tmp_path / "a.mp4") == 100


def test_nothing_on_standard_input(tiny_checkpoint: Path) -> None:
    process = start("--video", "-", "--checkpoint", tiny_checkpoint, stdin=subprocess.DEVNULL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith("actfusion-stream: standard input: no video that can be read")
    assert err.count("\n") == 1


def test_prometheus_reads_the_numbers(long_video: Path, tiny_checkpoint: Path) -> None:
    pytest.importorskip("prometheus_client", reason="pip install '.[metrics]'")
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none", "--realtime",
        "--tick", "1", "--metrics", "0", "--events", "-",
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stderr.readline()
    address = line.split()[-1]
    assert address.startswith("http://127.0.0.1:")
    ticks = 0
    while ticks < 2:
        ticks += json.loads(process.stdout.readline())["type"] == "tick"
    with urllib.request.urlopen(address, timeout=10) as answer:
        text = answer.read().decode()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["actfusion_ticks_total"]) >= 2
    assert float(values["actfusion_frames_total"]) >= 20
    assert float(values['actfusion_latency_seconds{quantile="0.5",stage="prediction"}']) > 0


def test_a_port_that_is_taken(
    tiny_video: Path, tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("prometheus_client", reason="pip install '.[metrics]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status = cli.main(
            ["--video", str(tiny_video), "--checkpoint", str(tiny_checkpoint), "--metrics", str(port)]
        )
    assert status == 1
    assert f"--metrics {port}: cannot listen there" in capfd.readouterr().err


@pytest.mark.parametrize(
    "stage",
    [
        "actfusion_stream.extractors.feature_stream.FeatureStream.push",
        "actfusion_stream.extractors.extractor.Extractor.__call__",
        "actfusion_stream.engine.predictor.Predictor.__call__",
        "actfusion_stream.views.overlay.Overlay.draw",
        "actfusion_stream.sinks.video.VideoWriter.write",
        "actfusion_stream.sinks.events.EventLog.tick",
        "actfusion_stream.sources.video_file.VideoFile.frames",
    ],
)
def test_any_stage_may_break_while_all_queues_are_full(
    stage: str, long_video: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    owner, _, name = stage.rpartition(".")
    module, _, kind = owner.rpartition(".")
    original = getattr(getattr(sys.modules[module], kind), name)
    calls = 0

    def breaks(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == (1 if name == "frames" else 4):
            time.sleep(0.3)  # long enough for everything before it to fill up
            raise StreamError("broken for a test")
        return original(*arguments, **named)

    monkeypatch.setattr(f"{owner}.{name}", breaks)
    status = cli.main(
        [
            "--video", str(long_video), "--checkpoint", str(tiny_checkpoint), "--display", "none",
            "--tick", "0.3", "--labels", "online",
            "--output", str(tmp_path / "a.mp4"), "--events", str(tmp_path / "events.jsonl"),
        ]
    )  # fmt: skip
    assert status == 1
    assert "broken for a test" in capfd.readouterr().err
    left = [t.name for t in threading.enumerate() if t.name.startswith(("read ", "exporter", "connection "))]
    assert left == []
    for line in (tmp_path / "events.jsonl").read_text().splitlines():
        json.loads(line)
