"""The command on small videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sample_videos import make_video, ramp

from actfusion_stream.cli import main


@pytest.fixture(scope="session")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes, so that there is time to interrupt; with sound."""
    return make_video(tmp_path_factory.mktemp("long") / "long.mp4", times=ramp(2400), sound="aac")


@pytest.fixture
def run(tiny_video: Path, tiny_checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Runs the command on the tiny video, in this process: exit status, stdout, stderr."""

    def run(*arguments: object, video: Path = tiny_video) -> tuple[int, str, str]:
        given = [str(argument) for argument in arguments]
        if "--camera" not in given:
            given = ["--video", str(video), *given]
        if "--checkpoint" not in given:
            given += ["--checkpoint", str(tiny_checkpoint)]
        try:
            status = main(given)
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run
