"""A stopped training of the bundled model just goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actfusion_stream.kitchen.script import CLASS_NAMES, label_at, write_script
from actfusion_stream.tools.demo import model as demo_model
from actfusion_stream.tools.demo.model import CONFIG, SECOND, train
from actfusion_stream.tools.demo.sequences import SequenceSource, Video

PERIOD = 0.4  # seconds per feature step, as in the bundled checkpoint


def video(index: int, seconds: float) -> Video:
    script = write_script(index, seconds)
    labels = np.array([CLASS_NAMES.index(label_at(script, i * PERIOD)) for i in range(int(seconds / PERIOD))])
    return Video(np.broadcast_to(labels, (2, len(labels))).astype(np.float32), labels)


class StoppedSource(SequenceSource):
    """Presses Ctrl-C at the n-th sequence."""

    left = 0

    def draw(self, length: int, rng: np.random.Generator) -> Video:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().draw(length, rng)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    small = replace(
        CONFIG, feature_dim=2, encoder_layers=2, decoder_layers=2, conditioning_layers=(0, 1), encoder_dim=8
    )
    monkeypatch.setattr(demo_model, "CONFIG", replace(small, decoder_dim=8, time_embedding_dim=16))
    monkeypatch.setattr(demo_model, "_SAVE_EVERY", 2)
    videos = [video(index, 70.0) for index in range(20)]
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    unbroken.mkdir()
    broken.mkdir()
    whole = train(SequenceSource(videos, PERIOD), unbroken, steps=5, batch=2)

    stopped = StoppedSource(videos, PERIOD)
    stopped.left = 2 * 3 + 1  # in the fourth step, when the first two have been saved
    with pytest.raises(KeyboardInterrupt):
        train(stopped, broken, steps=5, batch=2)
    assert [path.name for path in broken.iterdir()] == ["model.resume.pt"]
    resumed = train(SequenceSource(videos, PERIOD), broken, steps=5, batch=2)

    for (name, a), b in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    loaded = train(SequenceSource(videos, PERIOD), broken, steps=5, batch=2)  # done: nothing is trained again
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), loaded.parameters(), strict=True))
    assert not loaded.training
    other = train(SequenceSource(videos, PERIOD), broken, 1, SECOND, loaded, batch=2)  # a round of its own
    assert {path.name for path in broken.glob("*.pt") if "resume" not in path.name} == {
        "model.pt",
        "model-2.pt",
    }
    moved = [(a - b).abs().max().item() for a, b in zip(other.parameters(), loaded.parameters(), strict=True)]
    assert 0 < max(moved) < 0.01, "it begins with the weights that it was given"
