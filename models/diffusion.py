"""Gaussian diffusion with a cosine schedule, and the DDIM sampler: pure tables and formulas, no network.

Schedule: Nichol & Dhariwal, "Improved Denoising Diffusion Probabilistic Models" (ICML 2021), eq. 17.
Sampler: Song, Meng & Ermon, "Denoising Diffusion Implicit Models" (ICLR 2021), eq. 12 and 16.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

_OFFSET = 0.008  # keeps beta from vanishing near step 0
_MAX_BETA = 0.999  # keeps the last step from dividing by zero

CLEAN = -1  # the "step" after the last denoising step: no noise is left


class CosineSchedule:
    """How much of the clean signal is left after each diffusion step.

    Args:
        steps: number of diffusion steps S.

    Attributes:
        alphas_cumprod: (S,) float64 on the CPU; share of the signal's variance left after each step.
    """

    def __init__(self, steps: int = 1000) -> None:
        grid = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        curve = torch.cos((grid + _OFFSET) / (1 + _OFFSET) * math.pi / 2) ** 2  # (S + 1,)
        betas = (1 - curve[1:] / curve[:-1]).clamp(0, _MAX_BETA)
        self.alphas_cumprod = torch.cumprod(1 - betas, dim=0)  # (S,)

    def add_noise(self, clean: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """Jump from clean labels to the noisy ones of a step: the forward process.

        Args:
            clean: (B, ...) float, scaled to the range that the diffusion works in.
            noise: (B, ...) float, standard normal.
            step: (B,) int in [0, S).

        Returns:
            (B, ...) float, like `clean`.
        """
        alpha = self.alphas_cumprod[step.cpu()].view(-1, *[1] * (clean.dim() - 1))  # (B, 1, ...)
        return alpha.sqrt().to(clean) * clean + (1 - alpha).sqrt().to(clean) * noise

    def ddim_step(
        self, noisy: Tensor, clean: Tensor, step: int, next_step: int, eta: float, noise: Tensor | None
    ) -> Tensor:
        """Go from the noisy sample of one step to that of an earlier step.

        Args:
            noisy: (B, ...) float, the sample at `step`.
            clean: (B, ...) float, the network's estimate of the clean signal.
            step: where the sample is, in [0, S).
            next_step: where it goes, below `step`; `CLEAN` returns the estimate itself.
            eta: 0 for a deterministic path, 1 for as much fresh noise as ancestral sampling adds.
            noise: (B, ...) float, standard normal; None where eta is 0 or the next step is `CLEAN`.

        Returns:
            (B, ...) float, the sample at `next_step`.

        Raises:
            ValueError: noise is needed but None.
        """
        if next_step == CLEAN:
            return clean
        alpha = float(self.alphas_cumprod[step])
        next_alpha = float(self.alphas_cumprod[next_step])
        sigma = eta * math.sqrt((1 - alpha / next_alpha) * (1 - next_alpha) / (1 - alpha))
        # sqrt(next_alpha) · clean + direction · estimated noise, which is (noisy - sqrt(alpha) · clean) over
        # sqrt(1 - alpha): the sum of the two, each times a number.
        of_noisy = math.sqrt(max(1 - next_alpha - sigma**2, 0.0) / (1 - alpha))
        of_clean = math.sqrt(next_alpha) - of_noisy * math.sqrt(alpha)
        sample = torch.add(of_noisy * noisy, clean, alpha=of_clean)
        if sigma == 0:
            return sample
        if noise is None:
            raise ValueError(f"DDIM with eta {eta} adds noise on the way to step {next_step}; noise is None")
        return sample.add_(noise, alpha=sigma)


def ddim_times(steps: int, sampling_steps: int) -> list[tuple[int, int]]:
    """Steps that the sampler visits, spread evenly over the schedule.

    Args:
        steps: number of diffusion steps S.
        sampling_steps: how often the network runs, in [1, S].

    Returns:
        `sampling_steps` pairs (step, next step), from S - 1 down; the last one ends at `CLEAN`.

    Raises:
        ValueError: `sampling_steps` is outside [1, S].
    """
    if not 1 <= sampling_steps <= steps:
        raise ValueError(
            f"sampling_steps is {sampling_steps}; it must be from 1 to {steps}, the diffusion steps"
        )
    times = np.linspace(CLEAN, steps - 1, sampling_steps + 1).astype(int)[::-1].tolist()
    return list(pairwise(times))
