"""The model at a tick: observed features and a masked future in, labels with confidence out.

The future is drawn several times, as samples of one distribution. Noise belongs to the time step, not to the
tick: it is drawn by sample, diffusion step and absolute feature index, so the same past is denoised from the
same noise at every tick, and its labels do not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from torch import Tensor

from actfusion_stream.engine.futures import medoid
from actfusion_stream.models.actfusion import ActFusion
from actfusion_stream.models.precision import full_float32

_MARGIN = 0.3  # of probability; chosen on validation kitchens: less flicker, and as right in hindsight
_NOISE_BLOCK = 64  # feature indices per seeded draw: one generator a feature would cost more than the model


class NotFinite(ArithmeticError):
    """Weights that overflow have made a number that is none, or infinite.

    Attributes:
        in_features: what the extractor made, else what the model makes of it.
        index: absolute, of the first feature step that has such a number.
    """

    def __init__(self, in_features: bool, index: int) -> None:
        super().__init__(f"{'feature' if in_features else 'probability'} {index}")
        self.in_features, self.index = in_features, index


@dataclass(frozen=True)
class Prediction:
    """Labels of consecutive feature steps, N = N_O observed and N_A to come.

    Attributes:
        labels: (N,) int64; of what is to come, those of the likeliest sample.
        confidences: (N,) float32, probability of that label, the mean over the samples.
        samples: (S, N_A) int64, what is to come as each sample has it.
        likeliest: which of them `labels` has.
        future: (K, N_A) float32, probability of every class, the mean over the samples.
    """

    labels: NDArray[np.int64]
    confidences: NDArray[np.float32]
    samples: NDArray[np.int64]
    likeliest: int
    future: NDArray[np.float32]


class KeyedNoise:
    """Standard normal noise that depends on nothing but seed, sample, diffusion step and feature index.

    Args:
        num_classes: K.
        steps: diffusion steps that draw noise.
        samples: S; how many there are changes nothing in any of them.
        seed: of all of it.
    """

    def __init__(self, num_classes: int, steps: int, samples: int = 1, seed: int = 0) -> None:
        self.num_classes, self.steps, self.samples, self.seed = num_classes, steps, samples, seed
        self._blocks: dict[int, NDArray[np.float32]] = {}  # each (steps, S, K, _NOISE_BLOCK)

    def __call__(self, first: int, count: int) -> NDArray[np.float32]:
        """(steps, S, K, count) float32 for the features from absolute index `first` on."""
        blocks = range(first // _NOISE_BLOCK, (first + count - 1) // _NOISE_BLOCK + 1)
        noise = np.concatenate([self._block(block) for block in blocks], axis=3)
        offset = first - blocks[0] * _NOISE_BLOCK
        return noise[..., offset : offset + count]

    def forget_before(self, first: int) -> None:
        """Drop what no feature from `first` on needs; it would come out the same if drawn again."""
        oldest = first // _NOISE_BLOCK
        self._blocks = {block: noise for block, noise in self._blocks.items() if block >= oldest}

    def _block(self, block: int) -> NDArray[np.float32]:
        if block not in self._blocks:
            shape = (self.steps, self.samples, self.num_classes, _NOISE_BLOCK)
            noise = np.empty(shape, np.float32)
            for step, sample in np.ndindex(shape[:2]):
                key = [self.seed, step, block, sample]
                np.random.default_rng(key).standard_normal(dtype=np.float32, out=noise[step, sample])
            self._blocks[block] = noise
        return self._blocks[block]


class Predictor:
    """ActFusion on a growing prefix. It keeps the noise of one stream; the model may serve several.

    Args:
        model: in eval mode.
        median: steps of the median filter over each class's probabilities.
        samples: how many futures S to draw.
        calm: let what is said of the past change for a reason only: there encoder and decoder are read
            together, and a label gives way to one that is clearly more probable. False for the published way,
            the decoder's answer of each tick by itself.
        seed: of the noise.
    """

    def __init__(
        self, model: ActFusion, median: int = 1, samples: int = 1, calm: bool = False, seed: int = 0
    ) -> None:
        self.model, self.median, self.calm = model, median, calm
        self._said: tuple[int, NDArray[np.int64]] = (0, np.zeros(0, np.int64))  # first index, labels
        config = model.config
        steps = config.sampling_steps if config.eta > 0 else 1
        self._noise = KeyedNoise(config.num_classes, steps, samples, seed)
        self._device = model.mask_token.device

    def __call__(
        self,
        observed: Tensor | NDArray[np.float32],
        first: int,
        future: int,
        seen: NDArray[np.bool_] | None = None,
    ) -> Prediction:
        """Segment what was observed and anticipate what follows.

        Args:
            observed: (C, N_O) float32, at least one step.
            first: absolute index of the first observed feature.
            future: steps N_A to anticipate.
            seen: (N_O,) bool, False for steps of which nothing was seen; None where all were.

        Returns:
            A prediction of N_O + N_A steps.

        Raises:
            NotFinite: a feature or a probability is no number, or infinite.
        """
        channels, count = observed.shape
        features = torch.zeros(1, channels, count + future, device=self._device)  # (1, C, T)
        features[0, :, :count] = torch.as_tensor(observed)
        visible = torch.arange(count + future, device=self._device)[None] < count  # (1, T)
        if seen is not None and not seen.all():
            visible[0, :count] = torch.from_numpy(seen)
        self._noise.forget_before(first)
        noise = torch.from_numpy(self._noise(first, count + future)).to(self._device)  # (steps, S, K, T)
        samples = noise.shape[1]
        with torch.no_grad(), full_float32(self._device):
            encoded = self.model.encode(features, visible)
        probabilities = self.model.sample(
            features, visible, noise, samples=samples, encoded=encoded
        )  # (S, K, T)
        if self.calm:
            read = visible if self.model.config.mask_at == "decoder" else visible | True
            probabilities = torch.where(
                (torch.arange(count + future, device=self._device) < count) & read,
                (probabilities + encoded[0].softmax(dim=1)) / 2,
                probabilities,
            )
        # A probability may be finite though a feature is not. One transfer for both, as each one waits.
        sound = features[0].isfinite().all(dim=0).to(probabilities)  # (T,)
        found = torch.cat([probabilities.flatten(0, 1), sound[None]]).cpu().numpy()  # (S K + 1, T)
        if not np.isfinite(found).all() or not found[-1].all():
            features_fail = not found[-1].all()
            fails = found[-1] == 0 if features_fail else ~np.isfinite(found).all(axis=0)
            raise NotFinite(features_fail, first + int(fails.argmax()))
        said = (self._said[0] - first, self._said[1]) if self.calm else None
        prediction = decide(found[:-1].reshape(samples, -1, count + future), self.median, count, said)
        self._said = first, prediction.labels[:count]
        return prediction


def smooth(probabilities: NDArray[np.float32], median: int) -> NDArray[np.float32]:
    """Median-filter each class over time; beyond the ends the sequence is mirrored, its last step included.

    Source: the testing of the authors' release, and of DiffAct before it; alike for a stream and for scoring.

    Args:
        probabilities: (..., K, T) float32.
        median: steps; of an even number, one more lies before a step than after it. 1 for none.

    Returns:
        (..., K, T) float32.
    """
    size = (*[1] * (probabilities.ndim - 1), median)
    return median_filter(probabilities, size, mode="reflect") if median > 1 else probabilities


def decide(
    probabilities: NDArray[np.float32],
    median: int,
    observed: int,
    said: tuple[int, NDArray[np.int64]] | None = None,
) -> Prediction:
    """What several samples, each smoothed, say together.

    The past is what they hold on average: there is one truth, of which each sample errs in places of its own,
    and an average changes less from tick to tick than one draw does. The future is one of the samples, as an
    average of futures that differ is none of them: where actions swap places it would repeat one, or skip it.

    Args:
        probabilities: (S, K, N_O + N_A) float32.
        median: as for `smooth`.
        observed: steps N_O.
        said: (M,) int64, labels of M steps which hold until another is more probable by a margin, and the
            step, maybe negative, of the first of them. None for the most probable labels.
    """
    smoothed = smooth(probabilities, median)
    mean = smoothed.mean(axis=0)  # (K, N)
    samples = smoothed[:, :, observed:].argmax(axis=1)  # (S, N_A)
    likeliest = medoid(samples)
    past = mean[:, :observed].argmax(axis=0)
    if said is not None:
        past = hold(mean[:, :observed], past, *said)
    labels = np.concatenate([past, samples[likeliest]])
    confidences = np.take_along_axis(mean, labels[None], axis=0)[0]
    return Prediction(labels, confidences, samples, likeliest, mean[:, observed:])


def hold(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], start: int, said: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Labels that change only for a reason: to one that is more probable than what was said by `_MARGIN`.

    Args:
        probabilities: (K, N) float32.
        labels: (N,) int64, the most probable ones.
        start: step of the first of `said`, maybe negative.
        said: (M,) int64, what was said before.

    Returns:
        (N,) int64.
    """
    first, end = max(start, 0), min(start + len(said), len(labels))
    if first >= end:
        return labels
    before = said[first - start : end - start]
    steps = np.arange(first, end)
    gain = probabilities[labels[first:end], steps] - probabilities[before, steps]
    return np.concatenate([labels[:first], np.where(gain < _MARGIN, before, labels[first:end]), labels[end:]])
