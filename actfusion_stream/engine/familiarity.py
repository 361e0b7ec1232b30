"""How strange what a session has just seen is, beside what the model was trained on."""

from __future__ import annotations

from actfusion_stream.engine.buffer import FeatureBuffer
from actfusion_stream.weights.familiarity import Familiarity, steps_of


def strangeness_of(buffer: FeatureBuffer, familiarity: Familiarity | None, period: float) -> float | None:
    """See `Familiarity.strangeness`, of the last seconds that the buffer holds, without what was not seen.

    Args:
        buffer: whose newest feature was seen.
        familiarity: None where the checkpoint does not say what training looked like.
        period: seconds from one feature to the next.

    Returns:
        0 or more, above 1 what is unfamiliar; None where nobody knows.
    """
    if familiarity is None:
        return None
    steps = steps_of(period)
    recent = buffer.observed()[:, -steps:].cpu().numpy()
    return familiarity.strangeness(recent[:, buffer.seen[-steps:]])
