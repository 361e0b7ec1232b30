"""What the options of the annotated video do to its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sample_videos import make_video, ramp

from actfusion_stream.sources.source import open_source


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("in") / "in.mp4", size=(160, 120), times=ramp(20))


def changed_rows(source: Path, target: Path) -> np.ndarray:
    """(H,) bool: rows of the last picture that are not as in the source."""
    last = []
    for path in (source, target):
        with open_source(path) as frames:
            *_, frame = frames
        last.append(frame.image.astype(int))
    return (np.abs(last[1] - last[0]).max(axis=2) > 30).any(axis=1)


@pytest.mark.parametrize("labels", ["online", "hindsight"])
def test_the_overlay_is_where_it_was_asked_for_and_as_small(
    labels: str, run: Callable, video: Path, tmp_path: Path
) -> None:
    looks = (["--overlay", "top"], ["--overlay-size", "small"])[labels == "online"]
    target = tmp_path / "out.mp4"
    assert run("--output", target, "--labels", labels, *looks, video=video)[0] == 0
    rows = np.flatnonzero(changed_rows(video, target))
    if labels == "online":
        assert 99 < rows.min() < rows.max()  # of 120; 94 of them would be free in any case
    else:
        assert 16 < rows.max() < 27


def test_without_overlay_the_picture_is_recorded_alone(run: Callable, video: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    status, out, err = run("--output", target, "--overlay", "off", video=video)
    assert (status, err) == (0, "")
    assert f"video: {target}" in " ".join(out.split())
    assert "annotated video" not in out
    assert not changed_rows(video, target).any()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--overlay", "top"], "--overlay top: only with --output, e.g. --output annotated.mp4"),
        (
            ["--overlay-size", "large"],
            "--overlay-size large: only with --output, e.g. --output annotated.mp4",
        ),
        (
            ["--output", "{}/a.mp4", "--overlay", "off", "--labels", "hindsight"],
            "--labels: nothing is drawn with --overlay off",
        ),
        (
            ["--output", "{}/a.mp4", "--overlay", "off", "--overlay-size", "small"],
            "--overlay-size: nothing is drawn with --overlay off",
        ),
    ],
)
def test_an_option_of_what_is_not_drawn_is_refused(
    options: list[str], line: str, run: Callable, video: Path, tmp_path: Path
) -> None:
    given = [option.format(tmp_path) for option in options]
    assert run(*given, video=video) == (1, "", f"actfusion-stream: {line}\n")
    assert list(tmp_path.iterdir()) == []


def test_what_is_less_sure_than_asked_is_not_named(run: Callable, video: Path, tmp_path: Path) -> None:
    shown, tables = [], []
    for share in ("0", "0.99"):
        table = tmp_path / f"{share}.csv"
        status, out, err = run("--segments", table, "--min-confidence", share, video=video)
        assert (status, err) == (0, "")
        shown.append(re.findall(r"^\d:\d\d  (\S.*)$", out, re.MULTILINE))
        tables.append(table.read_text())
    assert shown[0][0].endswith(" % sure")
    assert shown[1] == ["not sure"]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("given", ["-0.1", "1.5", "nan", "half"])
def test_a_confidence_is_a_number_from_0_to_1(given: str, run: Callable) -> None:
    status, out, err = run(f"--min-confidence={given}")
    assert (status, out) == (2, "")
    assert f"argument --min-confidence: '{given}': give a number from 0 to 1, e.g. 0.5" in err
