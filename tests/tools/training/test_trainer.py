"""Steps of the optimizer: batched as one by one, and averaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from actfusion_stream.models.actfusion import ActFusionConfig
from actfusion_stream.models.losses import LossConfig, training_losses
from actfusion_stream.models.masking import MaskConfig
from actfusion_stream.tools.data.dataset import Dataset, FeatureSource
from actfusion_stream.tools.data.labelled import read_videos
from actfusion_stream.tools.training.batches import collate, draw_example
from actfusion_stream.tools.training.examples import Example
from actfusion_stream.tools.training.presets import PRESETS, Preset
from actfusion_stream.tools.training.settings import Settings
from actfusion_stream.tools.training.trainer import Trainer

SMALL = ActFusionConfig(
    feature_dim=3,
    num_classes=3,
    encoder_layers=3,
    encoder_dim=8,
    encoder_dropout=0.0,
    channel_dropout=0.0,
    time_dropout=0.0,
    conditioning_layers=(1, 2),
    decoder_layers=2,
    decoder_dim=6,
    decoder_kernel=3,
    decoder_dropout=0.0,
    time_embedding_dim=16,
    sampling_steps=3,
)


def trainer(preset: Preset, examples: list[Example], micro_batch: int = 8) -> Trainer:
    settings = Settings(Path("d"), "1", "labels", False, 0.0, 0)
    return Trainer(preset, settings, examples, micro_batch, torch.device("cpu"))


def examples(dataset: Path, count: int = 6) -> list[Example]:
    source = FeatureSource(Dataset(dataset), "labels")
    return [Example.of(video, 2.0) for video in read_videos(source, [f"v{i}" for i in range(count)])]


def test_padded_batches_train_as_single_videos_do(dataset: Path) -> None:
    """One optimizer step over six videos of six lengths: in one padded pass, and one by one."""
    preset = Preset(
        model=SMALL, mask=MaskConfig(kinds=("none",)), loss=LossConfig(), sample_rate=1, batch_size=6
    )
    drawn = [
        draw_example(example, preset, False, np.random.default_rng(i))
        for i, example in enumerate(examples(dataset))
    ]
    noise = torch.randn(6, 3, 60, generator=torch.Generator().manual_seed(0))
    step = torch.tensor([10, 100, 300, 500, 700, 990])
    gradients = []
    for groups in ([list(range(6))], [[i] for i in range(6)]):
        run = trainer(preset, examples(dataset))
        for group in groups:
            batch = collate([drawn[i] for i in group])
            losses = training_losses(
                run.model,
                batch.features,
                batch.labels,
                batch.boundary,
                batch.visible,
                step[group],
                noise[group, :, : batch.labels.shape[1]],
                preset.loss,
                run.class_weights,
                batch.lengths,
                batch.scored,
            )
            (losses["total"] * len(group) / 6).backward()
        gradients.append({name: p.grad for name, p in run.model.named_parameters() if p.grad is not None})
    padded, single = gradients
    assert padded.keys() == single.keys()
    for name in single:
        assert torch.allclose(padded[name], single[name], atol=1e-5), name


def test_the_average_is_what_is_saved(dataset: Path) -> None:
    preset = replace(PRESETS["50salads"], model=SMALL, sample_rate=2, batch_size=3)
    plain, averaged = (trainer(replace(preset, average=average), examples(dataset)) for average in (0.0, 0.9))
    for run in (plain, averaged):
        run.run_epoch()
        assert not run.outcome().training
    assert plain.outcome() is plain.model  # nothing is averaged, or copied
    slow, fast = averaged.outcome().encoder.project_in.weight, averaged.model.encoder.project_in.weight
    assert not torch.equal(slow, fast)
