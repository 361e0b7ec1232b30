"""`actfusion-stream` as it is typed: what it writes and shows, and how it answers mistakes: in one line."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sample_videos import make_video, packets, ramp

from actfusion_stream.cli import main
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.weights.checkpoint import bundled_checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "actfusion_stream.cli"]


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes, so that there is time to interrupt; with sound."""
    return make_video(tmp_path_factory.mktemp("long") / "long.mp4", times=ramp(2400), sound="aac")


@pytest.fixture
def run(tiny_video: Path, tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Runs the command on the tiny video, in this process: exit status, stdout, stderr."""

    def run(*arguments: object, video: Path = tiny_video) -> tuple[int, str, str]:
        given = [str(argument) for argument in arguments]
        if "--camera" not in given:
            given = ["--video", str(video), *given]
        if "--checkpoint" not in given:
            given += ["--checkpoint", str(tiny_checkpoint)]
        try:
            status = main(given)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run


def start(*arguments: object, **options) -> subprocess.Popen[str]:
    """Starts the command as a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        **{"env": environment, "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options,
    )


def events_of(text: str) -> list[dict]:
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- what it writes


def test_events_are_as_documented(run, tmp_path: Path):
    path = tmp_path / "events.jsonl"
    assert run("--events", path, "--display", "none", "--horizon", "2s") == (0, "", "")
    *ticks, summary = events_of(path.read_text())
    assert [event["type"] for event in ticks] == ["tick"] * 5
    assert [event["seen_until"] for event in ticks] == [1.0, 2.0, 3.0, 4.0, 5.0]
    for tick in ticks:
        assert set(tick) == {
            "type", "seen_until", "observed_until", "current", "past", "future", "latency_ms",
        }  # fmt: skip
        assert set(tick["current"]) == {"label", "confidence", "since"}
        for segment in (*tick["past"], *tick["future"]):
            assert set(segment) == {"label", "start", "end", "confidence"}
            assert 0 <= segment["confidence"] <= 1
        assert tick["past"][0]["start"] == 0.0
        assert tick["past"][-1]["end"] == tick["observed_until"] == tick["future"][0]["start"]
        assert tick["observed_until"] <= tick["seen_until"]
        assert tick["future"][-1]["end"] == pytest.approx(
            tick["observed_until"] + 2.0, abs=0.14
        )  # whole steps
        last = tick["past"][-1]
        assert tick["current"] == {
            "label": last["label"], "confidence": last["confidence"], "since": last["start"],
        }  # fmt: skip
        assert set(tick["latency_ms"]) >= {"extract", "model", "total"}
        assert all(milliseconds >= 0 for milliseconds in tick["latency_ms"].values())
    assert summary["type"] == "summary"
    assert summary["source"] == "tiny.mp4"
    counted = [summary[key] for key in ("frames", "features", "ticks", "dropped")]
    assert counted == [90, 23, 5, 0]
    assert summary["interrupted"] is False
    assert summary["warning"] is None
    assert summary["segments"][0]["start"] == 0.0
    assert summary["segments"][-1]["end"] == 6.0


def test_segments_are_the_final_segmentation(run, tmp_path: Path):
    table, log = tmp_path / "segments.csv", tmp_path / "events.jsonl"
    assert run("--segments", table, "--events", log, "--display", "none")[0] == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    said = events_of(log.read_text())[-1]["segments"]
    assert [{key: str(value) for key, value in segment.items()} for segment in said] == rows
    assert [float(row["start"]) for row in rows[1:]] == [float(row["end"]) for row in rows[:-1]]


def test_the_annotated_video_has_the_frames_times_size_and_sound_of_the_source(run, tmp_path: Path):
    uneven = [0, 40, 90, 300, 310, 500, 900, 1100, 1600, 1633, 2400, 3000]
    source = make_video(tmp_path / "source.mp4", times=uneven, size=(66, 50), sound="aac")
    target = tmp_path / "annotated.mp4"
    assert run("--output", target, "--display", "none", video=source) == (0, "", "")
    assert frame_times(target) == [time / 1000 for time in uneven]
    with av.open(str(target)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.width, video.height) == ("h264", 66, 50)
    sounds = [[(p.pts, p.size) for p in packets(path, "audio")] for path in (source, target)]
    assert sounds[0] == sounds[1]
    assert names(tmp_path) == ["annotated.mp4", "source.mp4"]


def test_the_annotated_video_is_drawn_on(run, tiny_video: Path, tmp_path: Path):
    target = tmp_path / "annotated.mkv"
    assert run("--output", target, "--display", "none")[0] == 0
    with av.open(str(tiny_video)) as plain, av.open(str(target)) as annotated:
        pairs = zip(plain.decode(video=0), annotated.decode(video=0), strict=True)
        changes = [
            np.abs(a.to_ndarray(format="rgb24").astype(int) - b.to_ndarray(format="rgb24")).mean()
            for a, b in pairs
        ]
    assert len(changes) == 90
    assert min(changes[20:]) > 5


def test_two_runs_say_the_same(run, tmp_path: Path):
    for name in ("a", "b"):
        run("--events", tmp_path / name, "--display", "none")
    first, second = (events_of((tmp_path / name).read_text())[:-1] for name in ("a", "b"))
    for event in (*first, *second):
        del event["latency_ms"]
    assert first == second


def test_a_file_that_stops_in_the_middle_is_shown_as_far_as_it_goes(run, tmp_path: Path):
    whole = make_video(tmp_path / "whole.mp4", ramp(60), coding={"bf": "0"}, muxing={"movflags": "faststart"})
    cut, target = tmp_path / "cut.mp4", tmp_path / "annotated.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])
    status, out, err = run("--output", target, "--display", "none", video=cut)
    assert (status, out) == (0, "")
    assert err.startswith("actfusion-stream: warning: cut.mp4: it stops at ")
    assert err.count("\n") == 1
    times = frame_times(target)
    assert 5 < len(times) < 60
    assert times == [index / 10 for index in range(len(times))]


def test_a_video_of_one_frame_is_segmented_though_no_tick_came(run, tmp_path: Path):
    picture, target, log = (tmp_path / name for name in ("one.mp4", "out.mp4", "events.jsonl"))
    make_video(picture, times=[0])
    assert run("--output", target, "--events", log, "--display", "none", video=picture) == (0, "", "")
    (summary,) = events_of(log.read_text())
    assert (summary["frames"], summary["ticks"], len(summary["segments"])) == (1, 0, 1)
    assert frame_times(target) == [0.0]


# -- what it shows


def test_display_none_prints_nothing(run, tmp_path: Path):
    assert run("--display", "none", "--segments", tmp_path / "segments.csv") == (0, "", "")


def test_without_a_terminal_it_prints_plain_lines(run, tmp_path: Path):
    table = tmp_path / "segments.csv"
    status, out, err = run("--segments", table)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == ["tiny.mp4: 64x48, 15 fps", "random weights: what is said means nothing"]
    assert lines[2].startswith("0:01  ")
    assert lines[2].endswith("sure") or "; next " in lines[2]
    assert lines[-1] == f"segments: {table}"
    assert "\x1b" not in out


def test_the_note_is_left_out_for_the_checkpoints_own_videos(run, tmp_path: Path):
    status, out, _ = run(video=make_video(tmp_path / "home.mp4", ramp(30), comment="drawn for a test"))
    assert status == 0
    assert "random weights" not in out


def test_events_on_stdout_are_alone_there(run):
    status, out, err = run("--events", "-")
    assert status == 0
    assert [event["type"] for event in events_of(out)] == ["tick"] * 5 + ["summary"]
    assert "tiny.mp4: 64x48" in err


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_on_a_terminal_of_80_columns_it_draws_and_ends_on_ctrl_c(
    long_video: Path, tiny_checkpoint: Path, tmp_path: Path
):
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    video, checkpoint = f"--video {long_video}", f"--checkpoint {tiny_checkpoint}"
    line = f"{' '.join(COMMAND)} {video} {checkpoint} --tick 0.2; echo exit $?; sleep 60"
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "OMP_NUM_THREADS": "1"}

    def screen(until: str) -> list[str]:
        """What stands on the terminal once `until` does."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            shown = subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=True)
            if until in shown.stdout:
                return shown.stdout.rstrip("\n").split("\n")
            time.sleep(0.1)
        raise AssertionError(f"no {until!r} on the terminal:\n{shown.stdout}")

    subprocess.run(
        [*tmux, "-u", "new-session", "-d", "-x", "80", "-y", "24", line],
        check=True,
        env=environment,
        cwd=REPOSITORY,
    )
    try:
        lines = screen(until="since")
        assert "long.mp4" in lines[0]
        assert "64x48, 10 fps" in lines[0]
        assert any("NOW" in line and "since" in line for line in lines)
        assert any("NEXT" in line and "starts" in line and "lasts" in line for line in lines)
        assert any("p50/p95" in line and "dropped" in line and "ticks" in line for line in lines)
        assert any("now" in line and "-" in line and "+" in line for line in lines), (
            "the scale of the timeline"
        )
        assert any("random weights" in line for line in lines)
        assert len(lines) <= 24
        assert max(map(len, lines)) <= 80
        subprocess.run([*tmux, "send-keys", "C-c"], check=True)
        assert "exit 130" in screen(until="exit ")[-1]
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


# -- how it stops


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Sends Ctrl-C, and returns what was still printed."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    return out, err


def test_ctrl_c_leaves_a_playable_video_and_whole_lines(
    long_video: Path, tiny_checkpoint: Path, tmp_path: Path
):
    target, table = tmp_path / "annotated.mp4", tmp_path / "segments.csv"
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--display", "none",
        "--events", "-", "--output", target, "--segments", table,
    )  # fmt: skip
    assert process.stdout is not None
    first = "".join(process.stdout.readline() for _ in range(3))
    rest, err = interrupted(process)
    assert err == ""
    *ticks, summary = events_of(first + rest)
    assert all(event["type"] == "tick" for event in ticks)
    assert (summary["type"], summary["interrupted"], summary["ticks"]) == ("summary", True, len(ticks))
    assert summary["frames"] < 2400, "it was not stopped in the middle"
    assert names(tmp_path) == ["annotated.mp4", "segments.csv"]
    assert len(frame_times(target)) == summary["frames"]
    last = packets(target, "audio")[-1]
    assert float(last.pts * last.time_base) <= summary["frames"] / 10, "the sound ends with the picture"
    assert table.read_text().count("\n") == 1 + len(summary["segments"])


def test_ctrl_c_before_the_first_tick(long_video: Path, tiny_checkpoint: Path, tmp_path: Path):
    target, log = tmp_path / "annotated.mp4", tmp_path / "events.jsonl"
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--tick", "60", "--display", "none",
        "--events", log, "--output", target,
    )  # fmt: skip
    while process.poll() is None and not any(name.endswith(".part") for name in names(tmp_path)):
        time.sleep(0.01)
    _, err = interrupted(process)
    assert err == ""
    (summary,) = events_of(log.read_text())
    assert (summary["interrupted"], summary["ticks"]) == (True, 0)
    assert names(tmp_path) == ["annotated.mp4", "events.jsonl"]
    assert len(frame_times(target)) == summary["frames"] >= 1


def test_a_reader_that_has_seen_enough_is_no_error(long_video: Path, tiny_checkpoint: Path, tmp_path: Path):
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--events", "-", "--display", "none",
        "--output", tmp_path / "annotated.mp4",
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "tick"
    process.stdout.close()
    said = "actfusion-stream: standard output: cannot be written (Broken pipe); everything else was finished"
    assert process.stderr.read() == f"{said}\n"
    assert process.wait(timeout=60) == 1
    assert len(frame_times(tmp_path / "annotated.mp4")) == 2400


# -- what it refuses


def _no_frames(path: Path) -> None:
    """Every packet of the video blotted out."""
    make_video(path)
    data = bytearray(path.read_bytes())
    for packet in packets(path, "video"):
        data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "make", "complaint"),
    [
        ("gone.mp4", lambda path: None, "no such file"),
        ("empty.mp4", lambda path: path.touch(), "the file is empty (0 bytes)"),
        (
            "folder.mp4",
            lambda path: path.mkdir(),
            "no picture in that folder (of .bmp, .jpeg, .jpg, .png, .tif, .tiff, .webp)",
        ),
        ("notes.txt", lambda path: path.write_text("not a video\n" * 50), "is text, not a video"),
        (
            "noise.mp4",
            lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)),
            "not a video that can be read, or a recording cut off before its index was written",
        ),
        ("blank.mp4", _no_frames, "has a video stream, but no frame of it can be decoded"),
    ],
)
def test_a_source_that_is_no_video(name: str, make: Callable, complaint: str, run, tmp_path: Path):
    path, outputs = tmp_path / name, tmp_path / "out"
    outputs.mkdir()
    make(path)
    status, out, err = run(
        "--output", outputs / "a.mp4", "--events", outputs / "e", "--segments", outputs / "s", video=path
    )
    assert (status, out, err) == (1, "", f"actfusion-stream: {path}: {complaint}\n")
    assert names(outputs) == []


def test_an_unknown_camera(run):
    assert run("--camera", 77) == (
        1, "", "actfusion-stream: camera 77: no such camera (cameras are counted from 0)\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "no such file; give a .safetensors file written by actfusion-stream"),
        (lambda path: path.write_text("weights"), "not a safetensors file"),
        (lambda path: torch.save({"weight": torch.zeros(3)}, path), "not a safetensors file"),
        (lambda path: save_file({"weight": torch.zeros(3)}, path), "a safetensors file of another kind"),
    ],
    ids=["missing", "text", "pickle", "other safetensors"],
)
def test_a_checkpoint_that_is_none(make: Callable, complaint: str, run, tmp_path: Path):
    path = tmp_path / "model.safetensors"
    make(path)
    status, out, err = run("--checkpoint", path, "--events", tmp_path / "events.jsonl")
    assert (status, out) == (1, "")
    assert err.startswith(f"actfusion-stream: checkpoint {path}: {complaint}")
    assert err.count("\n") == 1
    assert not (tmp_path / "events.jsonl").exists()


@pytest.mark.parametrize(
    "horizon", ["0", "-1", "nan", "inf", "abc", "1e9", "5m", "0s", "-3s", "infs", "1e9s", ""]
)
def test_a_horizon_that_makes_no_sense(horizon: str, run):
    assert run(f"--horizon={horizon}") == (
        1,
        "",
        f"actfusion-stream: horizon {horizon}: give a ratio of the observed length from above 0 to 10, "
        "e.g. 0.5, or seconds up to 3600, e.g. 20s\n",
    )


@pytest.mark.parametrize("tick", ["0", "-1", "nan", "inf", "1e9", "0.001"])
def test_a_tick_that_makes_no_sense(tick: str, run):
    assert run(f"--tick={tick}") == (
        1, "", f"actfusion-stream: tick {float(tick):g}: give seconds of video from 0.04 to 60, e.g. 1\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tick", "abc"], "argument --tick: 'abc': give seconds, e.g. 1 or 0.5"),
        (["--tick", "5m"], "argument --tick: '5m': give seconds, e.g. 1 or 0.5"),
        (["--camera", "-1"], "argument --camera: '-1': give the number of a camera, counted from 0"),
        (["--camera", "front"], "argument --camera: 'front': give the number of a camera, counted from 0"),
        (["--camera", "200"], "argument --camera: '200': give the number of a camera, counted from 0"),
        (["--camera", "0", "--video", "a.mp4"], "argument --video: not allowed with argument --camera"),
        (["--horizons", "3"], "unrecognized arguments: --horizons 3"),
    ],
)
def test_usage_is_corrected_in_one_line(arguments: list[str], complaint: str, run):
    assert run(*arguments) == (2, "", f"actfusion-stream: {complaint} (--help says more)\n")


def test_something_to_watch_is_needed(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert capsys.readouterr().err == (
        "actfusion-stream: one of the arguments --video --camera is required (--help says more)\n"
    )


def test_help_and_version_do_not_wait_for_torch():
    program = "import sys; from actfusion_stream.cli import main\ntry: main(['--version'])\n"
    program += "except SystemExit: print('torch' in sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    version, loaded = shown.stdout.splitlines()
    assert version.startswith("actfusion-stream ")
    assert loaded == "False"


@pytest.mark.parametrize("device", ["banana", "meta", "cuda:99", ""])
def test_a_device_that_is_not_here(device: str, run):
    status, out, err = run("--device", device)
    assert (status, out) == (1, "")
    assert err.startswith(f"actfusion-stream: device {device}: cannot be used here; give one of: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "path", "complaint"),
    [
        ("--output", "{}", "{}: has no suffix; an annotated video can be .mp4, .mov, .mkv"),
        ("--output", "{}/a.avi", "{}/a.avi: ends in .avi; an annotated video can be .mp4, .mov, .mkv"),
        ("--output", "{}/no/a.mp4", "{}/no/a.mp4: there is no folder {}/no; create it first"),
        ("--output", "{}/in.mp4", "{}/in.mp4: is the input itself; give the output another name"),
        ("--output", "{}/link.mp4", "{}/link.mp4: is the input itself; give the output another name"),
        ("--events", "{}", "{}: is a folder; give the name of a file in it"),
        ("--events", "{}/no/e", "{}/no/e: there is no folder {}/no; create it first"),
        ("--events", "{}/in.mp4", "{}/in.mp4: is the input itself; give the output another name"),
        ("--segments", "{}", "{}: is a folder; give the name of a file in it"),
        ("--segments", "{}/no/s", "{}/no/s: there is no folder {}/no; create it first"),
        ("--segments", "{}/in.mp4", "{}/in.mp4: is the input itself; give the output another name"),
    ],
)
def test_an_output_that_cannot_be_written(
    option: str, path: str, complaint: str, run, tiny_video: Path, tmp_path: Path
):
    folder = tmp_path / "folder"
    folder.mkdir()
    source = folder / "in.mp4"
    shutil.copy(tiny_video, source)
    (folder / "link.mp4").symlink_to(source)
    status, out, err = run(option, path.replace("{}", str(folder)), video=source)
    assert (status, out, err) == (1, "", f"actfusion-stream: {complaint.replace('{}', str(folder))}\n")
    assert names(folder) == ["in.mp4", "link.mp4"]
    assert source.read_bytes() == tiny_video.read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write(run, tmp_path: Path):
    tmp_path.chmod(0o500)
    for option in ("--output", "--events", "--segments"):
        status, _, err = run(option, tmp_path / "a.mp4")
        assert status == 1
        assert "cannot" in err
        assert err.count("\n") == 1


def test_two_outputs_need_two_files(run, tmp_path: Path):
    (tmp_path / "sub").mkdir()
    one, same = tmp_path / "one", tmp_path / "sub" / ".." / "one"
    complaint = f"{same}: given as --events and as --segments; each needs a file of its own"
    assert run("--events", one, "--segments", same) == (1, "", f"actfusion-stream: {complaint}\n")
    assert names(tmp_path) == ["sub"]


def test_the_checkpoint_is_not_overwritten(run, tiny_checkpoint: Path):
    before = tiny_checkpoint.read_bytes()
    for option in ("--events", "--segments"):
        status, _, err = run(option, tiny_checkpoint)
        assert (status, err) == (
            1,
            f"actfusion-stream: {tiny_checkpoint}: given as --checkpoint and as {option}; "
            "each needs a file of its own\n",
        )
    assert tiny_checkpoint.read_bytes() == before


def test_a_full_disk_under_the_events(run, tmp_path: Path):
    status, _, err = run("--events", "/dev/full", "--display", "none", "--output", tmp_path / "a.mp4")
    said = "actfusion-stream: /dev/full: cannot be written (No space left on device)"
    assert (status, err) == (1, f"{said}; everything else was finished\n")
    assert len(frame_times(tmp_path / "a.mp4")) == 90
    status, _, err = run("--events", "/dev/full", "--display", "none")
    assert (status, err) == (1, f"{said}\n"), "with nothing left to do it stops"


def test_a_full_disk_under_the_video(run, long_video: Path, tmp_path: Path):
    target = tmp_path / "annotated.mp4"
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        status, _, err = run("--output", target, "--display", "none", video=long_video)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (status, err) == (1, f"actfusion-stream: {target}: cannot be written (File too large)\n")
    assert names(tmp_path) == []


def test_a_name_that_is_no_text_is_no_traceback(run, tiny_video: Path, tmp_path: Path):
    odd = tmp_path / os.fsdecode(b"caf\xe9 [red].mp4")
    shutil.copy(tiny_video, odd)
    status, out, err = run("--events", tmp_path / os.fsdecode(b"\xff.jsonl"), video=odd)
    assert (status, err) == (0, "")
    assert "[red].mp4: 64x48" in out


# -- the bundled model


@pytest.mark.skipif(not bundled_checkpoint().exists(), reason="the bundled checkpoint has not been built")
def test_a_held_out_kitchen_is_labelled_mostly_right(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    shown = Kitchen(10007, 40.0)
    truth = write_video(shown, tmp_path / "kitchen.mp4", Fraction(15))
    table = tmp_path / "segments.csv"
    assert main(["--video", str(tmp_path / "kitchen.mp4"), "--segments", str(table), "--tick", "5"]) == 0
    assert "demo model" not in capfd.readouterr().out, "in its own kitchen it means what it says"
    with table.open(newline="") as file:
        rows = [(row["label"], float(row["start"]), float(row["end"])) for row in csv.DictReader(file)]
    times = (np.arange(len(truth)) + 0.5) / 15
    said = [next(label for label, start, end in rows if start <= t < end) for t in times]
    right = np.mean([a == b for a, b in zip(said, truth, strict=True)])
    assert right > 0.75
