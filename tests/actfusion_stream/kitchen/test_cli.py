"""`actfusion-kitchen`: a video, its labels, and one line where it cannot be."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from actfusion_stream.kitchen.cli import main
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import CLASS_NAMES

RATES = "give frames per second from 1 to 240, e.g. 15 or 30000/1001"
SIZES = "give WIDTHxHEIGHT from 32x32 to 4096x4096, e.g. 320x240"


def test_the_command_writes_a_video_and_a_label_for_each_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    video, labels = tmp_path / "kitchen.mp4", tmp_path / "kitchen.txt"
    assert (
        main([str(video), "--labels", str(labels), "--seed", "10007", "--seconds", "12", "--fps", "10"]) == 0
    )
    assert capsys.readouterr().out == f"{video}: 120 frames, 5 actions, seed 10007\n"
    said = labels.read_text().splitlines()
    shown = Kitchen(10007, 12.0)
    assert said == [shown.label(index / 10) for index in range(120)]
    assert set(said) <= set(CLASS_NAMES)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        frames = [frame for frame in container.decode(stream)]
    assert [round(float(frame.time), 4) for frame in frames] == [index / 10 for index in range(120)]
    assert (frames[0].width, frames[0].height) == (320, 240)
    decoded = frames[60].to_ndarray(format="rgb24").astype(int)
    assert np.abs(decoded - shown.frame(6.0)).mean() < 6, "the encoded picture is the drawn one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kitchen.mp4", "kitchen.txt"]


def test_size_rate_and_length_are_as_asked(tmp_path: Path):
    video, labels = tmp_path / "small.mkv", tmp_path / "small.txt"
    rate = ["--fps", "30000/1001", "--size", "64x50", "--seconds", "5"]
    assert main([str(video), *rate, "--labels", str(labels)]) == 0
    with av.open(str(video)) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
        assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 50)
    assert len(times) == len(labels.read_text().splitlines()) == 150
    assert times[-1] == pytest.approx(149 * 1001 / 30000, abs=0.001)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--size", "0x0"], f"argument --size: '0x0': {SIZES}"),
        (["--size", "big"], f"argument --size: 'big': {SIZES}"),
        (["--size=-5x100"], f"argument --size: '-5x100': {SIZES}"),
        (["--size", "99999x32"], f"argument --size: '99999x32': {SIZES}"),
        (["--fps", "0"], f"argument --fps: '0': {RATES}"),
        (["--fps", "nan"], f"argument --fps: 'nan': {RATES}"),
        (["--fps", "1/0"], f"argument --fps: '1/0': {RATES}"),
        (["--fps", "1000"], f"argument --fps: '1000': {RATES}"),
        (["--seed", "-1"], "argument --seed: '-1': give a whole number from 0 to 999999999"),
        (["--seed", "9" * 400], f"argument --seed: '{'9' * 40}...': give a whole number from 0 to 999999999"),
        (["--seconds", "ninety"], "argument --seconds: 'ninety': give seconds"),
        (["--seconds", "nan"], "argument --seconds: 'nan': give seconds"),
        (["--seconds", "inf"], "argument --seconds: 'inf': give seconds"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_answered_in_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as exit_:
        main([str(tmp_path / "out.mp4"), *arguments])
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"actfusion-kitchen: {complaint} (--help says more)\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("output", "arguments", "complaint"),
    [
        ("out.mp4", ["--seconds", "1"], "a salad of 1 s was asked for; one takes 4 to 3600 s"),
        (
            "out.mpg",
            [],
            "{}/out.mpg: ends in .mpg; an annotated video can be .mp4, .mov, .mkv, .webm, .ts, "
            ".gif, and what else FFmpeg puts H.264 or VP9 into, e.g. .avi",
        ),
        ("no/out.mp4", [], "{}/no/out.mp4: there is no folder {}/no; create it first"),
        ("out.mp4", ["--labels", "{}"], "{}: is a folder; give the name of a file in it"),
        ("out.mp4", ["--labels", "{}/no/a.txt"], "{}/no/a.txt: there is no folder {}/no; create it first"),
        ("out.mp4", ["--labels", "{}/out.mp4"], "{}/out.mp4: is the video; give the labels another name"),
    ],
)
def test_what_cannot_be_made_is_told_in_one_line_and_leaves_nothing(
    output: str, arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    assert main([f"{tmp_path}/{output}", *given]) == 1
    assert capsys.readouterr().err == f"actfusion-kitchen: {complaint.replace('{}', str(tmp_path))}\n"
    assert list(tmp_path.iterdir()) == []
