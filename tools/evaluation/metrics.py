"""Scores of action segmentation and of anticipation, as the field reports them.

Segmentation (TAS): frame accuracy, segmental edit score and F1 at IoU thresholds, from Lea et al., "Temporal
Convolutional Networks for Action Segmentation and Detection" (CVPR 2017), with the conventions of the MS-TCN
evaluation that published numbers come from. Anticipation (LTA): mean over classes (MoC) from Abu Farha et
al., "When will you do what?" (CVPR 2018), truncating frame indices as the released ActFusion does.

Labels are arrays of one label a frame, integers or strings alike. Every score is a percentage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from actfusion_stream.engine.timeline import label_runs

F1_THRESHOLDS = (0.1, 0.25, 0.5)


class LabelSegments(NamedTuple):
    """The segments of a label sequence, background left out: label, first frame, end frame."""

    labels: list[Hashable]  # S
    starts: np.ndarray  # (S,) int
    ends: np.ndarray  # (S,) int


def split_segments(labels: np.ndarray, background: Collection[Hashable] = ()) -> LabelSegments:
    """Cut a label sequence where the label changes.

    Args:
        labels: (T,) int or str, one label a frame.
        background: labels whose segments are left out.

    Returns:
        S segments. A segment ends where the next one starts; the last one ends at T - 1, not T, because the
        evaluation that all published numbers come from does so.
    """
    starts, ends = label_runs(labels)  # (S,) each
    ends = np.minimum(ends, len(labels) - 1)
    names = labels[starts].tolist()
    kept = [i for i, name in enumerate(names) if name not in background]
    return LabelSegments([names[i] for i in kept], starts[kept], ends[kept])


def accuracy(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Share of frames with the right label, in percent.

    Args:
        prediction: (T,) int or str.
        truth: (T,) of the same kind.
    """
    return 100.0 * float(np.mean(prediction == truth))


def edit_score(predicted: Sequence[Hashable], true: Sequence[Hashable]) -> float:
    """How alike two orders of actions are, whatever their timing, in percent.

    Args:
        predicted: labels of the predicted segments, in order.
        true: labels of the true segments, in order.

    Returns:
        100 * (1 - Levenshtein distance / the longer length); 100 where both are empty.
    """
    row = list(range(len(true) + 1))  # distances of what was read of `predicted` to each prefix of `true`
    for i, label in enumerate(predicted, start=1):
        above, row = row, [i]
        for j, other in enumerate(true, start=1):
            row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (label != other)))
    return 100.0 * (1.0 - row[-1] / max(len(predicted), len(true), 1))


def match_segments(predicted: LabelSegments, true: LabelSegments, threshold: float) -> tuple[int, int, int]:
    """Count the predicted segments that hit a true one.

    In order of time, a predicted segment takes the true segment of its label that it overlaps best. It is a
    true positive if their intersection over union reaches the threshold and no earlier segment had hit it.

    Args:
        predicted: P segments.
        true: S segments.
        threshold: the smallest IoU that counts, in [0, 1].

    Returns:
        True positives, false positives, false negatives.
    """
    hit = np.zeros(len(true.labels), bool)  # (S,)
    for label, start, end in zip(*predicted, strict=True):
        same = np.array([label == other for other in true.labels], bool)  # (S,)
        if not same.any():
            continue
        intersection = np.minimum(end, true.ends) - np.maximum(start, true.starts)  # (S,) below 0 if apart
        union = np.maximum(end, true.ends) - np.minimum(start, true.starts)  # (S,) 0 for a lone last frame
        iou = np.where(same, intersection / np.maximum(union, 1), -np.inf)
        best = int(iou.argmax())
        if iou[best] >= threshold:
            hit[best] = True  # once: a second segment on it stays a false positive
    hits = int(hit.sum())
    return hits, len(predicted.labels) - hits, len(true.labels) - hits


def f1_scores(counts: np.ndarray) -> np.ndarray:
    """F1 from pooled counts, in percent.

    Args:
        counts: (..., 3) int, true positives, false positives, false negatives.

    Returns:
        (...) float: 2 TP / (2 TP + FP + FN); 100 where there was nothing to find and nothing was found.
    """
    doubled = 2 * counts[..., 0]
    return np.where(
        counts.any(-1), 100.0 * doubled / np.maximum(doubled + counts[..., 1] + counts[..., 2], 1), 100.0
    )


