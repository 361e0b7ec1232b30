"""The moving average of the weights, step by step."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from actfusion_stream.tools.training.averaging import averaged


def test_it_looks_back_on_few_steps_at_first_and_on_as_many_as_the_decay_says_later() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)  # where training starts from
    average = averaged(model, decay=0.75, early=2)
    assert not average.training
    expected = 100.0
    for step, decay in enumerate([1 / 3, 2 / 4, 3 / 5, 4 / 6, 5 / 7, 0.75, 0.75], start=1):
        nn.init.constant_(model.weight, float(step))
        average.update_parameters(model)
        expected = decay * expected + (1 - decay) * step
        assert average.module.weight.item() == pytest.approx(expected, rel=1e-5), step


def test_one_that_was_stopped_goes_on_as_if_it_had_not_been() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    whole = averaged(model, 0.9)
    for _ in range(3):
        nn.init.normal_(model.weight)
        whole.update_parameters(model)
    resumed = averaged(nn.Linear(3, 2), 0.9)
    resumed.load_state_dict(whole.state_dict())
    nn.init.normal_(model.weight)
    for average in (whole, resumed):
        average.update_parameters(model)
    assert torch.equal(whole.module.weight, resumed.module.weight)


@pytest.mark.parametrize("decay", [-0.1, 1.5, float("nan")])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="give a decay per step from 0, for none, to 1"):
        averaged(nn.Linear(1, 1), decay)
