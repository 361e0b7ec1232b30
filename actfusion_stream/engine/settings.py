"""How a source is to be watched: how far ahead, how often, and with how long a memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

from actfusion_stream.engine.clock import FeatureClock
from actfusion_stream.errors import StreamError, number_within

MEMORY_SECONDS = 600.0  # what the model looks back on; older labels are kept as they were last given
FUTURES = 8  # samples of the future; a probability is a share of them
_LEAST_TICK = 0.25  # seconds: no viewer asks for more than four answers a second, and each costs a run
_MIN_MEMORY, _MAX_MEMORY = 1.0, 86_400.0
_MIN_TICK, _MAX_TICK = 0.04, 60.0
MOST_SEED = 2**63 - 1
MOST_FUTURES = 64  # each costs a run of the decoder, and memory
_ROUNDING = 1e-6  # periods
_MAX_RATIO, _MAX_SECONDS = 10.0, 3600.0


@dataclass(frozen=True)
class Horizon:
    """How far to anticipate: a ratio of the observed length, or seconds. Exactly one is set."""

    ratio: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str | float) -> Horizon:
        """Read "0.5" (half of what was observed) or "20s" (20 seconds).

        Raises:
            StreamError: it is neither, not positive, or absurdly long.
        """
        advice = (
            f"give a ratio of the observed length from above 0 to {_MAX_RATIO:g}, "
            f"e.g. 0.5, or seconds up to {_MAX_SECONDS:g}, e.g. 20s"
        )
        if not isinstance(text, str):
            return cls(ratio=number_within("horizon", text, 0, _MAX_RATIO, advice, above=True))
        stripped = text.strip()
        absolute = stripped.endswith("s")
        try:
            value = float(stripped.removesuffix("s"))
        except ValueError:
            value = float("nan")
        if not absolute and _MAX_RATIO < value <= _MAX_SECONDS:
            raise StreamError(
                f"horizon {stripped}: a number alone is a ratio of the observed length, up to "
                f"{_MAX_RATIO:g}; for seconds give {stripped}s"
            )
        if not 0 < value <= (_MAX_SECONDS if absolute else _MAX_RATIO):
            raise StreamError(f"horizon {' '.join(text.split())}: {advice}")
        return cls(seconds=value) if absolute else cls(ratio=value)

    def steps(self, observed: int, period: float) -> int:
        """Feature steps to anticipate after `observed` steps of `period` seconds, at least one."""
        steps = self.seconds / period if self.seconds is not None else (self.ratio or 0) * observed
        return max(1, round(steps))


@dataclass(frozen=True)
class Settings:
    """What a session is asked for.

    Attributes:
        horizon: how far to anticipate.
        tick: seconds of video from one run of the model to the next; None for as often as features
            come, up to four times a second, and at the moment they do.
        memory: seconds that the model looks back on; labels of what is older are final.
        futures: how many are drawn at every tick.
        calm: whether what was said of the past changes for a reason only.
        seed: of the noise that the model starts from; another one draws other futures.

    Raises:
        StreamError: a number makes no sense.
    """

    horizon: Horizon
    tick: float | None = None
    memory: float = MEMORY_SECONDS
    futures: int = FUTURES
    calm: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        memory = f"give seconds from {_MIN_MEMORY:g} to {_MAX_MEMORY:g}, e.g. 600"
        number_within("memory", self.memory, _MIN_MEMORY, _MAX_MEMORY, memory)
        tick = f"give seconds of video from {_MIN_TICK:g} to {_MAX_TICK:g}, e.g. 1"
        if self.tick is not None:
            number_within("tick", self.tick, _MIN_TICK, _MAX_TICK, tick)

        futures = f"give how many to draw, a whole number from 1 to {MOST_FUTURES}, e.g. {FUTURES}"
        if number_within("futures", self.futures, 1, MOST_FUTURES, futures) % 1:
            raise StreamError(f"futures {self.futures:g}: {futures}")
        seed = f"give a whole number from 0 to {MOST_SEED}"
        if number_within("seed", self.seed, 0, MOST_SEED, seed) % 1:
            raise StreamError(f"seed {self.seed:g}: {seed}")

    def schedule(self, clock: FeatureClock) -> tuple[float, float]:
        """Seconds from a video's start to its first tick, and from one tick to the next."""
        if self.tick is not None:
            return self.tick, self.tick
        # A feature exists once its window has been seen; a tick just before that would know nothing of it.
        tick = clock.period * math.ceil(_LEAST_TICK / clock.period - _ROUNDING)
        return clock.lookahead % tick or tick, tick
