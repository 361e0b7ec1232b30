"""Anticipation baselines: what they say after a given past, written out."""

from __future__ import annotations

import numpy as np
import pytest

from actfusion_stream.tools.evaluation.baselines import MarkovBaseline, repeat_current


def steps(text: str) -> np.ndarray:
    """One digit a step: steps("001") is [0, 0, 1]."""
    return np.array([int(digit) for digit in text])


def anticipate(videos: list[str], observed: str, length: int) -> str:
    chain = MarkovBaseline.fit([steps(video) for video in videos], num_classes=5)
    return "".join(str(label) for label in chain.predict(steps(observed), length))


def test_current_action_goes_on():
    assert repeat_current(steps("0112"), 3).tolist() == [2, 2, 2]
    assert repeat_current(steps("0"), 0).tolist() == []


def test_each_action_lasts_its_mean_duration_and_the_last_one_goes_on():
    # Mean durations: two steps of 0, four of 1, one of 2.
    assert anticipate(["001112", "00111112"], "0", 8) == "01111222"


def test_most_frequent_next_action_wins():
    assert anticipate(["01", "02", "02"], "0", 2) == "22"


def test_rest_of_the_current_action_depends_on_how_long_it_has_lasted():
    videos = ["001", "000000001"]  # class 0 lasted two or eight steps
    assert anticipate(videos, "0", 6) == "000011"  # 1 seen: (2 + 8) / 2 - 1 = 4 to go
    assert anticipate(videos, "000", 6) == "000001"  # 3 seen: two steps are ruled out, 8 - 3 = 5 to go
    assert anticipate(videos, "000000000", 3) == "111"  # 9 seen, longer than ever: due to change at once


def test_an_action_is_not_entered_more_often_than_in_any_training_video():
    # What follows 1 is 0 as often as 2, and 0 comes first: without the limit it would alternate for ever.
    assert anticipate(["01012"], "0", 6) == "101222"


def test_opening_segment_is_not_taken_for_a_closing_one_of_the_same_label():
    videos = ["0120", "0120", "0120"]
    assert anticipate(videos, "0", 4) == "1200"
    assert anticipate(videos, "0120", 4) == "0000"


def test_action_never_seen_in_training_goes_on():
    assert anticipate(["01"], "04", 3) == "444"


def test_videos_that_end_now_and_then_after_an_action_do_not_end_the_chain():
    assert anticipate(["01", "012", "012"], "01", 2) == "22"
    assert anticipate(["01", "01", "012"], "01", 2) == "11"


def test_horizon_of_no_steps_is_empty():
    assert anticipate(["01"], "0", 0) == ""


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="no training video was given"):
        MarkovBaseline.fit([], num_classes=2)
    with pytest.raises(ValueError, match="video 1 of 2 labels: expected labels from 0 to 1"):
        MarkovBaseline.fit([steps("01"), steps("12")], num_classes=2)
