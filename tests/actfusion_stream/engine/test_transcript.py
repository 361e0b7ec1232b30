"""What settles stays, and segments are those of the labels, however they came."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import segments_from_labels
from actfusion_stream.engine.transcript import Transcript

NAMES = ("a", "b", "c")


CLOCK = FeatureClock(rate=1.0)


@pytest.mark.parametrize("seed", range(20))
def test_segments_are_those_of_all_labels_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    memory = int(rng.integers(1, 12))
    transcript = Transcript(NAMES, CLOCK)
    labels, confidences = np.zeros(0, np.int64), np.zeros(0, np.float32)
    before: tuple[object, ...] = ()
    end = 0
    for _ in range(15):
        first = max(0, end - memory)
        end += int(rng.integers(1, memory + 1))
        said = rng.integers(3, size=end - first) if rng.random() < 0.8 else np.zeros(end - first, np.int64)
        sure = rng.random(end - first).astype(np.float32)
        labels, confidences = np.r_[labels[:first], said], np.r_[confidences[:first], sure]
        transcript.update(first, said, sure)
        edges = np.array([max(0.0, i - 0.5) for i in range(end + 1)]).clip(max=end - 1)
        expected = segments_from_labels(labels, confidences, edges, NAMES)
        found = transcript.segments(end - 1)
        assert [(s.label, s.start, s.end) for s in found] == [(s.label, s.start, s.end) for s in expected]
        np.testing.assert_allclose([s.confidence for s in found], [s.confidence for s in expected], rtol=1e-5)
        assert found[: len(before)] == before
        before = found[: transcript.settled]
        assert len(transcript) == end


def test_nothing_was_said() -> None:
    assert Transcript(NAMES, CLOCK).segments(5.0) == ()


def test_the_last_segment_is_stretched() -> None:
    transcript = Transcript(NAMES, CLOCK)
    transcript.update(0, np.array([0, 1]), np.ones(2, np.float32))
    assert transcript.segments(9.0, end=9.0)[-1].end == 9.0


def test_what_has_settled_cannot_be_said_again() -> None:
    transcript = Transcript(NAMES, CLOCK)
    transcript.update(0, np.array([0, 1, 2]), np.ones(3, np.float32))
    transcript.update(2, np.array([1]), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="features from 1 on, but 2 to 3 are open"):
        transcript.update(1, np.array([1]), np.ones(1, np.float32))
