"""Files of segments, from each format into each other one."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from actfusion_stream.annotations.annotated import Annotated
from actfusion_stream.annotations.formats import FORMATS, read_file, write_file
from actfusion_stream.annotations.segments import Segment
from actfusion_stream.tools.convert_segments import main

SAID = (Segment("cut, slowly", 0.0, 2.0), Segment("تقطيع", 2.0, 4.5), Segment("rest", 5.0, 6.0))


def convert(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize(("first", "second"), list(product(FORMATS, repeat=2)))
def test_any_format_becomes_any_other(first: str, second: str, tmp_path: Path) -> None:
    write_file(tmp_path / f"kitchen{first}", [Annotated("kitchen", SAID, rate=10.0)])
    (tmp_path / "out").mkdir()
    target = tmp_path / "out" / f"kitchen{second}"
    assert convert(tmp_path / f"kitchen{first}", target, "--rate", 10) == 0
    (found,) = read_file(target, 10.0).values()
    plain = ".txt" in (first, second)
    wanted = [Segment("_".join(s.label.split()), s.start, s.end) if plain else s for s in SAID]
    assert [segment for segment in found if segment.label != "background"] == wanted


def test_several_at_once_with_what_the_video_says(
    tiny_video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_text("label,start,end,confidence\ncut,0,2,0.5\nmix,2,4,\n")
    targets = [tmp_path / f"b{ending}" for ending in (".labelstudio.json", ".txt", ".json")]
    assert convert(tmp_path / "a.csv", *targets, "--video", tiny_video) == 0
    assert capsys.readouterr().out == f"{', '.join(map(str, targets))}: 1 videos, 2 segments\n"
    (task,) = json.loads(targets[0].read_text())
    assert task["data"]["fps"] == 15
    assert (tmp_path / task["data"]["video"]).resolve() == tiny_video.resolve()
    assert targets[1].read_text().split() == ["cut"] * 30 + ["mix"] * 30 + ["background"] * 30
    assert json.loads(targets[2].read_text())["database"]["a"]["duration"] == 6.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a.csv", "b.txt"), "this format counts frames; give --rate or --video"),
        (("a.csv", "b.srt", "--only", "tea"), "--only tea: no such video; there are a, b"),
        (("a.csv", "b.srt"), "2 videos (a, b), and this format holds one; give --only NAME"),
        (("a.csv", "b.xls"), "b.xls: ends in .xls; segments can be .csv,"),
        (("a.csv", "no/b.srt"), "there is no folder no; create it first"),
        (("a.csv", "a.csv"), "a.csv: is the input itself; give the output another name"),
        (("none.csv", "b.csv"), "annotations none.csv: No such file or directory"),
        (("a.csv", "b.csv", "--video", "none.mp4"), "none.mp4: no such file"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("video,label,start,end\na,cut,0,2\nb,mix,0,2\n")
    if "b.txt" in arguments:
        Path("a.csv").write_text("label,start,end\ncut,0,2\n")
    assert convert(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_one_of_several_videos_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("video\tlabel\tstart\tend\na\tcut\t0\t2\nb\tmix\t0\t2\n")
    assert convert(tmp_path / "a.tsv", tmp_path / "b.vtt", "--only", "b") == 0
    assert read_file(tmp_path / "b.vtt") == {"b": [Segment("mix", 0.0, 2.0)]}
