"""Several videos in one go: patterns and folders, names of results, and what happens to broken ones."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pytest
from command_line import events_of, frame_times, names
from sample_videos import make_video

from actfusion_stream.batch import plan, sources_of
from actfusion_stream.cli import main
from actfusion_stream.errors import StreamError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three videos, one of them broken, and a note."""
    folder = tmp_path / "day"
    folder.mkdir()
    make_video(folder / "b.mkv", times=[100 * index for index in range(20)])
    make_video(folder / "a.mp4", times=[100 * index for index in range(12)])
    (folder / "c.MP4").write_bytes(bytes(range(256)))
    (folder / "notes.txt").write_text("salad\n")
    return folder


def watched(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return int(exit_.code or 0)


def test_a_folder_is_watched_to_its_end_and_what_is_broken_is_named(
    folder: Path, tiny_checkpoint: Path, tmp_path: Path, capfd
):
    out = tmp_path / "out"
    given = ["--checkpoint", tiny_checkpoint, "--output", out, "--events", out, "--segments", out]
    assert watched(folder, *given) == 1
    shown, err = capfd.readouterr()
    assert names(out) == ["a.csv", "a.jsonl", "a.mp4", "b.csv", "b.jsonl", "b.mp4"]
    assert len(frame_times(out / "a.mp4")) == 12
    assert events_of((out / "b.jsonl").read_text())[-1]["source"] == "b.mkv"
    assert "b.mkv (2 of 3): 64x48, 10 fps" in shown
    table = shown[shown.index("VIDEO") :].splitlines()
    assert [line.split()[:2] for line in table[1:]] == [
        ["a.mp4", "0:01"], ["b.mkv", "0:01"], ["c.MP4", "failed"], ["2", "videos"],
    ]  # fmt: skip
    broken = f"{folder}/c.MP4"
    assert err.splitlines() == [
        f"actfusion-stream: {broken}: not a video that can be read, or a recording cut off before "
        "its index was written",
        f"actfusion-stream: failed: 1 of 3 videos: {broken}",
    ]


def test_several_files_that_are_all_well_end_in_0(folder: Path, tiny_checkpoint: Path, capfd):
    both = [folder / "a.mp4", folder / "b.mkv"]
    assert watched(*both, "--checkpoint", tiny_checkpoint, "--display", "none") == 0
    assert capfd.readouterr() == ("", "")


def test_options_may_stand_between_the_videos(folder: Path, tiny_checkpoint: Path, capfd):
    order = [folder / "a.mp4", "--checkpoint", tiny_checkpoint, folder / "b.mkv", "--events", "-"]
    assert watched(*order, "--display", "none") == 0
    summaries = [event for event in events_of(capfd.readouterr().out) if event["type"] == "summary"]
    assert [summary["source"] for summary in summaries] == ["a.mp4", "b.mkv"]


def test_one_video_needs_no_option(folder: Path, tiny_checkpoint: Path, tmp_path: Path, capfd):
    target = tmp_path / "out.mp4"
    assert watched(folder / "a.mp4", "--checkpoint", tiny_checkpoint, "--output", target) == 0
    assert capfd.readouterr().out.startswith("a.mp4: 64x48, 10 fps\n")
    assert len(frame_times(target)) == 12


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "what is to be watched? Give a video, e.g. kitchen.mp4, or --camera 0"),
        (["a.mp4", "--camera", "0"], "videos and --camera: give one of them alone"),
        (["--video", "a.mp4", "--camera", "0"], "--video and --camera: give one of them alone"),
    ],
)
def test_one_kind_of_source(given: list[str], complaint: str, capfd):
    assert watched(*given) == 2
    assert capfd.readouterr().err == f"actfusion-stream: {complaint} (--help says more)\n"


def test_patterns_and_folders_stand_for_files_each_once(folder: Path):
    a, b, c = (folder / name for name in ("a.mp4", "b.mkv", "c.MP4"))
    assert sources_of([folder]) == ([a, b, c], True)
    assert sources_of([folder / "*.m*"]) == ([a, b], True)
    assert sources_of([folder / "a*"]) == ([a], True), "a batch of one: its targets are folders, too"
    assert sources_of([b, folder / "?.mkv", folder]) == ([b, a, c], True)
    assert sources_of([a]) == ([a], False)
    assert sources_of([folder.parent / "gone.mp4"]) == ([folder.parent / "gone.mp4"], False)
    assert sources_of([0]) == ([0], False)
    assert sources_of(["-"]) == (["-"], False)


