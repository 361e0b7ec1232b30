"""How far to anticipate, as people write it."""

from __future__ import annotations

import pytest

from actfusion_stream.engine.settings import Horizon
from actfusion_stream.errors import StreamError

PERIOD = 4 / 15


@pytest.mark.parametrize(
    ("text", "horizon"),
    [
        ("0.5", Horizon(ratio=0.5)),
        (0.5, Horizon(ratio=0.5)),
        (2, Horizon(ratio=2.0)),
        ("10", Horizon(ratio=10.0)),
        ("20s", Horizon(seconds=20.0)),
        (" 1.5s ", Horizon(seconds=1.5)),
        ("3600s", Horizon(seconds=3600.0)),
    ],
)
def test_a_horizon_is_a_ratio_or_seconds(text: str | float, horizon: Horizon) -> None:
    assert Horizon.parse(text) == horizon


@pytest.mark.parametrize("text", ["11", "20", "90.5", "3600"])
def test_a_number_alone_that_was_meant_as_seconds_is_explained(text: str) -> None:
    advice = f"a number alone is a ratio of the observed length, up to 10; for seconds give {text}s"
    with pytest.raises(StreamError, match=f"^horizon {text}: {advice}$"):
        Horizon.parse(text)


@pytest.mark.parametrize(
    "text",
    ["0", "-1", "0s", "-3s", "nan", "nans", "inf", "1e9", "3601s", "", "s", "abc", "5m", "1,5", "5 0s"],
)
def test_a_horizon_that_makes_no_sense(text: str) -> None:
    with pytest.raises(StreamError) as error:
        Horizon.parse(text)
    assert str(error.value) == (
        f"horizon {text}: give a ratio of the observed length from above 0 to 10, e.g. 0.5, "
        "or seconds up to 3600, e.g. 20s"
    )


@pytest.mark.parametrize(
    ("observed", "ratio", "steps"), [(1, 0.5, 1), (10, 0.5, 5), (10, 0.01, 1), (7, 2.0, 14)]
)
def test_a_ratio_grows_with_what_was_observed(observed: int, ratio: float, steps: int) -> None:
    assert Horizon(ratio=ratio).steps(observed, PERIOD) == steps
