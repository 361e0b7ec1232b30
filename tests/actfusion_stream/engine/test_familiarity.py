"""A stream tells when what it sees is unlike training, and tells it of what it has just seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.engine.buffer import FeatureBuffer
from actfusion_stream.engine.engine import Engine
from actfusion_stream.engine.familiarity import strangeness_of
from actfusion_stream.weights.checkpoint import load_checkpoint
from actfusion_stream.weights.familiarity import Familiarity

AXIS = Familiarity(np.zeros(2), np.array([[1.0, 0.0]]), threshold=0.5)  # familiar is the first channel
HOME, ABROAD = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])


def buffered(*features: torch.Tensor, seen: list[bool] | None = None) -> FeatureBuffer:
    buffer = FeatureBuffer(2, 100)
    buffer.append(torch.stack(features), None if seen is None else np.array(seen))
    return buffer


def test_the_last_four_seconds_count() -> None:
    long = [HOME] * 50
    assert strangeness_of(buffered(*long), AXIS, 1.0) == 0
    assert strangeness_of(buffered(*long, ABROAD), AXIS, 1.0) == 0
    assert strangeness_of(buffered(*long, *[ABROAD] * 3), AXIS, 1.0) == 2
    assert strangeness_of(buffered(*long, *[ABROAD] * 3), AXIS, 0.5) == 0, "of which there are eight"
    assert strangeness_of(buffered(*[ABROAD] * 50, *[HOME] * 4), AXIS, 1.0) == 0


def test_what_was_not_seen_does_not_count() -> None:
    gap = buffered(HOME, ABROAD, ABROAD, HOME, seen=[True, False, False, True])
    assert strangeness_of(gap, AXIS, 1.0) == 0


def test_a_checkpoint_that_does_not_say_what_is_familiar() -> None:
    assert strangeness_of(buffered(ABROAD), None, 1.0) is None


def bar(index: int) -> np.ndarray:
    """A picture of a bar that wanders."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, index % 48 :][:, :12] = (250, 180, 60)
    return image


@pytest.fixture
def at_home(tiny_checkpoint: Path, tmp_path: Path) -> Engine:
    """The tiny engine, to which a wandering bar is familiar."""
    session = Engine.load(tiny_checkpoint, device="cpu").session(tick=60.0)
    for index in range(60):
        session.push(bar(index), index / 15)
    session.finish()
    features = session.features()[0].astype(np.float64)
    mean = features.mean(axis=1)
    axes = np.linalg.svd((features - mean[:, None]).T, full_matrices=False)[2][:8]
    familiar = replace(load_checkpoint(tiny_checkpoint), familiarity=Familiarity(mean, axes, 0.4))
    familiar.save(tmp_path / "home.safetensors")
    return Engine.load(tmp_path / "home.safetensors", device="cpu")


def test_a_session_says_when_what_it_sees_becomes_unfamiliar(at_home: Engine) -> None:
    session = at_home.session(tick=1.0)
    bright = np.full((48, 64, 3), 200, np.uint8)
    pictures = [bar(index) for index in range(60)] + [bright] * 76
    ticks = [session.push(picture, index / 15) for index, picture in enumerate(pictures)]
    said = [tick for tick in ticks if tick is not None]
    assert [tick.seen_until for tick in said] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [tick.unfamiliar for tick in said[:5]] == [False] * 5
    assert [tick.unfamiliar for tick in said[-2:]] == [True] * 2, "more than half of the last four seconds"
    assert session.stats.unfamiliar == sum(tick.unfamiliar for tick in said)


def test_another_checkpoint_says_nothing(tiny_checkpoint: Path) -> None:
    session = Engine.load(tiny_checkpoint, device="cpu").session(tick=1.0)
    ticks = [session.push(np.zeros((48, 64, 3), np.uint8), index / 15) for index in range(31)]
    assert [(tick.strangeness, tick.unfamiliar) for tick in ticks if tick] == [(None, False)] * 2
