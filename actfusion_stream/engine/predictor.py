"""The model at a tick: observed features and a masked future in, labels with confidence out.

Noise belongs to the time step, not to the tick: it is drawn by absolute feature index and diffusion step, so
the same past is denoised from the same noise at every tick, and its labels do not flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from torch import Tensor

from actfusion_stream.models.actfusion import ActFusion

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
    """Labels of consecutive feature steps.

    Attributes:
        labels: (N,) int64.
        confidences: (N,) float32, probability of that label.
    """

    labels: NDArray[np.int64]
    confidences: NDArray[np.float32]


class KeyedNoise:
    """Standard normal noise that depends on nothing but seed, diffusion step and absolute feature index.

    Args:
        num_classes: K.
        steps: diffusion steps that draw noise.
        seed: of all of it.
    """

    def __init__(self, num_classes: int, steps: int, seed: int = 0) -> None:
        self.num_classes, self.steps, self.seed = num_classes, steps, seed
        self._blocks: dict[int, NDArray[np.float32]] = {}  # each (steps, K, _NOISE_BLOCK)

    def __call__(self, first: int, count: int) -> NDArray[np.float32]:
        """(steps, K, count) float32 for the features from `first` on."""
        blocks = range(first // _NOISE_BLOCK, (first + count - 1) // _NOISE_BLOCK + 1)
        noise = np.concatenate([self._block(block) for block in blocks], axis=2)
        offset = first - blocks[0] * _NOISE_BLOCK
        return noise[:, :, offset : offset + count]

    def forget_before(self, first: int) -> None:
        """Drop what no feature from `first` on needs; it would come out the same if drawn again."""
        oldest = first // _NOISE_BLOCK
        self._blocks = {block: noise for block, noise in self._blocks.items() if block >= oldest}

    def _block(self, block: int) -> NDArray[np.float32]:
        if block not in self._blocks:
            shape = (self.num_classes, _NOISE_BLOCK)
            generators = (np.random.default_rng([self.seed, step, block]) for step in range(self.steps))
            self._blocks[block] = np.stack([rng.standard_normal(shape, np.float32) for rng in generators])
        return self._blocks[block]


class Predictor:
    """ActFusion on a growing prefix. It keeps the noise of one stream; the model may serve several.

    Args:
        model: in eval mode.
        median: steps of the median filter over each class's probabilities.
    """

    def __init__(self, model: ActFusion, median: int = 1) -> None:
        self.model, self.median = model, median
        config = model.config
        self._noise = KeyedNoise(config.num_classes, config.sampling_steps if config.eta > 0 else 1)
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
        noise = torch.from_numpy(self._noise(first, count + future)).to(self._device)  # (S, K, T)
        probabilities = self.model.sample(features, visible, noise[:, None])[0]  # (K, T)
        # A probability may be finite though a feature is not. One transfer for both, as each one waits.
        sound = features[0].isfinite().all(dim=0).to(probabilities)  # (T,)
        found = torch.cat([probabilities, sound[None]]).cpu().numpy()  # (K + 1, T)
        if not np.isfinite(found).all() or not found[-1].all():
            features_fail = not found[-1].all()
            fails = found[-1] == 0 if features_fail else ~np.isfinite(found).all(axis=0)
            raise NotFinite(features_fail, first + int(fails.argmax()))
        return decide(found[:-1], self.median)


def smooth(probabilities: NDArray[np.float32], median: int) -> NDArray[np.float32]:
    """Median-filter each class over time; beyond the ends the sequence is mirrored, its last step included.

    Source: the testing of the authors' release, and of DiffAct before it; alike for a stream and for scoring.

    Args:
        probabilities: (K, T) float32.
        median: steps; of an even number, one more lies before a step than after it. 1 for none.

    Returns:
        (K, T) float32.
    """
    return median_filter(probabilities, (1, median), mode="reflect") if median > 1 else probabilities


def decide(probabilities: NDArray[np.float32], median: int) -> Prediction:
    """Smooth the probabilities and take the most probable class.

    Args:
        probabilities: (K, T) float32.
        median: as for `smooth`.
    """
    smoothed = smooth(probabilities, median)
    labels = smoothed.argmax(axis=0)
    return Prediction(labels, np.take_along_axis(smoothed, labels[None], axis=0)[0])
