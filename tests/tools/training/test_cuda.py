"""A step of training where there is a GPU, tried without one: see `fake_gpu`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_gpu import GPU, fake_gpu
from torch._subclasses.fake_tensor import unset_fake_temporarily

from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.data.labelled import read_videos
from actfusion_stream.tools.training.batches import Batch
from actfusion_stream.tools.training.examples import Example
from actfusion_stream.tools.training.presets import PRESETS
from actfusion_stream.tools.training.run_folder import RunFolder
from actfusion_stream.tools.training.settings import Settings
from actfusion_stream.tools.training.trainer import Trainer

SMALL = ActFusionConfig(
    feature_dim=5, num_classes=3, encoder_layers=3, encoder_dim=8, conditioning_layers=(1, 2),
    decoder_layers=2, decoder_dim=6, time_embedding_dim=16, sampling_steps=3,
)  # fmt: skip


def trainer(dataset: Path, device: torch.device, average: float, preset: str = "50salads") -> Trainer:
    source = FeatureSource(Dataset(dataset), str(dataset / "features"))
    examples = [Example.of(video, 2.0) for video in read_videos(source, [f"v{i}" for i in range(6)])]
    chosen = replace(PRESETS[preset], model=SMALL, sample_rate=2, average=average)
    return Trainer(chosen, Settings(Path("d"), "1", "f", False, 0.0, 0), examples, 8, device)


def drawn(run: Trainer) -> list[tuple[Batch, bool]]:
    return list(run._passes(np.arange(6), np.random.default_rng(0)))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_step_waits_for_nothing(dataset: Path, preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batch, "pinned", lambda batch: batch)  # which needs a driver
    with fake_gpu(monkeypatch) as gpu:
        run = trainer(dataset, GPU, 0.9, preset)
        for batch, _ in drawn(run):
            moved = batch.to(GPU)
            assert (moved.features.device.type, moved.lengths.device.type) == ("cuda", "cpu")
            losses = run._losses(moved)
            assert losses["total"].device.type == "cuda"
        for parameter in run.model.parameters():  # torch's own way back needs a real GPU
            parameter.grad = torch.zeros_like(parameter)
        for _ in range(2):
            run.optimizer.step()
            run._average.update_parameters(run.model)
        assert gpu.fetched == 0


def test_all_videos_of_a_step_pass_at_once_on_a_gpu(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Batch, "pinned", lambda batch: batch)
    with fake_gpu(monkeypatch):
        run = trainer(dataset, GPU, 0.0)
        sizes = [(len(batch.lengths), last) for batch, last in drawn(run)]
    assert sizes == [(4, True), (2, True)]


def test_a_resumed_run_leaves_adams_counters_on_the_cpu(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, every parameter and step would wait for them."""
    about = {"run": 1}
    before = trainer(dataset, torch.device("cpu"), 0.9)
    before.run_epoch()
    source = FeatureSource(Dataset(dataset), "labels")
    RunFolder(tmp_path, before, source, about, None).save_state()
    load = unset_fake_temporarily()(torch.load)  # torch would read nothing but shapes
    monkeypatch.setattr(torch, "load", load)
    with fake_gpu(monkeypatch) as gpu:
        run = trainer(dataset, GPU, 0.9)
        assert RunFolder(tmp_path, run, source, about, None).resume()
        state = run.optimizer.state[next(run.model.parameters())]
        assert (state["step"].device.type, float(state["step"])) == ("cpu", 2.0)
        assert state["exp_avg"].device.type == "cuda"
        assert run._average.n_averaged.device.type == "cpu"
        for parameter in run.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        run.optimizer.step()
        run._average.update_parameters(run.model)
        assert gpu.fetched == 0
