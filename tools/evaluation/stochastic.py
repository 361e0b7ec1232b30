"""Several futures of each video against the one that came: the stochastic protocol of the field.

*Mean* counts right and all frames of each class over all samples of all videos, then averages the classes:
how good a sample is on average. *Top-1* takes of each video, and of each observed and anticipated share, the
one sample with the highest mean over classes in that video, and pools those: an oracle, which says how well
the samples cover what may come, not which of them to believe. Source: Abu Farha & Gall, "Uncertainty-Aware
Anticipation of Activities" (ICCV workshops 2019); Zatsarynna et al., "Gated Temporal Diffusion for
Stochastic Long-Term Dense Anticipation" (ECCV 2024), who draw 25 samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .metrics import AnticipationScore


class StochasticScore:
    """Scores of several futures a video, for a table of ratios; the cells are those of `AnticipationScore`.

    Args:
        alphas: observed shares of the video's length.
        betas: anticipated shares of the video's length.
    """

    def __init__(self, alphas: Sequence[float], betas: Sequence[float]) -> None:
        self.alphas, self.betas = tuple(alphas), tuple(betas)
        self._mean = AnticipationScore(alphas, betas)
        # A cell chooses its own sample.
        self._best = {(a, b): AnticipationScore((a,), (b,)) for a in alphas for b in betas}

    def add(self, samples: np.ndarray, truth: np.ndarray, alpha: float) -> None:
        """Add one video as seen after one observed share.

        Args:
            samples: (S, T) int or str, each the labels of the whole video; what lies before a cell is not
                read.
            truth: (T,) of the same kind.
            alpha: the observed share they were made from.

        Raises:
            ValueError: there is no sample, one is not as long as the truth, or no cell has this alpha.
        """
        if not len(samples):
            raise ValueError("no sample was given: expected (S, T) labels, one future a row")
        for sample in samples:
            self._mean.add(sample, truth, alpha)
        for beta in self.betas:
            window = slice(int(alpha * len(truth)), int((alpha + beta) * len(truth)))
            shares = [mean_over_classes(sample[window], truth[window]) for sample in samples]
            self._best[alpha, beta].add(samples[int(np.argmax(shares))], truth, alpha)

    def result(self) -> dict[str, dict[str, float]]:
        """Percent, under `mean` and `top1`: of each cell, as `moc_obs0.2_pred0.1`, and their mean `moc_mean`.

        Raises:
            ValueError: a cell has no frames, because no video was added or all are too short.
        """
        best = {name: value for cell in self._best.values() for name, value in cell.result().items()}
        return {
            kind: {**cells, "moc_mean": float(np.mean(list(cells.values())))}
            for kind, cells in (("mean", self._mean.result()), ("top1", best))
        }


def mean_over_classes(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Share of right frames of each class that occurs, averaged, in [0, 1]; 0 of no frames.

    Args:
        prediction: (T,) int or str.
        truth: (T,) of the same kind.
    """
    shares = [np.mean(prediction[truth == label] == label) for label in np.unique(truth)]
    return float(np.mean(shares)) if shares else 0.0
