"""Several futures: the one to show, candidates for the next action, the probabilities of each second."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.engine.futures import candidates, futures, medoid
from actfusion_stream.engine.timeline import Candidate

NAMES = ("cut", "pour", "mix")
CUT, POUR, MIX = range(3)


def test_the_medoid_differs_least_from_the_others() -> None:
    # differ in:   3 + 1 + 4 steps,  3 + 2 + 1,  1 + 2 + 3,  4 + 1 + 3
    samples = [[0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]]
    assert medoid(np.array(samples)) == 1
    assert medoid(np.array([samples[i] for i in (0, 3, 2, 1)])) == 2  # of two equals the first


def test_the_medoid_is_no_blend() -> None:
    """Two orders of the same actions: the most frequent label of each step would be a third one."""
    samples = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [0, 1, 2]])
    assert medoid(samples) == 0


@pytest.mark.parametrize("shape", [(1, 5), (3, 0), (1, 0)])
def test_one_future_or_none_has_a_medoid(shape: tuple[int, int]) -> None:
    assert medoid(np.zeros(shape, np.int64)) == 0


def test_candidates_are_shares_of_the_samples() -> None:
    samples = np.array(
        [
            [CUT, POUR, POUR, MIX],
            [CUT, CUT, POUR, POUR],
            [CUT, CUT, CUT, POUR],
            [MIX, MIX, CUT, POUR],
            [CUT, CUT, CUT, CUT],  # nothing else follows: it votes for none
        ]
    )
    edges = 10.0 + 2.0 * np.arange(5)
    pour, mix = candidates(samples, CUT, edges, NAMES)
    assert (pour.label, pour.probability, pour.start) == ("pour", 0.6, 14.0)
    assert (pour.earliest, pour.latest) == pytest.approx((12.4, 15.6))  # of 12, 14 and 16
    assert mix == Candidate("mix", 0.2, 10.0, 10.0, 10.0)  # it starts where the past ends


def test_doubt_takes_its_part_of_every_candidate() -> None:
    samples = np.array([[CUT, POUR], [CUT, POUR], [CUT, MIX], [CUT, CUT]])
    found = candidates(samples, CUT, np.arange(3.0), NAMES, doubt=0.2)
    assert [(one.label, one.probability) for one in found] == [
        ("pour", pytest.approx(0.4)),
        ("mix", pytest.approx(0.2)),
    ]


def test_of_equally_probable_candidates_the_earlier_comes_first() -> None:
    samples = np.array([[CUT, CUT, POUR], [CUT, MIX, MIX]])
    found = candidates(samples, CUT, np.arange(4.0), NAMES)
    assert [(one.label, one.probability, one.start) for one in found] == [("mix", 0.5, 1), ("pour", 0.5, 2)]


@pytest.mark.parametrize(("current", "expected"), [(CUT, [Candidate("mix", 1.0, 2.0, 2.0, 2.0)]), (MIX, [])])
def test_one_future_is_sure(current: int, expected: list[Candidate]) -> None:
    samples = np.array([[current, current, MIX, MIX]])
    assert list(candidates(samples, current, np.arange(5.0), NAMES)) == expected


def test_futures_as_segments_and_by_the_second() -> None:
    samples = np.array([[CUT, CUT, POUR, POUR, MIX], [POUR, POUR, POUR, MIX, MIX]])
    probabilities = np.array(
        [[0.6, 0.5, 0.1, 0.0, 0.1], [0.3, 0.4, 0.9, 0.6, 0.2], [0.1, 0.1, 0.0, 0.4, 0.7]], np.float32
    )
    edges = 7.0 + 0.5 * np.arange(6)
    found = futures(samples, 1, probabilities, edges, NAMES)
    first, second = found.samples
    assert [(s.label, s.start, s.end) for s in first] == [
        ("cut", 7.0, 8.0), ("pour", 8.0, 9.0), ("mix", 9.0, 9.5),
    ]  # fmt: skip
    assert [s.confidence for s in first] == pytest.approx([0.55, 0.75, 0.7])
    assert [s.confidence for s in second] == pytest.approx([1.6 / 3, 0.55])
    assert found.likeliest == 1
    # the middles of seconds within 2.5 s are at 7.5 and 8.5 s
    np.testing.assert_array_equal(found.probabilities, probabilities[:, [1, 3]].T)


def test_less_than_a_second_is_told_as_one() -> None:
    found = futures(
        np.array([[POUR]]), 0, np.array([[0.2], [0.7], [0.1]], np.float32), np.r_[3.0, 3.3], NAMES
    )
    assert [(s.label, s.start, s.end) for s in found.samples[0]] == [("pour", 3.0, 3.3)]
    assert found.samples[0][0].confidence == pytest.approx(0.7)
    np.testing.assert_allclose(found.probabilities, [[0.2, 0.7, 0.1]])


@pytest.mark.parametrize(("steps", "seconds"), [(75, 20), (11, 3), (13, 3), (1, 1)])
def test_seconds_whose_middle_lies_within_the_horizon_are_told(steps: int, seconds: int) -> None:
    edges = 12.4 + (4 / 15) * np.arange(steps + 1)
    found = futures(np.zeros((1, steps), np.int64), 0, np.ones((3, steps), np.float32), edges, NAMES)
    assert found.probabilities.shape == (seconds, 3)
