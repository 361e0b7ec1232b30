"""A moving average of the weights, which forgets the random ones that training starts from."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged(model: nn.Module, decay: float, early: int = 10) -> AveragedModel:
    """A copy of a model, in eval mode, to be updated with the model after every step of the optimizer.

    Args:
        model: what is going to be trained.
        decay: per step, once there were many: the average looks back on about 1 / (1 - decay) of them.
        early: at first it looks back on one in so many of the steps done.

    Raises:
        ValueError: the decay is none.
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"average {decay:g}: give a decay per step from 0, for none, to 1")

    def update(slow: Any, fast: Any, _: Tensor | int) -> None:
        steps = int(average.n_averaged)  # on the CPU; what is passed lies on a GPU, which would be waited for
        get_ema_multi_avg_fn(min(decay, steps / (steps + early)))(slow, fast, steps)

    average = AveragedModel(model, multi_avg_fn=update)
    average.update_parameters(model)  # the first time only copies, and counts: the next one is step 1
    return average.eval()
