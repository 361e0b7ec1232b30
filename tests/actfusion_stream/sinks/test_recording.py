"""What was written plays, whatever happened; the finished file has its index first and its exact times."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
from array import array
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from sample_videos import make_video, packets, ramp

from actfusion_stream.sinks.recording import Recording
from actfusion_stream.sinks.sound import Sound
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.sources.source import open_source

INFO = SourceInfo("a", 64, 48, None, 10.0, live=False, has_audio=False)
PROGRAM = """
import sys, time
from pathlib import Path
from actfusion_stream.sinks.video import VideoWriter
from actfusion_stream.sources.source import open_source
with open_source(sys.argv[1]) as source:
    writer = VideoWriter(sys.argv[2], source.info)
    for frame in source:
        writer.write(frame.time, frame.image)
        print(frame.index, flush=True)
        time.sleep(0.002)
    writer.close()
"""


def boxes(path: Path) -> list[str]:
    """The outermost parts of an MP4 file, in order."""
    data, at, found = path.read_bytes(), 0, []
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        found.append(kind.decode("latin-1"))
        at += size or len(data)
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_finished_video_has_its_index_first(tmp_path: Path, suffix: str) -> None:
    source = make_video(tmp_path / "in.mp4", times=ramp(30), sound="aac")
    with open_source(source) as video, VideoWriter(tmp_path / f"out{suffix}", video.info) as writer:
        for frame in video:
            writer.write(frame.time, frame.image)
    found = boxes(tmp_path / f"out{suffix}")
    assert found.index("moov") < found.index("mdat")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", f"out{suffix}"]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("frames", [60, 150])
def test_a_killed_export_plays(tmp_path: Path, suffix: str, frames: int) -> None:
    source = make_video(tmp_path / "in.mp4", times=ramp(400), sound="aac")
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", PROGRAM, str(source), str(tmp_path / "out" / f"a{suffix}")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == frames:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    (kept,) = (tmp_path / "out").iterdir()
    assert kept.name == f"a.{process.pid}.partial.mkv"
    with open_source(kept) as video:
        times = [frame.time for frame in video]
    # Encoder and muxer hold back some: a second's worth, and what the encoder looks ahead.
    assert frames - 75 <= len(times) <= 400
    assert np.allclose(np.diff(times), 0.1)
    sound = packets(kept, "audio")
    assert abs(float(sound[-1].pts * sound[-1].time_base) - times[-1]) < 1.5


def test_nothing_is_left_of_a_video_without_pictures(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mp4")
    assert recording.keep() == ""
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_finished_is_kept_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from actfusion_stream.errors import StreamError

    writer = VideoWriter(tmp_path / "a.mp4", INFO)
    for index in range(5):
        writer.write(index / 10, np.full((48, 64, 3), index, np.uint8))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recording, "_move", full)
    with pytest.raises(StreamError) as error:
        writer.close()
    (kept,) = tmp_path.iterdir()
    why = "cannot be written (No space left on device)"
    assert str(error.value) == f"{tmp_path / 'a.mp4'}: {why}; what was recorded is kept as {kept}"
    assert len(packets(kept, "video")) == 5


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    name = "ä" * 120 + ".mp4"
    with VideoWriter(
        tmp_path / name, SourceInfo("a", 64, 48, None, 10.0, live=False, has_audio=False)
    ) as writer:
        writer.write(0.0, np.zeros((48, 64, 3), np.uint8))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    shape = Fraction(64, 45)
    info = SourceInfo("a", 720, 576, None, 25.0, live=False, has_audio=False, pixel_shape=shape)
    with VideoWriter(tmp_path / "a.mp4", info) as writer:
        writer.write(0.0, np.zeros((576, 720, 3), np.uint8))
    with open_source(tmp_path / "a.mp4") as video:
        assert video.info.pixel_shape == shape


# Sound that an output refuses, at whatever moment


def refused(*_: object, **__: object) -> None:
    raise av.error.PatchWelcomeError(0, "Not yet implemented")


def exported_with_sound(folder: Path) -> VideoWriter:
    with (
        open_source(make_video(folder / "in.mp4", times=ramp(30), sound="aac")) as video,
        VideoWriter(folder / "out.mp4", video.info) as writer,
    ):
        for frame in video:
            writer.write(frame.time, frame.image)
    times = [float(packet.pts * packet.time_base) for packet in packets(folder / "out.mp4", "video")]
    assert times == pytest.approx([index / 10 for index in range(30)], abs=0.0006)
    assert sorted(path.name for path in folder.iterdir()) == ["in.mp4", "out.mp4"]
    return writer


def test_a_header_that_the_sound_spoils_is_written_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sound, "__init__", refused)
    writer = exported_with_sound(tmp_path)
    assert writer.warning is not None
    assert "its sound cannot be kept (" in writer.warning
    assert packets(tmp_path / "out.mp4", "audio") == []


@pytest.mark.parametrize("kind", ["video", "audio"])
def test_sound_that_is_refused_in_the_middle_costs_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """FFmpeg tells of it when the packet is given to it, or with a later one of the picture."""
    original, calls = Recording.mux, [0]

    def mux(recording: Recording, packet: av.Packet) -> None:
        given = packet.stream.type
        original(recording, packet)
        calls[0] += given == kind
        if given == kind and calls[0] == 5:
            refused()

    monkeypatch.setattr(Recording, "mux", mux)
    writer = exported_with_sound(tmp_path)
    assert writer.warning is not None
    assert "its sound " in writer.warning


def test_sound_that_the_target_refuses_is_left_out_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Recording._move

    def move(recording: Recording, shape: Fraction, step: Fraction, *, sound: bool) -> None:
        if sound:
            refused()
        original(recording, shape, step, sound=sound)

    monkeypatch.setattr(Recording, "_move", move)
    writer = exported_with_sound(tmp_path)
    assert writer.warning is not None
    assert "its sound cannot be kept in .mp4 (" in writer.warning
    assert packets(tmp_path / "out.mp4", "audio") == []


def test_packets_that_got_lost_leave_the_times_of_the_others(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", INFO)
    for index in range(20):
        writer.write(index / 10, np.full((48, 64, 3), index, np.uint8))
    recording = writer._recording
    assert recording is not None
    recording._times[0] = (Fraction(1, 90_000), array("q", [7, 7, 7]))  # as if it knew of others
    writer.close()
    times = [float(packet.pts * packet.time_base) for packet in packets(tmp_path / "a.mp4", "video")]
    assert times == pytest.approx([index / 10 for index in range(20)], abs=0.0011)
