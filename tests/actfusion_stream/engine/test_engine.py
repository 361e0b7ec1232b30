"""An engine belongs to the process that loaded it, as torch's threads do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

FORKED = """
import os, signal, sys
import numpy as np
import torch
from actfusion_stream import Engine, StreamError

def watch(session):
    for index in range(40):
        session.push(np.full((48, 64, 3), index, np.uint8), index / 15)
    return session.finish()

torch.set_num_threads(2)
engine = Engine.load(sys.argv[1], device="cpu")
session = engine.session()
expected = watch(engine.session())
if os.fork() == 0:
    signal.alarm(30)  # it would hang
    for compute in (engine.session, lambda: watch(session), session.finish, lambda: Engine.load(sys.argv[1])):
        try:
            compute()
        except StreamError as error:
            print(error, flush=True)
    torch.set_num_threads(1)
    print([s.label for s in watch(engine.session())] == [s.label for s in expected], flush=True)
    os._exit(0)
print(os.wait()[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told_instead_of_hanging(tiny_checkpoint: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(tiny_checkpoint)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    line = (
        "engine: this process was forked from one that had loaded an engine, and cannot compute on cpu as it "
        "is; start it by multiprocessing's spawn, or call torch.set_num_threads(1) in it"
    )
    assert done.stdout.splitlines() == [line, line, line, line, "True", "0"], done.stderr
