"""How `actfusion-stream` answers mistakes: in one line."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import REPOSITORY, frame_times, names
from safetensors.torch import save_file
from sample_videos import make_video, packets, ramp

from actfusion_stream import cli

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
        "--output", outputs / "a.mp4", "--events", outputs / "e", "--segments", outputs / "s.csv", video=path
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


@pytest.mark.parametrize("horizon", ["0", "-1", "1e9", "0s", "-3s", "1e9s"])
def test_a_horizon_that_makes_no_sense(horizon: str, run):
    assert run(f"--horizon={horizon}") == (
        1,
        "",
        f"actfusion-stream: horizon {horizon}: give a ratio of the observed length from above 0 to 10, "
        "e.g. 0.5, or seconds up to 3600, e.g. 20s\n",
    )


def test_a_number_alone_that_was_meant_as_seconds_is_explained(run):
    assert run("--horizon", "20") == (
        1,
        "",
        "actfusion-stream: horizon 20: a number alone is a ratio of the observed length, up to 10; "
        "for seconds give 20s\n",
    )


@pytest.mark.parametrize("horizon", ["nan", "inf", "abc", "5m", "infs", ""])
def test_a_horizon_that_is_no_number(horizon: str, run):
    assert run(f"--horizon={horizon}") == (
        2,
        "",
        f"actfusion-stream: argument --horizon: {horizon!r}: give a ratio of the observed length, e.g. 0.5, "
        "or seconds, e.g. 20s (--help says more)\n",
    )


@pytest.mark.parametrize("option", ["tick", "memory", "reconnect", "max-staleness", "rate"])
@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "1e999", "", "one", "\u0661", "1_0", "0x10"])
def test_a_number_that_is_none(option: str, given: str, run):
    status, out, err = run(f"--{option}={given}")
    assert (status, out) == (2, "")
    assert err.startswith(f"actfusion-stream: argument --{option}: {given!r}: give ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("tick", ["0", "-1", "1e9", "0.001"])
def test_a_tick_that_makes_no_sense(tick: str, run):
    assert run(f"--tick={tick}") == (
        1, "", f"actfusion-stream: tick {float(tick):g}: give seconds of video from 0.04 to 60, e.g. 1\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tick", "abc"], "argument --tick: 'abc': give seconds, e.g. 1 or 0.5"),
        (["--futures", "0"], "argument --futures: '0': give how many to draw from 1 to 64, e.g. 8"),
        (["--futures", "65"], "argument --futures: '65': give how many to draw from 1 to 64, e.g. 8"),
        (["--futures", "2.5"], "argument --futures: '2.5': give how many to draw from 1 to 64, e.g. 8"),
        (["--tick", "5m"], "argument --tick: '5m': give seconds, e.g. 1 or 0.5"),
        (["--camera", "-1"], "argument --camera: '-1': give the number of a camera from 0 to 99"),
        (["--camera", "front"], "argument --camera: 'front': give the number of a camera from 0 to 99"),
        (["--camera", "200"], "argument --camera: '200': give the number of a camera from 0 to 99"),
        (["--camera", "0", "--video", "a.mp4"], "--video and --camera: give one of them alone"),
        (["--start", "1:75"], "argument --start: '1:75': give seconds, e.g. 90, or 1:30"),
        (["--duration", "soon"], "argument --duration: 'soon': give seconds, e.g. 90, or 1:30"),
        (["--seed", "-1"], f"argument --seed: '-1': give a whole number from 0 to {2**63 - 1:.12g}"),
        (["--camera-size", "720p"], "argument --camera-size: '720p': give WIDTHxHEIGHT, e.g. 1280x720"),
        (["--horizons", "3"], "unrecognized arguments: --horizons"),
    ],
)
def test_usage_is_corrected_in_one_line(arguments: list[str], complaint: str, run):
    assert run(*arguments) == (2, "", f"actfusion-stream: {complaint} (--help says more)\n")


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
        (
            "--output",
            "{}",
            "{}: has no suffix; an annotated video can be .mp4, .mov, .mkv, .webm, .ts, "
            ".gif, and what else FFmpeg puts H.264 or VP9 into, e.g. .avi",
        ),
        (
            "--output",
            "{}/a.mpg",
            "{}/a.mpg: ends in .mpg; an annotated video can be .mp4, .mov, .mkv, .webm, .ts, "
            ".gif, and what else FFmpeg puts H.264 or VP9 into, e.g. .avi",
        ),
        ("--output", "{}/no/a.mp4", "{}/no/a.mp4: there is no folder {}/no; create it first"),
        ("--output", "{}/in.mp4", "{}/in.mp4: is the input itself; give the output another name"),
        ("--output", "{}/link.mp4", "{}/link.mp4: is the input itself; give the output another name"),
        ("--events", "{}", "{}: is a folder; give the name of a file in it"),
        ("--events", "{}/no/e", "{}/no/e: there is no folder {}/no; create it first"),
        ("--events", "{}/in.mp4", "{}/in.mp4: is the input itself; give the output another name"),
        ("--segments", "{}", "{}: is a folder; give the name of a file in it"),
        ("--segments", "{}/no/s", "{}/no/s: there is no folder {}/no; create it first"),
        (
            "--segments",
            "{}/a.xls",
            "{}/a.xls: ends in .xls; segments can be .csv, .tsv, .json, .fiftyone.json, .labelstudio.json, "
            ".via.json, .txt, .audacity.txt, .srt, .vtt, .eaf",
        ),
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


@pytest.mark.parametrize(
    ("labels", "more"), [("online", ""), ("hindsight", "; everything else was finished")]
)
def test_a_full_disk_under_the_video(run, labels: str, more: str, tmp_path: Path):
    video = make_video(tmp_path / "in.mp4", times=ramp(90), size=(320, 240))
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / "annotated.mp4"
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        status, _, err = run("--output", target, "--labels", labels, "--display", "none", video=video)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (kept,) = target.parent.iterdir()
    said = f"{target}: cannot be written (File too large); what was recorded is kept as {kept}"
    assert (status, err) == (1, f"actfusion-stream: {said}{more}\n")
    assert len(frame_times(kept)) > 5


def test_a_name_that_is_no_text_is_no_traceback(run, tiny_video: Path, tmp_path: Path):
    odd = tmp_path / os.fsdecode(b"caf\xe9 [red].mp4")
    shutil.copy(tiny_video, odd)
    status, out, err = run("--events", tmp_path / os.fsdecode(b"\xff.jsonl"), video=odd)
    assert (status, err) == (0, "")
    assert "[red].mp4: 64x48" in out


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["-", "--output", "{}/a.mp4"], "needs a file that is read twice, which this source does not allow"),
        (["{}/in.mp4", "--realtime", "--output", "{}/a.mp4"], "which --realtime does not allow; give online"),
        (["{}/in.mp4"], "--labels hindsight: only with --output, e.g. --output annotated.mp4"),
    ],
)
def test_labels_in_hindsight_need_a_file_and_a_video(
    given: list[str], line: str, tiny_video: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    shutil.copy(tiny_video, tmp_path / "in.mp4")
    assert cli.main([*(one.format(tmp_path) for one in given), "--labels", "hindsight"]) == 1
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert line in err
    assert names(tmp_path) == ["in.mp4"]
