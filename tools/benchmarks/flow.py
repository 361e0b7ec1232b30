"""What methods of optical flow cost, and how far apart they lie."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path

import numpy as np

from actfusion_stream.extractors.flow import open_flow
from actfusion_stream.sources.source import open_source


def benchmark_flow(video: Path, methods: list[str], pairs: int) -> list[str]:
    """Speed of optical flow methods on a video, and how far they lie apart.

    Args:
        video: of which pairs of successive frames are taken, evenly.
        methods: of `extractors.flow`, of those that need no weights.
        pairs: how many.

    Returns:
        Lines to print.
    """
    with open_source(video) as source:
        pictures = [frame.image for frame in source]
    starts = np.linspace(0, len(pictures) - 2, pairs).astype(int)
    before, after = (np.stack([pictures[i + by] for i in starts]) for by in (0, 1))
    height, width = before.shape[1:3]
    lines, flows = [f"{video.name}, {width} x {height}, {pairs} pairs:"], {}
    for method in methods:
        flow = open_flow(method)
        began = time.perf_counter()
        flows[method] = flow(before, after)
        pace = pairs / (time.perf_counter() - began)
        length = np.hypot(flows[method][:, 0], flows[method][:, 1])
        lines.append(f"  {method}: {pace:.1f} pairs/s, mean motion {length.mean():.2f} pixels")
    for one, other in combinations(methods, 2):
        apart = np.hypot(*(flows[one] - flows[other]).transpose(1, 0, 2, 3))
        lines.append(
            f"  {one} and {other}: {apart.mean():.2f} pixels apart on average, {np.median(apart):.2f} in the "
            "median"
        )
    return lines
