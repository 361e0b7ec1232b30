"""Being told that nothing was seen serves the bundled model better than ten seconds of the last picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from actfusion_stream import Engine, Frame, Segment
from actfusion_stream.kitchen.cli import write_video
from actfusion_stream.kitchen.drawing import Kitchen
from actfusion_stream.kitchen.script import label_at, write_script
from actfusion_stream.sources.source import open_source

SECONDS, AWAY, AROUND = 60.0, 10.0, 5.0


def said_at(segments: tuple[Segment, ...], time: float) -> str | None:
    return next((s.label for s in segments if s.start <= time < s.end), None)


def accuracies(
    engine: Engine, frames: list[Frame], seed: int, leaves: float, gap: str
) -> tuple[float, float]:
    """Without ten seconds of a kitchen: of the final segmentation around them, of what was said after."""
    script, back = write_script(seed, SECONDS), leaves + AWAY
    session, before, after = engine.session(tick=0.5), 0.0, []
    for frame in frames:
        if not leaves <= frame.time < back:
            tick = session.push(frame.image, frame.time, gap=gap if before < leaves <= frame.time else "")
            before = frame.time
            if tick is not None and back + 1 <= tick.seen_until < back + AROUND:
                after.append(tick.current.label == label_at(script, tick.observed_until - 0.1))
    segments = session.finish()
    near = [*np.arange(leaves - AROUND, leaves - 0.05, 0.1), *np.arange(back + 0.05, back + AROUND, 0.1)]
    around = [said_at(segments, time) == label_at(script, time) for time in near]
    return 100 * float(np.mean(around)), 100 * float(np.mean(after))


@pytest.mark.slow
def test_masking_does_not_hurt(tmp_path: Path) -> None:
    engine = Engine.load(device="cpu")
    found: dict[str, list[tuple[float, float]]] = {"": [], "the cable": []}
    for seed in (10007, 10008):
        write_video(Kitchen(seed, SECONDS), tmp_path / f"{seed}.mp4", Fraction(15))
        with open_source(tmp_path / f"{seed}.mp4") as source:
            frames = list(source)
        for gap, results in found.items():
            results += [accuracies(engine, frames, seed, leaves, gap) for leaves in (18.0, 36.0)]
    (filled, filled_after), (masked, masked_after) = (np.mean(results, axis=0) for results in found.values())
    assert masked >= filled - 1
    assert masked_after >= filled_after + 10
