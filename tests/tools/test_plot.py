"""Pictures of a log of events: what they are drawn from, what is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from actfusion_stream.tools.figures.foreseen import UNSAID, foreseen, triangle
from actfusion_stream.tools.figures.replay import Span, read_replay
from actfusion_stream.tools.plot import main

pytest.importorskip("matplotlib")

FINAL = [("rest", 0.0, 2.0), ("cut $x$", 2.0, 6.0), ("سلطة", 6.0, 8.0)]


def segment(label: str, start: float, end: float) -> dict[str, Any]:
    return {"label": label, "start": start, "end": end, "confidence": 0.9}


def tick(number: int, seen: float, changed: dict[int, Any], future: list[Any]) -> dict[str, Any]:
    now = changed[max(changed)]
    past = {
        "since": number - 1 if number else None, "whole": not number, "settled": 0,
        "length": max(changed) + 1,
        "changed": [{"at": at, **segment(*each)} for at, each in changed.items()],
    }  # fmt: skip
    return {
        "type": "tick", "source": "salad.mp4", "number": number, "past": past,
        "seen_until": seen, "observed_until": seen - 0.5,
        "current": {"label": now[0], "confidence": 1.0, "since": now[1]},
        "future": [segment(*each) for each in future],
    }  # fmt: skip


EVENTS = [
    {"type": "header", "source": "salad.mp4"},
    tick(0, 1.0, {0: ("rest", 0.0, 0.5)}, [("rest", 0.5, 3.0), ("peel", 3.0, 9.0)]),
    tick(1, 2.0, {0: ("rest", 0.0, 1.5)}, [("cut $x$", 1.5, 5.0), ("سلطة", 5.0, 9.0)]),
    {"type": "gap", "source": "salad.mp4", "start": 3.0, "end": 3.5, "cause": "the cable"},
    tick(
        2, 4.0, {0: ("rest", 0.0, 2.0), 1: ("cut $x$", 2.0, 3.5)},
        [("cut $x$", 3.5, 6.0), ("سلطة", 6.0, 12.0)],
    ),
    tick(3, 7.0, {1: ("cut $x$", 2.0, 6.0), 2: ("سلطة", 6.0, 6.5)}, [("سلطة", 6.5, 9.0)]),
    {
        "type": "summary", "source": "salad.mp4", "frames": 81, "dropped": 0, "seen_until": 8.0,
        "segments": [segment(*each) for each in FINAL],
    },
]  # fmt: skip


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return written(tmp_path / "events.jsonl", EVENTS)


def written(path: Path, events: list[Any]) -> Path:
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


def test_a_log_is_what_was_said_when(log: Path) -> None:
    replay = read_replay(log, (3.0,), 10)
    assert (replay.source, replay.end, replay.rate) == ("salad.mp4", 8.0, 10.0)
    assert replay.final == tuple(Span(*each) for each in FINAL)
    # of the present, what was expected of it by the tick that has seen it
    assert replay.online == (Span("rest", 1.0, 2.0), Span("cut $x$", 2.0, 7.0), Span("سلطة", 7.0, 8.0))
    assert [said.seen for said in replay.ticks] == [1.0, 2.0, 4.0, 7.0]
    assert replay.tick_at(3.9).seen == 2.0
    assert replay.ticks[2].spans[:2] == (
        Span("rest", 0.0, 2.0),
        Span("cut $x$", 2.0, 3.5),
    )
    assert [replay.ticks[0].label_at(time) for time in (0.2, 4.0, 9.5)] == ["rest", "peel", None]


def test_an_action_is_foreseen_since_it_is_named_without_a_break(log: Path) -> None:
    replay = read_replay(log, (), 10)
    found = foreseen(replay.final, replay.ticks)
    assert [(each.span.label, each.since, each.lead) for each in found] == [("سلطة", 2.0, 4.0)]
    assert foreseen([Span("peel", 3.0, 9.0)], replay.ticks) == []  # given up before it began


def test_the_triangle_holds_what_each_tick_said_of_each_moment(log: Path) -> None:
    replay = read_replay(log, (), 10)
    said, ahead = triangle(replay, ["rest", "cut $x$", "سلطة", "peel"], (8, 8))
    assert said[0].tolist() == [UNSAID] * 8  # nothing had been said yet
    assert said[1].tolist() == [0, 0, 0, 3, 3, 3, 3, 3]
    assert said[7].tolist() == [0, 0, 1, 1, 1, 1, 2, 2]
    assert ahead[1].tolist() == [True] * 8
    assert ahead[4].tolist() == [False] * 3 + [True] * 5
    assert ahead[7].tolist() == [False] * 6 + [True] * 2


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_picture_is_written_whole(
    ending: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "labels.txt").write_text("rest\n" * 20 + "cut $x$\n" * 45 + "سلطة\n" * 15)
    target = tmp_path / f"a.{ending}"
    given = [str(log), "--truth", str(tmp_path / "labels.txt"), "--at", "2", "5"]
    assert main([*given, "-o", str(target)]) == 0
    assert capsys.readouterr() == (f"{target}\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{ending}", "events.jsonl", "labels.txt"]
    if ending == "png":
        with Image.open(target) as picture:
            assert picture.width > 1500
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10
    elif ending == "svg":
        words = [text.text for text in ElementTree.parse(target).iter("{http://www.w3.org/2000/svg}text")]
        assert {"truth", "final", "said online", "said at 2 s", "said at 4 s", "salad.mp4"} <= set(words)
        assert "cut $x$" in words  # no formula
        assert main([*given, "-o", str(tmp_path / "b.svg")]) == 0
        assert (tmp_path / "b.svg").read_bytes() == target.read_bytes()
    else:
        assert target.read_bytes().startswith(b"%PDF-")


def test_a_log_that_breaks_off_is_drawn_as_far_as_it_goes(tmp_path: Path) -> None:
    log = written(tmp_path / "e.jsonl", EVENTS[:-1])
    replay = read_replay(log, (), 10)
    assert replay.final[-1] == Span("سلطة", 6.0, 6.5)
    assert (replay.source, replay.rate) == ("salad.mp4", None)
    assert main([str(log), "-o", str(tmp_path / "a.png")]) == 0


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("", "-o a.png", "events e.jsonl: no tick in it; give what actfusion-stream --events wrote"),
        ("{}\n", "-o a.png", "events e.jsonl, line 1: no 'type'; give what"),
        ('{"type": "tick"}\n', "-o a.png", "events e.jsonl, line 1: no 'seen_until'; give what"),
        ("[]\n", "-o a.png", "line 1: it is no object"),
        ("[" * 100_000, "-o a.png", "events e.jsonl, line 1: "),
        ("hello\n", "-o a.png", "line 1: Expecting value"),
        (None, "-o a.png", "events e.jsonl: No such file or directory"),
        ("", "-o a.gif", "a.gif: a picture can be .png, .svg, .pdf"),
        ("", "-o no/a.png", "no/a.png: there is no folder no; create it first"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    content: str | None,
    arguments: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("e.jsonl").write_text(content)
    assert main(["e.jsonl", *arguments.split()]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.glob("a.*"))


def test_a_truth_of_other_videos_is_named(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("video,label,start,end\na,x,0,1\nb,x,0,1\n")
    assert main([str(log), "--truth", str(tmp_path / "t.csv"), "-o", str(tmp_path / "a.png")]) == 1
    assert "has a, b, but not salad" in capsys.readouterr().err
