"""The videos of a training list: which of them train, and each as features, labels and boundaries."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from actfusion_stream.errors import StreamError
from actfusion_stream.models.losses import soft_boundary

from ..data.features import Features
from ..data.labelled import LabelledVideo
from .settings import HELD_OUT, SUBJECT, VIDEO

_SUBJECTS = (  # how the names of these datasets' videos begin; the group tells who is seen
    r"rgb-(\d+)-\d+$",  # 50 Salads
    r"(P\d+)_[^_]+_P\d+_",  # Breakfast
    r"(S\d+)_[^_]+_C\d+$",  # GTEA
)


@dataclass(frozen=True)
class Example:
    """A training video at full frame rate.

    Attributes:
        features: (C, T or more), not read yet.
        labels: (T,) class of each frame.
        boundary: (T,) soft boundary of each frame.
    """

    features: Features
    labels: np.ndarray
    boundary: np.ndarray

    @classmethod
    def of(cls, video: LabelledVideo, boundary_sigma: float) -> Example:
        """Soften the boundaries of a video by a Gaussian of so many frames."""
        return cls(video.features, video.labels, soft_boundary(video.labels, boundary_sigma))


def hold_out(videos: list[str], share: float, seed: int, by: str = VIDEO) -> tuple[list[str], list[str]]:
    """Split a training list into videos that train and videos that choose the best epoch.

    Several videos may show one performance, or one person, whose ways a model learns by heart: held out one
    by one, they flatter it.

    Args:
        videos: names.
        share: to hold out; at least one, unless it is 0.
        seed: of the choice.
        by: what it is a share of: "video"; "subject", as the names of 50 Salads, Breakfast and GTEA tell
            them; or a regular expression with groups, which matches the start of each name: videos in whose
            names the groups match alike are held out together.

    Returns:
        Videos to train on, and videos held out, each in the order of the list.

    Raises:
        StreamError: nothing would be left to train on, or a name does not tell what is asked of it.
    """
    if share == 0:
        return list(videos), []
    keys = _keys(videos, by)
    groups = list(dict.fromkeys(keys))
    count = max(1, round(share * len(groups)))
    if count >= len(groups):
        what = by if by in (VIDEO, SUBJECT) else "group"
        raise StreamError(
            f"held out {share:g} of {len(groups)} training {what}s: none is left to train on; hold out less"
        )
    order = np.random.default_rng([seed, HELD_OUT]).permutation(len(groups))
    chosen = {groups[i] for i in order[:count]}
    return (
        [name for name, key in zip(videos, keys, strict=True) if key not in chosen],
        [name for name, key in zip(videos, keys, strict=True) if key in chosen],
    )


def _keys(videos: list[str], by: str) -> list[tuple[str | None, ...]]:
    """What is alike for videos that are held out together."""
    if by == VIDEO:
        return [(name,) for name in videos]
    patterns = _SUBJECTS if by == SUBJECT else (by,)
    keys: list[tuple[str | None, ...]] = []
    for name in videos:
        found = next((match for pattern in patterns if (match := re.match(pattern, name))), None)
        if found is None:
            told = "does not tell who is seen" if by == SUBJECT else "does not begin so"
            raise StreamError(
                f"held out by {by}: the name of {name} {told}; give a regular expression with a group, "
                r"such as 'rgb-(\d+)-' for rgb-01-2"
            )
        keys.append(found.groups())
    return keys
