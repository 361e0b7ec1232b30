"""Nobody who does not read holds up the stream; lines are whole, and what is left out is counted."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actfusion_stream.pipes import LineWriter

LINE = b"x" * 4095 + b"\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    for descriptor in (read, write):
        try:
            os.close(descriptor)
        except OSError:
            assert descriptor >= 0


def drained(read: int, write: int) -> bytes:
    """What is in the pipe, once the writer's end is closed."""
    os.close(write)
    found = b""
    while piece := os.read(read, 1 << 16):
        found += piece
    return found


def test_a_file_holds_every_line_at_once(tmp_path: Path) -> None:
    writer = LineWriter(tmp_path / "log", lossless=True)
    for number in range(100):
        assert writer.put(f"{number}\n".encode())
        assert (tmp_path / "log").read_text().endswith(f"{number}\n")
    assert writer.close() == 0
    assert (tmp_path / "log").read_text().splitlines() == [str(number) for number in range(100)]


def test_what_nobody_reads_is_left_out_and_counted(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write, lossless=False)
    taken = [writer.put(LINE) for _ in range(1000)]
    assert 200 < sum(taken) < 400  # a megabyte waits, and what the pipe itself holds
    assert taken == sorted(taken, reverse=True)
    left = writer.close(patient=False)
    found = drained(read, write)
    assert found.count(b"\n") + left == sum(taken)
    assert set(found.split(b"\n")) <= {LINE[:-1], b""} | {LINE[:size] for size in range(4096)}


def test_a_file_waits_for_a_slow_reader_and_loses_nothing(pipe: tuple[int, int]) -> None:
    read, write = pipe
    found: list[bytes] = []

    def slowly() -> None:
        while piece := os.read(read, 1 << 16):
            found.append(piece)
            time.sleep(0.01)

    reader = threading.Thread(target=slowly)
    reader.start()
    writer = LineWriter(write, lossless=True)
    assert all(writer.put(LINE) for _ in range(600))
    assert writer.close() == 0
    os.close(write)
    reader.join(30)
    assert b"".join(found) == 600 * LINE


def test_a_wish_to_stop_ends_the_waiting(pipe: tuple[int, int]) -> None:
    _, write = pipe
    stopped = threading.Event()
    writer = LineWriter(write, lossless=True, stopped=stopped.is_set)
    threading.Timer(0.3, stopped.set).start()
    began = time.monotonic()
    while writer.put(LINE):
        assert time.monotonic() - began < 30
    assert writer.put(b"the last word\n", always=True)
    assert writer.close() > 200
    assert time.monotonic() - began < 10


def test_a_pipe_in_the_file_system_need_not_have_a_reader_yet(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = LineWriter(tmp_path / "pipe", lossless=True)
    assert writer.put(b"one\n")
    with (tmp_path / "pipe").open("rb") as file:
        assert writer.close() == 0
        assert file.read() == b"one\n"


def test_a_reader_who_has_left_is_told(pipe: tuple[int, int]) -> None:
    read, write = pipe
    writer = LineWriter(write, lossless=True)
    os.close(read)
    with pytest.raises(OSError, match="Broken pipe") as error:
        writer.put(LINE)
    assert error.value.errno == errno.EPIPE
    writer.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_at_the_line(tmp_path: Path) -> None:
    writer = LineWriter(Path("/dev/full"), lossless=True)
    with pytest.raises(OSError, match="No space left"):
        writer.put(b"one\n")
    writer.close()
