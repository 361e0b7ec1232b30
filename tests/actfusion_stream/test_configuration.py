"""Options from a file, what a shell completes, and what the doctor says."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import events_of

from actfusion_stream.cli import main


def watched(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)


@pytest.fixture
def options(tiny_video: Path, tiny_checkpoint: Path, tmp_path: Path) -> Path:
    path = tmp_path / "options.toml"
    path.write_text(
        f'video = "{tiny_video}"\ncheckpoint = "{tiny_checkpoint}"\ntick = 2\ncalm = false\n'
        f'display = "none"\nevents = "-"\nsegments = ["{tmp_path}/a.csv", "{tmp_path}/a.srt"]\n'
    )
    return path


def ticks_of(text: str) -> list[float]:
    return [event["seen_until"] for event in events_of(text) if event["type"] == "tick"]


def test_a_file_says_everything(options: Path, tmp_path: Path, capfd):
    assert watched("--config", options) == 0
    assert ticks_of(capfd.readouterr().out) == [2.0, 4.0]
    assert (tmp_path / "a.csv").exists()
    assert (tmp_path / "a.srt").exists()


def test_what_is_typed_has_the_last_word(options: Path, tiny_video: Path, tmp_path: Path, capfd):
    other = tmp_path / "other.mp4"
    shutil.copy(tiny_video, other)
    assert watched(other, "--config", options, "--tick", "1", "--segments", tmp_path / "b.csv") == 0
    out = capfd.readouterr().out
    assert ticks_of(out) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert events_of(out)[-1]["source"] == "other.mp4"
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('horizn = "20s"', "horizn: there is no such option; did you mean horizon?"),
        ("tick = 'often'", "argument --tick: 'often': give seconds, e.g. 1 or 0.5"),
        ("calm = 1", "calm: give true or false, not 1"),
        ("tick = true", "tick: give a value, not True"),
        ("tick = [1, 2]", "tick: takes one value, not 2"),
        ("[lamp]\nheight = 3", "lamp: there is no such option"),
        ("when = 1979-05-27", "when: there is no such option"),
        (
            "tick = 1979-05-27",
            "tick: give text or a number, or a list of them, not datetime.date(1979, 5, 27)",
        ),
        ("tick = ", "is no TOML (Invalid value (at end of document))"),
    ],
)
def test_a_file_is_corrected_in_one_line(text: str, complaint: str, tmp_path: Path, capfd):
    path = tmp_path / "o.toml"
    path.write_text(text)
    assert watched("--config", path) == 2
    assert capfd.readouterr().err == f"actfusion-stream: {path}: {complaint} (--help says more)\n"


def test_a_file_that_is_not_there(tmp_path: Path, capfd):
    assert watched("--config", tmp_path / "o.toml") == 2
    assert "o.toml: cannot be read (No such file or directory)" in capfd.readouterr().err


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "completed"), [("--hori", ["--horizon"]), ("--disp", ["--display"]), ("kit", ["kitchen.mp4"])]
)
def test_bash_completes_options_and_files(typed: str, completed: list[str], tmp_path: Path, capfd):
    assert watched("--completion", "bash") == 0
    (tmp_path / "script").write_text(capfd.readouterr().out)
    (tmp_path / "kitchen.mp4").touch()
    asked = (
        f"source ./script; COMP_WORDS=(actfusion-stream {typed}); COMP_CWORD=1; "
        "function=$(complete -p actfusion-stream); function=${function#*-F }; ${function%% *}; "
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    bash = ["bash", "--norc", "-c", asked]
    shown = subprocess.run(bash, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == completed


def test_the_doctor_says_what_is_here(tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch):
    import torch

    monkeypatch.setenv("ACTFUSION_CACHE", str(tmp_path))
    (tmp_path / "i3d-rgb.pt").touch()
    assert watched("--doctor") == 0
    lines = dict(line.split(": ", 1) for line in capfd.readouterr().out.splitlines()[1:])
    assert f"torch {torch.__version__.split('+')[0]}" in lines["packages"]
    assert "h264" in lines["decoders"].split("; missing")[0]
    assert "libx264" in lines["encoders"].split("; missing")[0]
    assert lines[f"weights in {tmp_path}"] == "i3d-rgb"
    assert lines["bundled model"] == "here"
    assert {"device cpu", "cameras", "extra metrics", "extra train"} <= set(lines)