class SegmentationScore:
    """Segmentation scores of a set of videos, added one by one.

    Frames (accuracy) and hits (F1) are pooled over the videos, the edit score is their mean.

    Args:
        background: labels left out of edit and F1 (accuracy counts every frame).

    Example:
        >>> score = SegmentationScore()
        >>> score.add(np.array(["cut", "cut", "mix", "mix"]), np.array(["cut", "mix", "mix", "mix"]))
        >>> score.result()["acc"]
        75.0
    """

    def __init__(self, background: Collection[Hashable] = ("background",)) -> None:
        self.background = background
        self._right = 0
        self._frames = 0
        self._edits: list[float] = []
        self._counts = np.zeros((len(F1_THRESHOLDS), 3), int)

    def add(self, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Add one video.

        Args:
            prediction: (T,) int or str.
            truth: (T,) of the same kind.

        Raises:
            ValueError: the two differ in length, or are empty.
        """
        _check_pair(prediction, truth)
        self._right += int(np.sum(prediction == truth))
        self._frames += len(truth)
        predicted, true = split_segments(prediction, self.background), split_segments(truth, self.background)
        self._edits.append(edit_score(predicted.labels, true.labels))
        self._counts += [match_segments(predicted, true, threshold) for threshold in F1_THRESHOLDS]

    def result(self) -> dict[str, float]:
        """The scores so far, in percent: `acc`, `edit`, `f1_10`, `f1_25`, `f1_50`.

        Raises:
            ValueError: no video was added.
        """
        if not self._edits:
            raise ValueError("no video was added: there is nothing to score")
        f1 = f1_scores(self._counts)
        return {
            "acc": 100.0 * self._right / self._frames,
            "edit": float(np.mean(self._edits)),
            **{f"f1_{round(100 * t)}": float(value) for t, value in zip(F1_THRESHOLDS, f1, strict=True)},
        }


class AnticipationScore:
    """Mean over classes (MoC) of the frames that follow what was observed, for a table of ratios.

    The cell (alpha, beta) scores frames int(alpha * T) to int((alpha + beta) * T) of each video. Right frames
    and frames are counted per class over the whole set; the cell is the mean over the classes that occur.

    Args:
        alphas: observed shares of the video's length.
        betas: anticipated shares of the video's length.
    """

    def __init__(
        self, alphas: Sequence[float] = (0.2, 0.3), betas: Sequence[float] = (0.1, 0.2, 0.3, 0.5)
    ) -> None:
        self._right: dict[tuple[float, float], Counter[Hashable]] = {
            (alpha, beta): Counter() for alpha in alphas for beta in betas
        }
        self._frames: dict[tuple[float, float], Counter[Hashable]] = {cell: Counter() for cell in self._right}

    def add(self, prediction: np.ndarray, truth: np.ndarray, alpha: float | None = None) -> None:
        """Add one video, or one video as seen after one observed share.

        Args:
            prediction: (T,) int or str, the labels of the whole video; what lies before a cell is not read.
            truth: (T,) of the same kind.
            alpha: the observed share this prediction was made from; None where one prediction serves all.

        Raises:
            ValueError: the two differ in length or are empty, or no cell has this alpha.
        """
        _check_pair(prediction, truth)
        cells = [cell for cell in self._right if alpha is None or cell[0] == alpha]
        if not cells:
            raise ValueError(f"no cell observes {alpha}: the table has {sorted({a for a, _ in self._right})}")
        for observed, anticipated in cells:
            window = slice(int(observed * len(truth)), int((observed + anticipated) * len(truth)))
            true = truth[window]
            self._frames[observed, anticipated].update(true.tolist())
            self._right[observed, anticipated].update(true[prediction[window] == true].tolist())

    def result(self) -> dict[str, float]:
        """MoC of each cell in percent, as `moc_obs0.2_pred0.1`.

        Raises:
            ValueError: a cell has no frames, because no video was added or all are too short.
        """
        scores = {}
        for (observed, anticipated), frames in self._frames.items():
            name = f"moc_obs{observed}_pred{anticipated}"
            if not frames:
                raise ValueError(f"{name} has no frames: no video was added, or each is too short for it")
            right = self._right[observed, anticipated]
            scores[name] = 100.0 * float(np.mean([right[label] / n for label, n in frames.items()]))
        return scores


def _check_pair(prediction: np.ndarray, truth: np.ndarray) -> None:
    if prediction.shape != truth.shape or truth.ndim != 1 or len(truth) == 0:
        raise ValueError(
            f"prediction of shape {prediction.shape} and truth of shape {truth.shape}: "
            "expected one label a frame in each, and the same number of frames"
        )
