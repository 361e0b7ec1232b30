"""The command with several receivers at once: all of them are told the same."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from actfusion_stream import cli
from actfusion_stream.tools.robustness.servers import free_port


def test_several_receivers_are_told_the_same(
    tiny_video: Path, tiny_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a.sock"))
        listener.listen()

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.extend(connection.makefile("rb").read().splitlines())

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        targets = ["-", tmp_path / "a.jsonl", f"unix://{tmp_path}/a.sock"]
        given = [word for target in targets for word in ("--events", str(target))]
        video = ["--video", str(tiny_video), "--checkpoint", str(tiny_checkpoint), "--tick", "1"]
        assert cli.main([*video, *given, "--display", "none"]) == 0
        thread.join(20.0)
    out, err = capfd.readouterr()
    assert err == ""
    told = [
        [{key: value for key, value in json.loads(line).items() if key != "utc"} for line in lines]
        for lines in (out.encode().splitlines(), (tmp_path / "a.jsonl").read_bytes().splitlines(), heard)
    ]
    assert told[0] == told[1] == told[2]
    assert [told[0][0]["type"], told[0][-1]["type"]] == ["header", "summary"]


def test_one_that_is_away_is_a_warning_at_the_end_and_all_else_is_done(
    tiny_video: Path, tiny_checkpoint: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("actfusion_stream.receivers.receiver._SILENT", 0.1)
    address = f"http://me:secret@127.0.0.1:{free_port()}/hook"
    video = ["--video", str(tiny_video), "--checkpoint", str(tiny_checkpoint), "--tick", "1"]
    table = tmp_path / "a.csv"
    assert cli.main([*video, "--events", address, "--segments", str(table), "--display", "none"]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("actfusion-stream: warning: http://127.0.0.1:")
    assert err.endswith(" events were not delivered (Connection refused)\n")
    assert "secret" not in err
    assert table.read_text().startswith("video,label,start,end,confidence\n")