def test_a_name_with_brackets_is_a_name(folder: Path):
    bracketed = folder / "take[2].mp4"
    shutil.copy(folder / "a.mp4", bracketed)
    assert sources_of([bracketed]) == ([bracketed], False)


def test_a_folder_of_pictures_is_a_video(tmp_path: Path):
    (tmp_path / "1.png").touch()
    assert sources_of([tmp_path]) == ([tmp_path], False)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (["{}/*.avi"], "{}/*.avi: matches no file"),
        (["{}/a.mp4", "-"], "standard input: among several sources there are only files; give it alone"),
        (
            ["{}/a.mp4", "http://user:secret@camera/live"],
            "an address: among several sources there are only files; give it alone",
        ),
    ],
)
def test_what_is_no_batch(given: list[str], complaint: str, folder: Path):
    sources = [text if text == "-" or "://" in text else Path(text.format(folder)) for text in given]
    with pytest.raises(StreamError) as refused:
        sources_of(sources)
    assert str(refused.value) == complaint.format(folder)


def test_a_folder_of_both_kinds_is_refused(folder: Path):
    (folder / "thumbnail.jpg").touch()
    with pytest.raises(StreamError, match=r"holds 3 videos and 1 pictures; give .*/day/\*\.mp4 or the like"):
        sources_of([folder])


# -- where results go


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"output": None, "events": [], "segments": [], **given})


@pytest.mark.parametrize(
    ("videos", "called"),
    [
        (["a.mp4", "b.mp4"], ["a", "b"]),
        (["one/x.mp4", "two/x.mp4"], ["one-x", "two-x"]),
        (["day/1/cam/x.mp4", "day/2/cam/x.mp4"], ["1-cam-x", "2-cam-x"]),
        (["x.mp4", "x.mov"], ["x.mp4", "x.mov"]),
        (["x.mp4", "X.mov"], ["x.mp4", "X.mov"]),  # one file on some disks
    ],
)
def test_results_are_called_after_where_their_video_lies(
    videos: list[str], called: list[str], tmp_path: Path
):
    jobs = plan([Path(video) for video in videos], options(output=tmp_path))
    assert [job.options.output.name for job in jobs] == [f"{name}.mp4" for name in called]


def test_targets_are_folders_or_patterns(tmp_path: Path):
    broker = "mqtt://broker.local/kitchen"
    given = options(
        output=tmp_path / "new", events=["-", broker, tmp_path], segments=[tmp_path / "{name}.srt", tmp_path]
    )
    first, second = plan([Path("a.mp4"), Path("b.mp4")], given)
    assert first.options.output == tmp_path / "new" / "a.mp4"
    assert second.options.events == ["-", broker, tmp_path / "b.jsonl"]
    assert second.options.segments == [tmp_path / "b.srt", tmp_path / "b.csv"]
    assert (tmp_path / "new").is_dir()
    assert given.output == tmp_path / "new"


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (
            "{}/all.mp4",
            "--output {}/all.mp4: of several videos, give a folder for it, or a name with {{name}} in it, "
            "e.g. {}/{{name}}.mp4",
        ),
        ("{}/no/out", "{}/no/out: there is no folder {}/no; create it first"),
        ("{}/file", "{}/file: cannot be made a folder (File exists)"),
        ("{}", "{}/a.mp4: is one of the inputs; give the results of {}/a.mp4 another place"),
        (
            "{}/same{{name}}/../out.mp4",
            "{}/samea/../out.mp4: is another's result, too; give the results of {}/a.mp4 another place",
        ),
    ],
)
def test_targets_that_cannot_be(target: str, complaint: str, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StreamError) as refused:
        plan([tmp_path / "b.mov", tmp_path / "a.mp4"], options(output=Path(target.format(tmp_path))))
    assert str(refused.value) == complaint.replace("{{", "{").replace("}}", "}").replace("{}", str(tmp_path))
