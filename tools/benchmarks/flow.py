"""What optical flow costs, on pairs of frames of the drawn kitchen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np

from actfusion_stream.extractors.flow import open_flow
from actfusion_stream.kitchen.drawing import Kitchen

from .rows import Row, Setting, in_turns

_TARGET = 3.0  # times OpenCV's pairs a second
_APART = 1 / 30  # seconds, from the earlier frame of a pair to the later


def drawn_pairs(count: int, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Earlier and later frames (N, H, W, 3) uint8 RGB, the pairs two seconds apart."""
    kitchen = Kitchen(seed=1, size=(width, height))
    before, after = (
        np.stack([kitchen.frame(5 + 2 * i + later) for i in range(count)]) for later in (0, _APART)
    )
    return before, after


def flow_rows(setting: Setting) -> Iterator[Row]:
    """TV-L1 against OpenCV's, and DIS beside it: the methods that need no weights.

    OpenCV's TV-L1 is in opencv-contrib-python alone, which `.ci/run` installs aside: where PYTHONPATH does
    not name that folder, there is nothing to compare with.
    """
    for width, height in [(64, 48)] if setting.small else [(340, 256), (1280, 720)]:
        pairs = drawn_pairs(2 if setting.small else 4, width, height)
        work = f"at {width} x {height}, {len(pairs[0])} pairs"
        ways: dict[str, Callable[[], np.ndarray]] = {
            "ours": partial(open_flow("tvl1", setting.device), *pairs),
            "dis": partial(open_flow("dis"), *pairs),
        }
        plain, note = "", "OpenCV's was not at hand"
        if hasattr(cv2, "optflow"):
            ways["opencv"] = partial(opencv_tvl1, *pairs)
            off = np.linalg.norm(ways["ours"]() - ways["opencv"](), axis=1)
            plain = "OpenCV's, on all threads"
            note = f"{off.mean():.2g} pixels apart on average, {np.median(off):.2g} in the median"
        took = in_turns(ways, setting)
        target = _TARGET if plain else None
        yield Row(f"TV-L1 flow {work}", plain, took.get("opencv"), took["ours"], target, note)
        yield Row(f"DIS flow {work}", "", None, took["dis"])


def opencv_tvl1(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(N, 2, H, W) of pictures (N, H, W, 3) uint8 RGB, with the defaults."""
    algorithm = cv2.optflow.createOptFlow_DualTVL1()  # type: ignore[attr-defined]
    greys = ([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in some] for some in (before, after))
    flows = [algorithm.calc(*pair, None).transpose(2, 0, 1) for pair in zip(*greys, strict=True)]
    return np.stack(flows)
