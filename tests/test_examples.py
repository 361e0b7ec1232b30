"""The examples run as they stand, on a kitchen that nobody has seen."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import label_at, write_script
from actfusion_stream.tools.robustness.servers import free_port

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SEED, SECONDS = 10011, 40.0


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kitchen") / "kitchen.mp4"
    write_video(Kitchen(SEED, SECONDS), path, Fraction(15))
    return path


def example(name: str, folder: Path, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_example_is_tested() -> None:
    tested = set(re.findall(r'example\("(\w+\.py)"', Path(__file__).read_text()))
    assert tested == {path.name for path in EXAMPLES.glob("*.py")}


def test_what_comes_next(kitchen: Path, tmp_path: Path) -> None:
    lines = example("what_comes_next.py", tmp_path, kitchen)
    ticks = [line for line in lines if " then " in line]
    assert len(ticks) > 3 * SECONDS, "a tick with every feature"
    assert sum(" in " in line for line in ticks) > len(ticks) / 2
    said = [(float(line.split()[0]), line.split()[2]) for line in ticks]
    script = write_script(SEED, SECONDS)
    right = sum(label == label_at(script, time - 0.2) for time, label in said)  # features look as far ahead
    assert right > len(ticks) / 2
    assert lines[-1].split()[2] == "40.0"


def test_own_frames(kitchen: Path, tmp_path: Path) -> None:
    lines = example("own_frames.py", tmp_path, kitchen)
    assert len(lines) == 39 + 1
    assert lines[-1].endswith("actions in 600 frames")


def test_about_to_begin(kitchen: Path, tmp_path: Path) -> None:
    lines = example("about_to_begin.py", tmp_path, kitchen, "serve_salad")
    assert re.fullmatch(r"serve_salad begins in \d\.\d s, \d+ % sure", lines[0])
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert events[-1]["type"] == "summary"


def live_example(name: str, folder: Path, video: Path) -> list[str]:
    """As `example`, of a video that another process sends as a camera would; ended as one ends a camera."""
    address = f"tcp://127.0.0.1:{free_port()}"
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-f", "mpegts"]
    sending = ["ffmpeg", "-loglevel", "error", "-re", "-i", str(video), *coding, f"{address}?listen=1"]
    server = subprocess.Popen(sending, stdin=subprocess.DEVNULL)
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), address],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        server.wait(timeout=300)
        time.sleep(2.0)  # for the last frames
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        server.kill()
        process.kill()
    assert process.returncode == 0, err
    return out.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_assist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds, seed = 60.0, 10013
    write_video(Kitchen(seed, seconds), tmp_path / "kitchen.mp4", Fraction(15))
    lines = live_example("assist.py", tmp_path, tmp_path / "kitchen.mp4")
    said = [re.fullmatch(r" *([\d.]+) s  the .+, for (\w+) in [\d.]+ s \(\d+%\)", line) for line in lines]
    calls = [(float(call[1]), call[2]) for call in said if call is not None]
    assert len(calls) >= 5
    ahead = []
    for now, label in calls:  # right is what begins within ten seconds, or has just begun
        begins = [step.start for step in write_script(seed, seconds) if step.label == label]
        ahead += [begin - now for begin in begins if -1.0 <= begin - now <= 10.0][:1]
    with capsys.disabled():
        early = statistics.median(ahead) if ahead else float("nan")
        print(f"\nassist: {len(ahead)} of {len(calls)} calls were right, {early:.1f} s ahead in the median")
    assert len(ahead) >= 0.7 * len(calls)
