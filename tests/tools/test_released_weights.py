"""The page "Run the authors' weights", followed with stand-ins: files of the published names and shapes."""

from __future__ import annotations

import csv
import functools
import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import DOCS, SCRIPTS, blocks, calls
from sample_videos import make_video

from actfusion_stream.extractors.i3d import I3DConfig, InceptionI3D
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.released import released_key
from actfusion_stream.tools.training.presets import PRESETS
from actfusion_stream.weights import catalogue
from actfusion_stream.weights.cache import git_blob
from actfusion_stream.weights.catalogue import WEIGHTS, WeightFile

CLASSES = PRESETS["50salads"].model.num_classes
PAGE = DOCS / "released-weights.md"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server with files as published, known by their ids; and an empty cache."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name, channels in (("i3d-rgb", 3), ("i3d-flow", 2)):
        file = folder / Path(WEIGHTS[name].address).name
        torch.save(InceptionI3D(I3DConfig(1.0, channels)).state_dict(), file)
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        for name in ("i3d-rgb", "i3d-flow"):
            file = folder / Path(WEIGHTS[name].address).name
            address = f"http://127.0.0.1:{server.server_port}/{file.name}"
            weight = WeightFile(name, address, "Apache-2.0", git_blob=git_blob(file))
            monkeypatch.setitem(catalogue.WEIGHTS, name, weight)
        monkeypatch.setenv("ACTFUSION_CACHE", str(tmp_path / "cache"))
        yield folder
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def dataset(folder: Path) -> None:
    """50 Salads as MS-TCN published it: one video to train on, one to test."""
    random = np.random.RandomState(0)
    names = [f"action_{i}" for i in range(CLASSES)]
    for part in ("features", "groundTruth", "splits"):
        (folder / part).mkdir(parents=True)
    (folder / "mapping.txt").write_text("".join(f"{i} {name}\n" for i, name in enumerate(names)))
    for part, video in (("train", "rgb-01-1"), ("test", "rgb-02-1")):
        np.save(folder / "features" / f"{video}.npy", random.randn(2048, 400).astype(np.float32))
        labels = [name for name in names[:8] for _ in range(50)]
        (folder / "groundTruth" / f"{video}.txt").write_text("".join(f"{label}\n" for label in labels))
        (folder / "splits" / f"{part}.split1.bundle").write_text(f"{video}.txt\n")


def released() -> dict[str, torch.Tensor]:
    """A checkpoint by the authors' names, the tables of the diffusion among them."""
    torch.manual_seed(0)
    state = {}
    for name, weight in ActFusion(PRESETS["50salads"].model).state_dict().items():
        table = name.endswith("position_bias")
        state[released_key(name)] = torch.randn(20000, 1) if table else weight
    return state | {"betas": torch.zeros(1000), "alphas_cumprod": torch.ones(1000)}


@pytest.mark.slow
@pytest.mark.usefixtures("published")
def test_the_page_leads_from_the_authors_files_to_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    dataset(work / "50salads")
    torch.save(released(), work / "split1.model")
    make_video(work / "salad.mp4", times=[round(1000 * i / 30) for i in range(36)])
    (tmp_path / "calls").mkdir()
    done = []
    for number, shell in enumerate(blocks(PAGE, "sh")):
        folder = tmp_path / "calls" / str(number)
        folder.mkdir()
        for name, *arguments in calls(shell, folder):
            module, _, main = SCRIPTS[name].partition(":")
            status = getattr(import_module(module), main)(arguments)
            out, err = capfd.readouterr()
            done.append((name, status, out, err))
    assert [name.removeprefix("actfusion-") for name, *_ in done] == [
        "weights", "weights", "convert", "evaluate", "stream", "stream",
    ]  # fmt: skip
    assert done[1][2].count("as published: its git blob id is") == 2
    assert done[2][2].startswith(f"50salads.safetensors: {CLASSES} classes, 2048 channels, ")
    assert 0 <= json.loads((work / "s1.json").read_text())["acc"] <= 100
    assert [status for _, status, *_ in done] == [0] * 6
    assert "flow tvl1 and dis" in done[5][3]  # and that it may mean nothing
    for table in (work / "dis.csv", work / "salad.csv"):
        with table.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert {row["label"] for row in rows} <= {f"action_{i}" for i in range(CLASSES)}
        assert float(rows[-1]["end"]) == pytest.approx(1.2, abs=0.1)
