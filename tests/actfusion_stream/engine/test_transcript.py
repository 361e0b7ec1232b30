"""What settles stays, and segments are those of the labels, however they came."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Gap, Segment, segments_from_labels
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


def spans(segments: tuple[Segment, ...]) -> list[tuple[str, float, float]]:
    return [(segment.label, segment.start, segment.end) for segment in segments]


def test_no_segment_covers_a_gap() -> None:
    transcript = Transcript(NAMES, CLOCK)
    transcript.leave_out(Gap(2.0, 5.0, "the cable"))
    sure = np.array([0.1, 0.2, 0.3, 1.0, 1.0, 0.6, 0.7, 0.8], np.float32)
    transcript.update(0, np.array([0, 0, 0, 1, 1, 0, 0, 2]), sure)
    found = transcript.segments(8.0, end=8.0)
    assert spans(found) == [("a", 0.0, 2.0), ("a", 5.0, 6.5), ("c", 6.5, 8.0)]
    assert [s.confidence for s in found] == pytest.approx([0.2, 0.65, 0.8])


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        (Gap(1.2, 1.4, ""), [("a", 0.0, 1.2), ("a", 1.4, 4.0)]),  # between two features
        (Gap(0.0, 2.0, ""), [("a", 2.0, 4.0)]),  # behind the first frame
        (Gap(1.5, 2.5, ""), [("a", 0.0, 1.5), ("a", 2.5, 4.0)]),  # from edge to edge
        (Gap(1.5 + 1e-12, 2.5 - 1e-12, ""), [("a", 0.0, 1.5), ("a", 2.5, 4.0)]),  # but for rounding
    ],
)
def test_a_gap_may_lie_anywhere(gap: Gap, expected: list[tuple[str, float, float]]) -> None:
    transcript = Transcript(NAMES, CLOCK)
    transcript.leave_out(gap)
    transcript.update(0, np.zeros(4, np.int64), np.ones(4, np.float32))
    found = spans(transcript.segments(4.0, end=4.0))
    assert [label for label, _, _ in found] == [label for label, _, _ in expected]
    np.testing.assert_allclose([at for _, *at in found], [at for _, *at in expected], atol=1e-9)
    assert all(end - start > 1e-6 for _, start, end in found)


@pytest.mark.parametrize("seed", range(20))
def test_a_gap_that_settles_is_where_it_was(seed: int) -> None:
    """However much is open, segments are those of all labels at once, cut by the gaps."""
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.uniform(0, 40, 8)).reshape(4, 2)
    gaps = [Gap(float(start), float(end), "") for start, end in edges]
    labels = rng.integers(2, size=40)
    sure = rng.random(40).astype(np.float32)
    transcript, told = Transcript(NAMES, CLOCK), 0
    for end in range(1, 41):
        while told < 4 and gaps[told].start < end - 2:
            transcript.leave_out(gaps[told])
            told += 1
        first = max(0, end - 5)
        transcript.update(first, labels[first:end], sure[first:end])
    found = transcript.segments(40.0, end=40.0)
    inside = [max(0.0, i - 0.5) for i in range(40)]
    expected = segments_from_labels(labels, sure, np.array([*inside, 40.0]), NAMES, gaps)
    assert spans(found) == spans(expected)
    np.testing.assert_allclose([s.confidence for s in found], [s.confidence for s in expected], rtol=1e-5)
    covered = sum(segment.duration for segment in found) + sum(gap.end - gap.start for gap in gaps)
    assert covered == pytest.approx(40.0)
