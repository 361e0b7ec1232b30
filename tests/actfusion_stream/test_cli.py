"""`actfusion-stream` as it is typed: what it writes, what it shows, and how it stops."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from command_line import COMMAND, REPOSITORY, events_of, frame_times, names, start
from jsonschema import Draft202012Validator
from sample_videos import make_video, packets, ramp

from actfusion_stream.annotations.tables import read_table
from actfusion_stream.cli import main
from actfusion_stream.events.reading import Reader
from actfusion_stream.events.records import schema
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.weights.checkpoint import bundled_checkpoint

# -- what it writes


def test_events_are_as_documented(run, tmp_path: Path):
    path = tmp_path / "events.jsonl"
    assert run("--events", path, "--display", "none", "--horizon", "2s", "--tick", "1") == (0, "", "")
    events = events_of(path.read_text())
    summary = events[-1]
    ticks = [event for event in events if event["type"] == "tick"]
    assert [event["seen_until"] for event in ticks] == [1.0, 2.0, 3.0, 4.0, 5.0]
    reader, complete = Reader(), Draft202012Validator(schema())
    for event in events:
        complete.validate(event)
        reader.read(event)
        if event["type"] != "tick":
            continue
        tick, past = event, reader.past
        assert past[0]["start"] == 0.0
        assert past[-1]["end"] == tick["observed_until"] == tick["future"][0]["start"]
        assert tick["observed_until"] <= tick["seen_until"]
        assert tick["future"][-1]["end"] == pytest.approx(
            tick["observed_until"] + 2.0, abs=0.14
        )  # whole steps
        last = past[-1]
        assert tick["current"] == {
            "label": last["label"], "confidence": last["confidence"], "since": last["start"],
        }  # fmt: skip
        for candidate in tick["next"]:
            times = [candidate[name] for name in ("earliest", "start", "latest")]
            assert tick["observed_until"] <= times[0] <= times[1] <= times[2] < tick["future"][-1]["end"]
        shares = [candidate["probability"] for candidate in tick["next"]]
        assert sum(shares) + tick["goes_on"] + tick["doubt"] == pytest.approx(1, abs=0.005)
        assert 0 <= tick["futures"]["likeliest"] < 8
        assert len(tick["futures"]["seconds"]) == 2
        assert all(0.05 <= p <= 1 for second in tick["futures"]["seconds"] for p in second.values())
        assert list(tick["latency_ms"]) == ["taken", "feature", "prediction"]
        assert 0 <= tick["latency_ms"]["taken"] <= tick["latency_ms"]["prediction"]
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
    assert [(row.pop("video"), row.pop("label")) for row in rows] == [("tiny", s.pop("label")) for s in said]
    assert [{key: float(value) for key, value in row.items()} for row in rows] == said
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
        for measured in {"latency_ms", "utc"} & event.keys():
            del event[measured]
    assert first == second


def test_that_a_video_is_unfamiliar_goes_with_its_results(run, tmp_path: Path):
    table, log = tmp_path / "segments.csv", tmp_path / "events.jsonl"
    noise = np.random.default_rng(0).integers(0, 256, (45, 48, 64, 3), dtype=np.uint8)
    info = SourceInfo("noise", 64, 48, None, 15.0, live=False, has_audio=False)
    with VideoWriter(tmp_path / "noise.mp4", info) as writer:
        for index, image in enumerate(noise):
            writer.write(index / 15, image)
    status, out, err = run(
        "--segments", table, "--events", log, "--display", "none", "--tick", "1", "--checkpoint",
        bundled_checkpoint(), video=tmp_path / "noise.mp4",
    )  # fmt: skip
    note = "unfamiliar: unlike anything this model was trained on, 100 % of the time"
    assert (status, out, err) == (0, "", f"actfusion-stream: warning: noise.mp4: {note}\n")
    assert table.read_text().splitlines()[:2] == [f"# noise: {note}", "video,label,start,end,confidence"]
    assert events_of(log.read_text())[-1]["note"] == note
    assert [video for video in read_table(table, "noise")] == ["noise"]


def test_another_seed_draws_other_futures(run):
    said = [
        run("--events", "-", "--display", "none", *seed)[1] for seed in ([], ["--seed", "0"], ["--seed", "7"])
    ]
    without, zero, seven = ([event.get("futures") for event in events_of(text)] for text in said)
    assert without == zero
    assert zero != seven


def test_a_part_of_a_video_keeps_its_times(run, tmp_path: Path):
    table = tmp_path / "segments.csv"
    part = ["--start", "0:02", "--duration", "3"]
    status, out, err = run(*part, "--events", "-", "--segments", table, "--display", "none")
    assert (status, err) == (0, "")
    header, tick, *_, summary = events_of(out)
    assert (header["type"], tick["past"]["changed"][0]["start"]) == ("header", 2.0)
    assert (summary["frames"], summary["seen_until"], summary["interrupted"]) == (45, 4.933, False)
    rows = [line.split(",") for line in table.read_text().splitlines()]
    assert (rows[1][2], rows[-1][3]) == ("2.000", "5.000")


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
    _, summary = events_of(log.read_text())
    assert (summary["frames"], summary["ticks"], len(summary["segments"])) == (1, 0, 1)
    assert frame_times(target) == [0.0]


# -- what it shows


def test_display_none_prints_nothing(run, tmp_path: Path):
    assert run("--display", "none", "--segments", tmp_path / "segments.csv") == (0, "", "")


def test_without_a_terminal_it_prints_plain_lines(run, tmp_path: Path):
    table = tmp_path / "segments.csv"
    status, out, err = run("--segments", table, "--tick", "1")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "tiny.mp4: 64x48, 15 fps"
    assert lines[1].startswith("0:01  ")
    assert lines[1].endswith("sure") or "; next " in lines[1]
    assert lines[-1] == f"segments: {table}"
    assert "\x1b" not in out


def test_events_on_stdout_are_alone_there(run):
    status, out, err = run("--events", "-", "--tick", "1")
    assert status == 0
    said = [event["type"] for event in events_of(out) if not event["type"].startswith("action_")]
    assert said == ["header"] + ["tick"] * 5 + ["summary"]
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
        assert any("NEXT" in line and "likely" in line and "starts" in line for line in lines)
        assert any("COURSE" in line and "lasts" in line and "sure" in line for line in lines)
        assert any("p50/p95" in line and "dropped" in line and "ticks" in line for line in lines)
        assert any("now" in line and "-" in line and "+" in line for line in lines), (
            "the scale of the timeline"
        )
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
    first = "".join(process.stdout.readline() for _ in range(4))
    rest, err = interrupted(process)
    assert err == ""
    *events, summary = events_of(first + rest)
    ticks = [event for event in events if event["type"] == "tick"]
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
        "--events", log, "--output", target, "--labels", "online",
    )  # fmt: skip
    while process.poll() is None and not any(name.endswith(".partial.mkv") for name in names(tmp_path)):
        time.sleep(0.01)
    time.sleep(0.3)  # for some frames, on any machine that is not busy with others
    _, err = interrupted(process)
    assert err == ""
    _, summary = events_of(log.read_text())
    assert (summary["interrupted"], summary["ticks"]) == (True, 0)
    if summary["frames"] == 0:  # nothing was there to be drawn
        assert names(tmp_path) == ["events.jsonl"]
    else:
        assert names(tmp_path) == ["annotated.mp4", "events.jsonl"]
        assert len(frame_times(target)) == summary["frames"]


def test_a_reader_that_has_seen_enough_is_no_error(long_video: Path, tiny_checkpoint: Path, tmp_path: Path):
    process = start(
        "--video", long_video, "--checkpoint", tiny_checkpoint, "--events", "-", "--display", "none",
        "--output", tmp_path / "annotated.mp4",
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "header"
    process.stdout.close()
    said = "actfusion-stream: standard output: cannot be written (Broken pipe); everything else was finished"
    assert process.stderr.read() == f"{said}\n"
    assert process.wait(timeout=60) == 1
    assert len(frame_times(tmp_path / "annotated.mp4")) == 2400


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
