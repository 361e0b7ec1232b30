"""The schedule's tables and the sampler's steps, by literal numbers and by the formulas."""

from __future__ import annotations

import math

import pytest
import torch

from actfusion_stream.models.diffusion import CLEAN, CosineSchedule, ddim_times


def test_twenty_five_of_a_thousand_steps() -> None:
    times = ddim_times(1000, 25)
    assert [step for step, _ in times] == [
        *(999, 959, 919, 879, 839, 799, 759, 719, 679, 639, 599, 559, 519),
        *(479, 439, 399, 359, 319, 279, 239, 199, 159, 119, 79, 39),
    ]
    assert [following for _, following in times[:-1]] == [step for step, _ in times[1:]]
    assert times[-1] == (39, CLEAN)


@pytest.mark.parametrize(
    ("steps", "sampling_steps", "times"),
    [
        (1000, 1, [(999, -1)]),
        (1000, 3, [(999, 665), (665, 332), (332, -1)]),
        (4, 4, [(3, 2), (2, 1), (1, 0), (0, -1)]),
    ],
)
def test_times_of_other_lengths(steps: int, sampling_steps: int, times: list[tuple[int, int]]) -> None:
    assert ddim_times(steps, sampling_steps) == times


@pytest.mark.parametrize("sampling_steps", [0, -3, 1001])
def test_impossible_sampling_steps_are_refused(sampling_steps: int) -> None:
    with pytest.raises(ValueError, match=rf"sampling_steps is {sampling_steps}; it must be from 1 to 1000"):
        ddim_times(1000, sampling_steps)


def test_cosine_schedule_follows_the_paper() -> None:
    def curve(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    alphas = CosineSchedule(1000).alphas_cumprod
    assert alphas.shape == (1000,)
    for step in (0, 250, 640, 998):
        assert alphas[step].item() == pytest.approx(curve((step + 1) / 1000) / curve(0), rel=1e-9)
    assert alphas[999].item() == pytest.approx(alphas[998].item() * 0.001, rel=1e-9)  # beta clipped at 0.999


def test_noise_grows_with_the_step() -> None:
    schedule = CosineSchedule(1000)
    clean, noise = torch.ones(3, 2, 4), torch.zeros(3, 2, 4)
    noisy = schedule.add_noise(clean, noise, torch.tensor([0, 499, 999]))
    assert noisy[0].unique().item() == pytest.approx(1, abs=1e-4)
    assert noisy[1].unique().item() == pytest.approx(0.702, abs=1e-3)
    assert noisy[2].unique().item() == pytest.approx(0, abs=1e-4)
    assert torch.allclose(schedule.add_noise(noise, clean, torch.tensor([999] * 3)), clean)


@pytest.mark.parametrize(("step", "next_step"), [(999, 959), (639, 599), (79, 39)])
def test_without_fresh_noise_a_perfect_estimate_stays_on_the_path(step: int, next_step: int) -> None:
    schedule = CosineSchedule(1000)
    clean, noise = torch.randn(2, 3, 5).double(), torch.randn(2, 3, 5).double()
    noisy = schedule.add_noise(clean, noise, torch.tensor([step] * 2))
    earlier = schedule.ddim_step(noisy, clean, step, next_step, eta=0.0, noise=None)
    assert torch.allclose(earlier, schedule.add_noise(clean, noise, torch.tensor([next_step] * 2)), atol=1e-9)


@pytest.mark.parametrize("eta", [0.3, 1.0])
def test_fresh_noise_keeps_the_variance_of_the_schedule(eta: float) -> None:
    schedule = CosineSchedule(1000)
    clean = torch.zeros(200_000, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    noise, fresh = (torch.randn(200_000, generator=generator, dtype=torch.float64) for _ in range(2))
    noisy = math.sqrt(1 - schedule.alphas_cumprod[639]) * noise
    earlier = schedule.ddim_step(noisy, clean, 639, 599, eta, fresh)
    assert earlier.var().item() == pytest.approx(1 - schedule.alphas_cumprod[599].item(), rel=0.01)
    drift = earlier - schedule.ddim_step(noisy, clean, 639, 599, 0.0, None)
    assert drift.std().item() > 0.01 * eta


def test_the_last_step_returns_the_estimate() -> None:
    clean = torch.randn(1, 2, 3)
    assert CosineSchedule(1000).ddim_step(torch.randn(1, 2, 3), clean, 39, CLEAN, 1.0, None) is clean


def test_missing_noise_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"DDIM with eta 1.0 adds noise on the way to step 599; noise is None"
    ):
        CosineSchedule(1000).ddim_step(torch.zeros(1), torch.zeros(1), 639, 599, 1.0, None)
