"""README and docs, followed to the letter: every line of a fence marked `sh` is run, page by page, in order.

What a test has not (a camera, a day, a published dataset) has a stand-in; the commands are those of the page.
Two pages have tests of their own: own-videos.md, and released-weights.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import DOCS, PAGES, REPOSITORY, SCRIPTS, blocks

from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.released import released_key
from actfusion_stream.tools.training.presets import PRESETS
from actfusion_stream.weights.checkpoint import bundled_checkpoint

STAND_INS = {
    "--camera 0": "kitchen.mp4 --realtime",
    "rtsp://camera.local/kitchen": "kitchen.mp4",
    "--metrics 9464": "--metrics 0",
    "--serve 0.0.0.0:8000": "--serve 0",
    "--serve 8000": "--serve 0",
    "--seconds 40": "--seconds 4",
    "--seconds 90": "--seconds 4",
    "--extractor i3d ": "--extractor kitchen ",
    "--preset gtea --no-length --out run": "--preset gtea --no-length --out run --epochs 1",
    "--preset 50salads --out runs/s1": "--preset 50salads --out runs/s1 --epochs 1",
    "--epochs 150": "--epochs 1",
    "--epochs 60": "--epochs 1",
    "python -m tools.benchmark": "python -m tools.benchmark --small --rounds 1",
    "--clips clips/ ": "--short ",
    "--hours 24": "--hours 0.02",
}
OWN_TESTS = ("own-videos.md", "released-weights.md")
FOLLOWED = [page for page in PAGES if blocks(page, "sh") and page.name not in OWN_TESTS]


def test_every_stand_in_stands_in_for_something() -> None:
    text = "".join(block for page in FOLLOWED for block in blocks(page, "sh"))
    assert [given for given in STAND_INS if given not in text] == []


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the pages take for granted: videos, pictures, annotations, datasets, a model, a released one."""
    folder = tmp_path_factory.mktemp("things")
    for number, name in enumerate(
        ["kitchen", "videos/a", "videos/b", "videos/c", "recordings/a", "more/day1"], start=10_000
    ):
        path = folder / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        labels = write_video(Kitchen(number, 4.0, (160, 120)), path, Fraction(15))
        text = "".join(f"{label}\n" for label in labels)
        if path.parent.name == "videos":
            for place in ("labels", "50salads/mstcn_predictions"):
                (folder / place).mkdir(exist_ok=True, parents=True)
            (folder / f"labels/{path.stem}.txt").write_text(text)
    (folder / "labels.csv").write_text("video,label,start,end\na,cut,0,3\nb,cut,0,2\nb,mix,2,4\nc,mix,1,4\n")
    frames(folder / "pictures")
    shutil.copy(bundled_checkpoint(), folder / "model.safetensors")
    torch.save(released(), folder / "split1.model")
    names = [f"action_{i}" for i in range(PRESETS["50salads"].model.num_classes)]
    dataset(folder / "50salads", ["a", "b", "c", "d", "e", "f"], names, "features")
    for split in (1, 2):
        (folder / f"50salads/splits/train.split{split}.bundle").write_text("a.txt\nb.txt\nc.txt\nd.txt\n")
        (folder / f"50salads/splits/test.split{split}.bundle").write_text("e.txt\nf.txt\n")
    for name in "ef":
        for place in ("labels", "50salads/mstcn_predictions"):
            shutil.copy(folder / f"50salads/groundTruth/{name}.txt", folder / place)
    dataset(folder / "breakfast", [f"P{i:02}_a" for i in (3, 4, 11)], names, "logits")
    (folder / "docs").mkdir()
    shutil.copy(DOCS / "robustness.md", folder / "docs")
    (folder / "docs/benchmarks.json").write_text(json.dumps({"areas": {}}))
    (folder / "clips").mkdir()
    return folder


def frames(folder: Path) -> None:
    import cv2

    folder.mkdir()
    for index in range(20):
        cv2.imwrite(str(folder / f"{index:03}.png"), Kitchen(10_000, 4.0, (160, 120)).frame(index / 5))


def released() -> dict[str, torch.Tensor]:
    """A state dict by the names of the authors' checkpoints, in their shapes."""
    state = {}
    for name, tensor in ActFusion(PRESETS["50salads"].model).state_dict().items():
        shape = (20000, 1) if name.endswith("position_bias") else tensor.shape
        state[released_key(name)] = 0.01 * torch.randn(shape)
    return state


def dataset(folder: Path, videos: list[str], names: list[str], features: str) -> None:
    """Videos of 1600 frames in the MS-TCN layout: so long that one in 64 frames still makes a sequence."""
    rng = np.random.default_rng(0)
    for place in ("groundTruth", "splits", features):
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(names)))
    for video in videos:
        labels = np.repeat(rng.integers(0, len(names), 8), 200)
        (folder / f"groundTruth/{video}.txt").write_text("".join(f"{names[i]}\n" for i in labels))
        np.save(folder / features / f"{video}.npy", rng.standard_normal((19, len(labels)), np.float32))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which the commands are this checkout's, and nothing is installed or made."""
    folder = tmp_path_factory.mktemp("bin")
    run_this = f'exec "{sys.executable}"'
    lines = {name: "exit 0" for name in ("git", "make", "pip")} | {"python": f'{run_this} "$@"'}
    for name, place in SCRIPTS.items():
        module, _, function = place.partition(":")
        lines[name] = (
            f"{run_this} -c 'import sys; from {module} import {function} as f; sys.exit(f())' \"$@\""
        )
    for name, line in lines.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Path, things: Path, path: str, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    shutil.copytree(things, folder)
    environment = {
        **os.environ, "PATH": path, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    for block in blocks(page, "sh"):
        for given, instead in STAND_INS.items():
            block = block.replace(given, instead)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
