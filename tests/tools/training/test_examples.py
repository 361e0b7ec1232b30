"""Which videos train, and which choose the best epoch."""

from __future__ import annotations

import pytest

from actfusion_stream.errors import StreamError
from actfusion_stream.tools.training.examples import hold_out

SALADS = [f"rgb-{subject:02}-{take}" for subject in range(1, 11) for take in (1, 2)]
BREAKFAST = [
    f"P{subject:02}_{camera}_P{subject:02}_{activity}"
    for activity in ("cereals", "scrambledegg")
    for subject in range(3, 8)
    for camera in ("cam01", "stereo01", "webcam02")
]
GTEA = [f"S{subject}_{activity}_C1" for activity in ("Cheese", "CofHoney") for subject in (1, 2, 3, 4)]


def test_the_held_out_videos_come_from_the_training_list() -> None:
    training, held_out = hold_out([f"v{i}" for i in range(40)], 0.1, seed=3)
    assert len(held_out) == 4
    assert sorted(training + held_out) == sorted(f"v{i}" for i in range(40))
    assert hold_out([f"v{i}" for i in range(40)], 0.1, seed=4)[1] != held_out
    assert hold_out(["a", "b"], 0.0, seed=0) == (["a", "b"], [])
    with pytest.raises(StreamError, match=r"held out 0\.9 of 1 training videos: none is left to train on"):
        hold_out(["a"], 0.9, seed=0)


@pytest.mark.parametrize(
    ("videos", "share", "subjects"),
    [(SALADS, 0.2, 2), (BREAKFAST, 0.2, 1), (GTEA, 0.5, 2), (SALADS, 0.01, 1)],
)
def test_a_subject_is_held_out_with_all_videos(videos: list[str], share: float, subjects: int) -> None:
    def who(names: list[str]) -> set[str]:
        return {name.partition("_")[0] if "_" in name else name[:6] for name in names}

    training, held_out = hold_out(videos, share, seed=3, by="subject")
    assert sorted(training + held_out) == sorted(videos)
    assert held_out == [name for name in videos if name in held_out]
    assert len(who(held_out)) == subjects
    assert not who(held_out) & who(training)
    assert who(hold_out(videos, share, seed=5, by="subject")[1]) != who(held_out)


def test_what_is_held_out_together_may_be_told_by_any_expression() -> None:
    """A performance of Breakfast: one subject's making of one thing, seen by three cameras."""
    _, held_out = hold_out(BREAKFAST, 0.1, seed=0, by=r"(P\d+)_.*_(\w+)$")
    assert len(held_out) == 3
    assert len({name.replace("stereo", "web").split("_", 2)[2] for name in held_out}) == 1


def test_a_name_that_does_not_tell_the_subject_is_refused() -> None:
    advice = r"give a regular expression with a group, such as 'rgb-(\d+)-' for rgb-01-2"
    told = f"held out by subject: the name of film does not tell who is seen; {advice}"
    with pytest.raises(StreamError) as refused:
        hold_out([*SALADS, "film"], 0.1, seed=0, by="subject")
    assert str(refused.value) == told
    with pytest.raises(StreamError) as refused:
        hold_out([*SALADS, "film"], 0.1, seed=0, by=r"rgb-(\d+)")
    assert str(refused.value) == rf"held out by rgb-(\d+): the name of film does not begin so; {advice}"
    with pytest.raises(StreamError, match=r"held out 0\.1 of 1 training subjects: none is left to train on"):
        hold_out(SALADS[:2], 0.1, seed=0, by="subject")
    assert hold_out(["film"], 0.0, seed=0, by="subject") == (["film"], [])
