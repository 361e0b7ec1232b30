"""The drawn kitchen: a pure function of seed and time, in which every action can be seen; and its command."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from actfusion_stream.kitchen.drawing import HEIGHT, KITCHEN_MARK, WIDTH, Kitchen, main
from actfusion_stream.kitchen.script import CLASS_NAMES

REPOSITORY = Path(__file__).resolve().parents[3]


@cache
def kitchen(seed: int) -> Kitchen:
    return Kitchen(seed)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pixels that differ by more than noise does."""
    return float((np.abs(a.astype(int) - b).max(axis=2) > 40).mean())


# -- pictures


def test_a_frame_is_a_pure_function_of_seed_and_time():
    forwards, backwards = Kitchen(10007), Kitchen(10007)
    times = [0.0, 11.3, 47.0, 89.9]
    there = {time: forwards.frame(time) for time in times}
    back = {time: backwards.frame(time) for time in reversed(times)}
    for time in times:
        assert there[time].shape == (240, 320, 3)
        assert there[time].dtype == np.uint8
        np.testing.assert_array_equal(there[time], back[time])
    assert not np.array_equal(there[0.0], Kitchen(10008).frame(0.0))


def test_another_process_draws_the_same_frames():
    program = (
        "import zlib; from actfusion_stream.kitchen.drawing import Kitchen\n"
        "print([zlib.crc32(Kitchen(10007).frame(t).tobytes()) for t in (3.0, 40.2)])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout != ""


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (200, 400), (33, 47)])
def test_any_size_shows_the_whole_scene(size: tuple[int, int]):
    image = Kitchen(10007, size=size).frame(20.0)
    assert image.shape == (size[1], size[0], 3)
    scale = min(size[0] / WIDTH, size[1] / HEIGHT)
    left = (size[0] - WIDTH * scale) / 2
    scene = image[: round(HEIGHT * scale), round(left) : round(left + WIDTH * scale)]
    usual = fields(Kitchen(10007).frame(20.0))
    assert np.abs(fields(scene) - usual).mean() < 0.6 * np.abs(fields(scene)[::-1] - usual).mean()


def fields(image: np.ndarray) -> np.ndarray:
    """Means over 8 x 8 fields: the same for the same kitchen, whatever the resolution."""
    rows = np.array_split(image.astype(float), 8, axis=0)
    return np.array([[cell.mean() for cell in np.array_split(row, 8, axis=1)] for row in rows])


def test_kitchens_look_different():
    means = np.array([kitchen(seed).frame(0.0).reshape(-1, 3).mean(axis=0) for seed in range(12)])
    assert np.ptp(means, axis=0).min() > 30
    assert {kitchen(seed).scene.mirror for seed in range(12)} == {False, True}


@pytest.mark.parametrize("label", CLASS_NAMES[1:])
def test_an_action_changes_the_picture(label: str):
    shown, step = next(
        (kitchen(s), step) for s in range(40) for step in kitchen(s).script if step.label == label
    )
    duration = step.end - step.start
    before, middle, late, after = (
        shown.frame(step.start + share * duration) for share in (0.0, 0.45, 0.75, 0.9999)
    )
    assert difference(before, middle) > 0.01, "hands have come"
    assert max(difference(middle, late), difference(before, after)) > 0.002, "and something has been done"


@pytest.mark.parametrize("seed", [2, 5, 13])
def test_hands_and_what_they_hold_move_without_jumps(seed: int):
    """Between two thousandths of a second nothing moves by more than a hand's width."""
    shown, before = kitchen(seed), None
    for index, step in enumerate(shown.script):
        for time in np.arange(math.ceil(1000 * step.start), 1000 * step.end) / 1000:
            moment = shown._moment(index, float(time))
            if before is not None:
                assert math.dist(moment.left.at, before.left.at) < 20, (step.label, time)
                assert math.dist(moment.right.at, before.right.at) < 20, (step.label, time)
                for thing in moment.held.keys() & before.held.keys():
                    assert math.dist(moment.held[thing][0], before.held[thing][0]) < 5, (thing, time)
                for thing in moment.held.keys() - before.held.keys():  # picked up where it lay
                    assert math.dist(moment.held[thing][0], shown.scene.spots[thing]) < 12, (thing, time)
            before = moment


def test_hands_stay_in_reach():
    for seed in range(20):
        shown = kitchen(seed)
        for index, step in enumerate(shown.script):
            for time in np.linspace(step.start, step.end, 20):
                moment = shown._moment(index, float(time))
                for x, y in (moment.left.at, moment.right.at):
                    assert -10 < x < WIDTH + 10, (seed, step.label, time)
                    assert 0 < y < HEIGHT + 10, (seed, step.label, time)


# -- the command

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
        assert container.metadata["comment"] == KITCHEN_MARK
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
        (["--fps", "0"], "argument --fps: '0': give frames per second from 1 to 240, e.g. 15"),
        (["--fps", "nan"], "argument --fps: 'nan': give frames per second from 1 to 240, e.g. 15"),
        (["--fps", "1/0"], "argument --fps: '1/0': give frames per second from 1 to 240, e.g. 15"),
        (["--fps", "1000"], "argument --fps: '1000': give frames per second from 1 to 240, e.g. 15"),
        (["--seed", "-1"], "argument --seed: '-1': give a whole number from 0 to 999999999"),
        (["--seed", "9" * 400], f"argument --seed: '{'9' * 400}': give a whole number from 0 to 999999999"),
        (["--seconds", "ninety"], "argument --seconds: invalid float value: 'ninety'"),
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
        ("out.mp4", ["--seconds", "nan"], "a salad of nan s was asked for; one takes 4 to 3600 s"),
        ("out.mp4", ["--seconds", "inf"], "a salad of inf s was asked for; one takes 4 to 3600 s"),
        ("out.avi", [], "{}/out.avi: ends in .avi; an annotated video can be .mp4, .mov, .mkv"),
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
