"""What was done in a video, asked by time."""

from __future__ import annotations

import numpy as np

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.engine.timeline import Segment
from actfusion_stream.kitchen.script import Step
from actfusion_stream.tools.evaluation.truth import following, labels_at, script_of

INDEX = {"a": 0, "b": 1, "c": 2}


def test_segments_are_read_at_any_time() -> None:
    segments = (Segment("a", 0.0, 2.0, 0.9), Segment("b", 2.0, 3.5, 0.9), Segment("c", 3.5, 4.0, 0.9))
    times = np.array([-1.0, 0.0, 1.999, 2.0, 3.49, 3.5, 4.0, 90.0])
    assert labels_at(segments, times, INDEX).tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert labels_at(segments, np.zeros(0), INDEX).tolist() == []


def test_what_follows_is_the_next_action_even_where_none_is_left() -> None:
    script = (Step("a", 0.0, 4.0), Step("b", 4.0, 7.0))
    assert following(script, 0.0) == script[1]
    assert following(script, 3.9) == script[1]
    assert following(script, 4.0) == script[1]  # what begins where the observed ends is yet to come
    assert following(script, 4.1) is None


def test_labels_of_steps_are_actions_from_where_their_features_speak() -> None:
    # A feature every 2 s: the first speaks up to 1 s, the others for a second to either side.
    script = script_of(np.array([0, 0, 1, 2, 2]), FeatureClock(0.5), ("a", "b", "c"))
    assert script == (Step("a", 0.0, 3.0), Step("b", 3.0, 5.0), Step("c", 5.0, 9.0))
