"""What training hides from the encoder: five masks, one drawn per video.

Anticipative and random masks are ActFusion's (Sec. 4.3), boundary and relation masks DiffAct's. Every mask is
a boolean per feature step, True where the step stays visible: visible steps stay where they are, and the mask
token stands in for the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["none", "anticipative", "random", "boundary", "relation"]
Visible = NDArray[np.bool_]


@dataclass(frozen=True)
class MaskConfig:
    """Which masks a preset draws from; the defaults are those of the 50 Salads release.

    Attributes:
        kinds: drawn from uniformly, so a kind that is named twice is drawn twice as often.
        observed_ratios: what the anticipative mask leaves visible, as shares of the length.
        patch_size: steps in a patch of the random mask.
        patches: smallest and largest number of patches that the random mask hides.
        boundary_threshold: the boundary mask hides steps whose soft boundary reaches this.
        relation_classes: the relation mask hides up to this many of the classes present.
    """

    kinds: tuple[Kind, ...] = ("none", "anticipative", "random", "boundary", "relation", "relation")
    observed_ratios: tuple[float, ...] = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    patch_size: int = 10
    patches: tuple[int, int] = (5, 10)
    boundary_threshold: float = 0.5
    relation_classes: int = 2


def draw_mask(
    labels: NDArray[np.integer], boundary: NDArray[np.floating], config: MaskConfig, rng: np.random.Generator
) -> Visible:
    """Draw one of the configured masks for one video.

    Args:
        labels: (T,) int, class of each feature step.
        boundary: (T,) float in [0, 1], soft boundary of each feature step.
        config: what to draw from.
        rng: source of all randomness.

    Returns:
        (T,) bool, True where visible.

    Raises:
        ValueError: `config.kinds` names an unknown kind.
    """
    length = len(labels)
    kind = config.kinds[rng.integers(len(config.kinds))]
    if kind == "none":
        return np.ones(length, dtype=bool)
    if kind == "anticipative":
        return anticipative_mask(length, float(rng.choice(config.observed_ratios)))
    if kind == "random":
        fewest, most = config.patches
        return random_mask(length, int(rng.integers(fewest, most + 1)), config.patch_size, rng)
    if kind == "boundary":
        return boundary_mask(boundary, config.boundary_threshold)
    if kind == "relation":
        return relation_mask(labels, config.relation_classes, rng)
    raise ValueError(
        f"mask kind {kind!r} is unknown; choose none, anticipative, random, boundary or relation"
    )


def anticipative_mask(length: int, observed_ratio: float) -> Visible:
    """Hide everything after the first `int(observed_ratio * length)` steps, at least one: the future.

    Source: ActFusion, Sec. 4.3.
    """
    return np.arange(length) < max(1, int(observed_ratio * length))


def random_mask(length: int, patches: int, patch_size: int, rng: np.random.Generator) -> Visible:
    """Cut the video into patches of `patch_size` steps, the last maybe shorter, and hide `patches` of them.

    Source: ActFusion, Sec. 4.3.
    """
    available = -(-length // patch_size)
    hidden = rng.choice(available, size=min(patches, available), replace=False)
    return ~np.isin(np.arange(length) // patch_size, hidden)


def boundary_mask(boundary: NDArray[np.floating], threshold: float) -> Visible:
    """Hide the steps whose soft boundary is at least `threshold`.

    Source: ActFusion, Sec. C, after DiffAct.
    """
    return boundary < threshold


def relation_mask(labels: NDArray[np.integer], classes: int, rng: np.random.Generator) -> Visible:
    """Hide every step of up to `classes` classes: so many are drawn from those present, with replacement.

    Source: ActFusion, Sec. C, after DiffAct; the drawing is that of the authors' release.
    """
    return ~np.isin(labels, rng.choice(np.unique(labels), size=classes))
