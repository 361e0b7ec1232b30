"""Damage that can be done again, and a judge that can find something wrong; then the command itself."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import av
import misbehaving
import pytest
from av.video.frame import PictureType

from actfusion_stream.tools import fuzz as command
from actfusion_stream.tools.robustness.films import FILMS
from actfusion_stream.tools.robustness.fuzzing import Watched, fuzz, judge
from actfusion_stream.tools.robustness.kills import look
from actfusion_stream.tools.robustness.mutants import mutant
from actfusion_stream.tools.robustness.remains import played
from actfusion_stream.tools.robustness.workers import Answer, Worker

DONE = Answer(0, "", 0.5, 700.0)
TICK = '{"type": "tick", "seen_until": %s}\n'
SUMMARY = '{"type": "summary", "frames": %d}\n'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [film.write(folder) for film in FILMS]


def test_the_films_are_twenty_and_whole(made: list[Path]) -> None:
    assert {path.name: len(played(path)) for path in made} == {film.name: 50 for film in FILMS}
    assert len(made) == 20


def test_b_frames_are_in_every_film_whose_codec_has_them(made: list[Path]) -> None:
    with_them = {"mpeg4", "libx264", "mpeg1video", "mpeg2video"}
    for film, path in zip(FILMS, made, strict=True):
        with av.open(str(path)) as container:
            kinds = {PictureType(frame.pict_type) for frame in container.decode(video=0)}
        assert (PictureType.B in kinds) == (film.picture in with_them), film.name


def test_a_film_has_the_same_bytes_each_time(made: list[Path], tmp_path: Path) -> None:
    for film, path in zip(FILMS, made, strict=True):
        assert film.write(tmp_path).read_bytes() == path.read_bytes(), film.name


def test_seed_and_number_say_what_is_done() -> None:
    data = bytes(range(256)) * 100
    assert mutant(data, 0, 3) == mutant(data, 0, 3)
    assert len({mutant(data, seed, number)[0] for seed in range(2) for number in range(100)}) == 200


def test_all_kinds_of_damage_occur_and_half_of_it_at_the_ends() -> None:
    data = bytes(100_000)
    done = [edit for number in range(500) for edit in mutant(data, 0, number)[1]]
    for kind in (
        "flipped",
        "zeroed",
        "overwritten",
        "deleted",
        "inserted",
        "too",
        "swapped",
        "cut off",
        "0x7fff",
    ):
        assert sum(kind in edit for edit in done) > 20, kind
    assert {len(mutant(data, 0, number)[1]) for number in range(500)} == set(range(1, 9))
    inserted = [int(edit.split()[-1]) for edit in done if edit.split()[2] == "inserted"]
    assert 0.25 < sum(at < 2048 for at in inserted) / len(inserted) < 0.4  # a third: a half, less the far end


def test_damage_is_done_to_the_smallest_files() -> None:
    for number in range(500):
        mutant(b"a", 0, number)


@pytest.fixture
def left(made: list[Path], tmp_path: Path) -> Path:
    """What a run leaves that has seen 50 pictures."""
    shutil.copy(next(path for path in made if path.name == "h264.mp4"), tmp_path / "out.mp4")
    (tmp_path / "events.jsonl").write_text(TICK % 1.96 + SUMMARY % 50)
    (tmp_path / "segments.csv").write_text("video,label,start,end,confidence\nout,mix,0.0,2.0,0.5\n")
    return tmp_path


def test_nothing_is_wrong_with_a_run_that_is_right(left: Path) -> None:
    assert judge(DONE, left, "in.avi") == (50, [])


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (Answer(2, "", 0.5, 700.0), "exit status 2"),
        (Answer(139, "", 0.5, 700.0), "exit status 139"),
        (Answer(0, "actfusion-stream: half a line", 0.5, 700.0), "it says what is no line of ours"),
        (Answer(0, "[h264 @ 0x55d0] error\n", 0.5, 700.0), "it says what is no line of ours"),
        (Answer(0, "actfusion-stream: odd\nTraceback (most recent", 0.5, 700.0), "a traceback"),
        (Answer(0, "", 0.5, 1001.0), "1001 MB of memory"),
        (Answer(None, "", 20.0, 700.0, "no answer within 20 s"), "no answer within 20 s"),
    ],
)
def test_the_judge_listens(answer: Answer, wrong: str, left: Path) -> None:
    assert judge(answer, left, "in.avi") == (50, [wrong])


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("events.jsonl", TICK % 1.96, "exit status 0 without a summary"),
        ("events.jsonl", SUMMARY % 51, "50 pictures in the export, 51 were seen"),
        ("events.jsonl", SUMMARY % 50 + "{", "events.jsonl ends in half a line"),
        ("events.jsonl", TICK % "NaN" + SUMMARY % 50, "events.jsonl: NaN is no JSON"),
        ("segments.csv", "video,label,start,end,confidence\nout,mix,0.0", "segments.csv is not whole"),
        ("out.mp4", "", "0 pictures in the export, 50 were seen"),
        ("out.mp4", None, "no export of 50 pictures"),
        (".out.mp4.7.part", "", "left behind: .out.mp4.7.part"),
        ("out.7.partial.mkv", "", "left behind: out.7.partial.mkv"),  # nobody was told of it
    ],
)
def test_the_judge_looks(name: str, content: str | None, wrong: str, left: Path) -> None:
    (left / name).unlink() if content is None else (left / name).write_text(content)
    assert wrong in judge(DONE, left, "in.avi")[1]


def test_a_recording_that_is_named_stands_for_the_export(left: Path) -> None:
    (left / "out.mp4").rename(left / "out.7.partial.mkv")
    said = "actfusion-stream: out.mp4: cannot be written; what was recorded is kept as out.7.partial.mkv\n"
    assert judge(Answer(1, said, 0.5, 700.0), left, "in.avi") == (50, [])


def test_a_command_that_misbehaves_is_found_and_the_next_one_is_watched_nevertheless(tmp_path: Path) -> None:
    told = []
    found = fuzz(
        range(8), 0, 1, told.append, tmp_path,
        command=misbehaving.by_film, prepare=misbehaving.nothing, patience=1.0,
    )  # fmt: skip
    assert [one.wrong for one in found] == [
        ("it raised an exception", "a traceback"),
        ("no answer within 1 s",),
        ("died of SIGSEGV",),
        ("it says what is no line of ours",),
        ("no export of 50 pictures",),
        ("left behind: .out.mp4.7.abcdef.part",),
        ("exit status 0 without a summary",),
        (),
    ]
    assert told == found
    assert "in hang" in found[1].answer.said  # where it hung
    assert found[7].answer.said == "actfusion-stream: no video\n"
    names = [f"{number}-{FILMS[number].name}" for number in range(7)]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_command_that_takes_all_memory_is_ended(tmp_path: Path) -> None:
    with Worker(misbehaving.hoard, misbehaving.nothing, 60.0, 300.0) as worker:
        answer = worker.run([], tmp_path, tmp_path / "said")
        assert answer.ended.startswith("stopped when it took ")
        assert 300 < answer.megabytes < 3000


def test_memory_is_counted_for_each_command(tmp_path: Path) -> None:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("this system counts the most memory of a whole process only")
    with Worker(misbehaving.sized, misbehaving.nothing, 60.0, 3000.0) as worker:
        large, small = (worker.run([size], tmp_path, tmp_path / "said") for size in ("200", "1"))
    assert 200 < large.megabytes - small.megabytes + 20 < 260


def test_what_a_kill_has_left_is_measured(made: list[Path], tmp_path: Path) -> None:
    matroska = next(path for path in made if path.name == "h264.mkv").read_bytes()
    (tmp_path / "out.7.partial.mkv").write_bytes(matroska[: len(matroska) // 2])
    (tmp_path / ".out.mp4.7.part").write_bytes(b"")
    os.utime(tmp_path / ".out.mp4.7.part", (0, 0))
    (tmp_path / "events.jsonl").write_text(TICK % 0.96 + TICK % 1.96 + '{"type": "ti')
    found = look(tmp_path, 3, 4.5, -9, "")
    assert (found.number, found.after, found.finished, found.seen, found.torn) == (3, 4.5, False, 1.96, True)
    assert found.plays is not None
    assert 0.5 < found.plays < 1.5
    assert found.lost == 1.96 - found.plays
    assert found.wrong == ()
    assert not (tmp_path / ".out.mp4.7.part").exists()


def test_a_run_that_was_killed_late_has_lost_nothing(left: Path) -> None:
    found = look(left, 3, 4.5, 0, "")
    assert (found.finished, found.plays, found.lost, found.wrong) == (True, 1.96, 0.0, ())


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("out.mp4", b"half a video", "out.mp4 does not play"),
        ("events.jsonl", (TICK % 4.46).encode(), "2.5 s of the video are missing"),
        ("events.jsonl", b'{"type": "tick", "seen_until": 1.96}\n{"type"\n', "events.jsonl: Expecting ':'"),
        ("segments.csv", b"label,start", "segments.csv is not whole"),
        (".out.mp4.9.part", b"", "left behind: .out.mp4.9.part"),  # of today, and nobody knows whose
    ],
)
def test_what_a_kill_may_not_leave(name: str, content: bytes | None, wrong: str, left: Path) -> None:
    (left / name).unlink() if content is None else (left / name).write_bytes(content)
    assert [found[: len(wrong)] for found in look(left, 3, 4.5, -9, "").wrong] == [wrong]


@pytest.mark.parametrize(
    ("status", "said", "wrong"),
    [(1, "", "exit status 1, ''"), (-9, "Traceback", "exit status -9, 'Traceback'")],
)
def test_a_run_says_nothing_before_it_is_killed(status: int, said: str, wrong: str, left: Path) -> None:
    assert look(left, 3, 4.5, status, said).wrong == (wrong,)


def test_a_few_mutants(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "fuzz.json"
    assert (
        command.main(["--mutants", "6", "--kills", "0", "--processes", "1", "--json", str(figures)]) == 0
    ), capsys.readouterr()
    found = json.loads(figures.read_text())
    assert [one["film"] for one in found["mutants"]] == [film.name for film in FILMS[:6]]
    assert all(one["answer"]["megabytes"] > 100 and one["edits"] for one in found["mutants"])
    assert sum(one["frames"] for one in found["mutants"]) > 0
    assert "6 mutants, 0 wrong; at most " in capsys.readouterr().out


@pytest.mark.slow
def test_mutants_and_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "fuzz.json"
    given = ["--mutants", "20", "--kills", "2", "--seed", "1", "--json", str(figures)]
    assert command.main(given) == 0, capsys.readouterr()
    found = json.loads(figures.read_text())
    assert len(found["mutants"]) == 20
    assert {one["answer"]["status"] for one in found["mutants"]} == {0, 1}
    assert len(found["kills"]) == 2


def test_something_wrong_is_told_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fuzz_by_film(*given: object) -> list[Watched]:
        return fuzz(*given, command=misbehaving.by_film, prepare=misbehaving.nothing)

    monkeypatch.setattr(command, "fuzz", fuzz_by_film)
    given = ["--mutants", "1", "--kills", "0", "--first", "5", "--keep", str(tmp_path / "kept")]
    assert command.main(given) == 1
    said = capsys.readouterr().out
    assert "wrong: mutant 5, mpeg4.mp4: left behind: .out.mp4.7.abcdef.part\n" in said
    assert (tmp_path / "kept" / "5-mpeg4.mp4").stat().st_size > 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--mutants", "-1"], "'-1'"),
        (["--processes", "0"], "'0'"),
        (["--json", "no/figures.json"], "no/figures.json: there is no folder no; create it first"),
        (["--keep", "no/kept"], "No such file or directory: 'no/kept'"),
    ],
)
def test_usage(
    given: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        command.main(given)
    assert said in capsys.readouterr().err
