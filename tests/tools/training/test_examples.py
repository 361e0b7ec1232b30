"""Which videos train, and which choose the best epoch."""

from __future__ import annotations

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.training.examples import hold_out


def test_the_held_out_videos_come_from_the_training_list() -> None:
    training, held_out = hold_out([f"v{i}" for i in range(40)], 0.1, seed=3)
    assert len(held_out) == 4
    assert sorted(training + held_out) == sorted(f"v{i}" for i in range(40))
    assert hold_out([f"v{i}" for i in range(40)], 0.1, seed=4)[1] != held_out
    assert hold_out(["a", "b"], 0.0, seed=0) == (["a", "b"], [])
    with pytest.raises(StreamError, match=r"held out 0\.9 of 1 training videos: none is left to train on"):
        hold_out(["a"], 0.9, seed=0)
