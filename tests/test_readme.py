"""What README shows in Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_blocks_run(
    tiny_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kitchen.mp4").write_bytes(tiny_video.read_bytes())
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    names = {"image": np.zeros((48, 64, 3), np.uint8), "seconds": 0.0}
    for block in blocks:
        exec(block.replace('device="cuda"', 'device="cpu"'), names)
    assert (tmp_path / "annotated.mp4").exists()
    assert capsys.readouterr().out.count("\n") > 10
