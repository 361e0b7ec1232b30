"""When an action has begun, when it has ended, and which one is expected: told from ticks, without flicker.

A tick says everything anew, and may take back what the last one said. Whoever acts upon it wants to be told
once: so an action has begun when it has lasted for a while, one of them is open at a time, and what was said
by mistake is said to be one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from actfusion_stream.engine.timeline import Candidate, Gap, Segment, Tick

STEADY = 0.5  # seconds that an action has to last before it is said to have begun
EXPECTED = 0.5  # probability from which on the likeliest next action is expected
GIVEN_UP = 0.25  # and below which it no longer is
_OTHER_PROBABILITY = 0.1  # a change of the probability that is said
_OTHER_TIME = 1.0  # seconds by which its beginning has come nearer, or has moved, before that is said
_ROUNDING = 1e-6  # of a probability, and of a second

# Why an action has ended.
FOLLOWED, GAP, TAKEN_BACK, STREAM_ENDED = "followed", "gap", "taken back", "stream ended"
NEW, CHANGED, WITHDRAWN = "new", "changed", "withdrawn"

Record = dict[str, Any]


@dataclass(frozen=True)
class _Expectation:
    """An action that is expected.

    Attributes:
        said: as it was said last.
        left: seconds to its beginning, as was said then.
        since: seconds of the source at which it was first expected.
        due: the earliest time of which it was said that it would have begun by then.
        overdue: it has been said that this has passed.
    """

    said: Candidate
    left: float
    since: float
    due: float
    overdue: bool = False


@dataclass(frozen=True)
class Following:
    """What has been said of actions so far; each tick leads to another one.

    Attributes:
        action: the one that has begun and not ended, as the newest tick that went on with it said.
        ended: the one before, as it was said to have ended.
        expected: what is expected next.
    """

    action: Segment | None = None
    ended: Segment | None = None
    expected: _Expectation | None = None

    def tick(self, tick: Tick) -> tuple[list[Record], Following]:
        """What a tick changes.

        Returns:
            Records without source and time, in order, and what has been said with them.
        """
        actions = actions_of(tick.past, -math.inf if self.action is None else self.action.start)
        if (
            not actions or actions[-1].end < tick.current.end
        ):  # what is current may be gone with the next tick
            return [], self
        found = _again(self.action, actions)
        if found is actions[-1]:
            return replace(self, action=found)._expect(tick)
        records: list[Record] = []
        ended, expected, following = self.ended, self.expected, actions
        if self.action is not None and found is None:
            records.append(_ended(self.action, TAKEN_BACK))
            while len(following) > 1 and _again(ended, following[:1]):  # was said to have ended, and has
                following = following[1:]
        elif found is not None:
            records.append(_ended(found, _cause(found, tick.gaps)))
            ended, following = found, actions[actions.index(found) + 1 :]
        for action in following:
            if expected is not None and expected.said.label != action.label:
                records.append(_withdrawn(expected, 0.0, tick))
                expected = None
            records.append(_started(action, ended, expected, tick))
            expected = None
            if action is not following[-1]:
                records.append(_ended(action, _cause(action, tick.gaps)))
                ended = action
        news, said = Following(following[-1], ended)._expect(tick)
        return records + news, said

    def end(self, segments: Sequence[Segment]) -> list[Record]:
        """What the end of the stream changes.

        Args:
            segments: the final segmentation.
        """
        if self.action is None:
            return []
        found = _again(self.action, actions_of(segments, self.action.start))
        return [_ended(found or self.action, STREAM_ENDED)]

    def _expect(self, tick: Tick) -> tuple[list[Record], Following]:
        """What is to be said of what comes next, while it is clear what is being done."""
        if self.action is None or tick.current.label != self.action.label:
            return [], self
        records: list[Record] = []
        expected = self.expected
        likeliest = tick.next[0] if tick.next and tick.next[0].probability >= EXPECTED - _ROUNDING else None
        if expected is not None:
            label = expected.said.label
            now = next((candidate for candidate in tick.next if candidate.label == label), None)
            other = likeliest is not None and likeliest.label != label
            if now is None or other or now.probability < GIVEN_UP:
                records.append(_withdrawn(expected, 0.0 if now is None else now.probability, tick))
                expected = None
            elif _differs(now, expected, tick):
                overdue = tick.seen_until > expected.due
                records.append(_expected(CHANGED, now, tick, expected.since, overdue))
                due = min(expected.due, now.latest)
                expected = replace(expected, said=now, left=_left(now, tick), due=due, overdue=overdue)
        if expected is None and likeliest is not None:
            records.append(_expected(NEW, likeliest, tick, tick.seen_until, overdue=False))
            expected = _Expectation(likeliest, _left(likeliest, tick), tick.seen_until, likeliest.latest)
        return records, replace(self, expected=expected)


def actions_of(past: Sequence[Segment], since: float) -> list[Segment]:
    """The segments that end after `since`, without flicker.

    What lasts for less than `STEADY` is left out. Where it stands between two parts of one action, they are
    one; where nothing was seen for longer, they are two.
    """
    found: list[Segment] = []
    for segment in reversed(past):
        if segment.end <= since:
            break
        if found and found[-1].label == segment.label and found[-1].start - segment.end < STEADY - _ROUNDING:
            found[-1] = _joined(segment, found[-1])
            continue
        if _lasts(segment) or not found:  # the last one may go on with what comes before
            found.append(segment)
    if found and not _lasts(found[0]):
        del found[0]
    return found[::-1]


def _lasts(segment: Segment) -> bool:
    return segment.duration >= STEADY - _ROUNDING


def _joined(first: Segment, last: Segment) -> Segment:
    """Two parts of one action, and what lies between them."""
    lasted = max(first.duration + last.duration, _ROUNDING)
    confidence = (first.confidence * first.duration + last.confidence * last.duration) / lasted
    return Segment(first.label, first.start, last.end, confidence)


def _again(action: Segment | None, among: Sequence[Segment]) -> Segment | None:
    """What has become of an action: the last of its label that shares time with it; None if nothing."""
    for one in reversed(among):
        if (
            action is not None
            and one.label == action.label
            and one.start < action.end
            and one.end > action.start
        ):
            return one
    return None


def _cause(action: Segment, gaps: Sequence[Gap]) -> str:
    """Why an action of the past has ended."""
    return (
        GAP
        if any(abs(gap.start - action.end) < STEADY and gap.end > action.end for gap in gaps)
        else FOLLOWED
    )


def _left(candidate: Candidate, tick: Tick) -> float:
    """Seconds from the newest frame to the beginning of an action; 0 where it may have begun already."""
    return max(0.0, candidate.start - tick.seen_until)


def _differs(now: Candidate, expected: _Expectation, tick: Tick) -> bool:
    """Whether it is to be said anew: it is nearer, has moved, is overdue, or is otherwise probable."""
    return (
        abs(_left(now, tick) - expected.left) >= _OTHER_TIME - _ROUNDING
        or abs(now.probability - expected.said.probability) >= _OTHER_PROBABILITY - _ROUNDING
        or (tick.seen_until > expected.due and not expected.overdue)
        or (tick.seen_until > expected.said.latest and now.latest != expected.said.latest)
    )


def _started(action: Segment, ended: Segment | None, expected: _Expectation | None, tick: Tick) -> Record:
    return {
        "type": "action_started",
        "label": action.label,
        "start": round(action.start, 3),
        "confidence": round(action.confidence, 2),
        "again": _again(ended, [action]) is not None,
        "expected_since": None if expected is None else round(expected.since, 3),
        "unfamiliar": tick.unfamiliar,
    }


def _ended(action: Segment, cause: str) -> Record:
    return {
        "type": "action_ended",
        "label": action.label,
        "start": round(action.start, 3),
        "end": round(action.end, 3),
        "confidence": round(action.confidence, 2),
        "cause": cause,
    }


def _expected(status: str, candidate: Candidate, tick: Tick, since: float, overdue: bool) -> Record:
    return {
        "type": "action_expected",
        "status": status,
        **candidate_to_json(candidate),
        "in_seconds": round(_left(candidate, tick), 3),
        "expected_since": round(since, 3),
        "overdue": overdue,
        "unfamiliar": tick.unfamiliar,
    }


def _withdrawn(expected: _Expectation, probability: float, tick: Tick) -> Record:
    candidate = replace(expected.said, probability=probability)
    return _expected(WITHDRAWN, candidate, tick, expected.since, tick.seen_until > expected.due)


def candidate_to_json(candidate: Candidate) -> Record:
    """A candidate as JSON holds it."""
    return {
        "label": candidate.label,
        "probability": round(candidate.probability, 3),
        "start": round(candidate.start, 3),
        "earliest": round(candidate.earliest, 3),
        "latest": round(candidate.latest, 3),
    }
