"""The rows of docs/robustness.md with signals, pipes, and servers that go away: each takes its seconds."""

from __future__ import annotations

import shutil

import pytest
from sample_videos import shared_clips

from actfusion_stream.tools.robustness.fault import Fault, run
from actfusion_stream.tools.robustness.processes import with_processes
from actfusion_stream.tools.robustness.servers import serves_rtsp

CLIPS = shared_clips()[0].parent if shared_clips() and shutil.which("ffmpeg") else None


@pytest.mark.slow
@pytest.mark.parametrize("fault", with_processes(rtsp=True, clips=CLIPS), ids=lambda fault: fault.done)
def test_it_does_what_the_table_says(fault: Fault) -> None:
    if "RTSP" in fault.done and not serves_rtsp():
        pytest.skip("needs GStreamer's RTSP server (see serve_rtsp.py)")
    assert run(fault).wrong == []
