"""What the page's scripts say is what the other views say: the same numbers go through both."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from page_of_tests import opened, served
from sample_moment import CANDIDATES, CLASSES, FUTURE, PAST, SEVERAL, TICK
from sinks_of_tests import beginning

from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.events.records import Records
from actfusion_stream.sources.frames import SourceInfo
from actfusion_stream.views import moment, wording
from actfusion_stream.views.terminal import _lasting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECONDS = (-2.0, -1e-7, 0.0, 1e-7, 0.4, 1.0, 1.2, 4.5, 59.0, 59.5, 60.0, 61.0, 600.4, 3599.9, 3600.0, 7325.0)
INFO = beginning(SourceInfo("kitchen.mp4", 320, 240, 90.0, 15.0, True, False), tuple(CLASSES))


def said(page: Page, module: str, call: str, given: Any) -> Any:
    """What a function of a script makes of each of what is given."""
    source = f"async given => {{ const m = await import('/static/{module}'); return given.map({call}); }}"
    return page.evaluate(source, given)


@pytest.fixture(scope="module")
def there(browser: Browser) -> Iterator[Page]:
    with served() as server, opened(browser) as page:
        page.goto(server.url)
        yield page


def test_words(there: Page) -> None:
    seconds = list(SECONDS)
    shares = [place / 400 for place in range(401)]
    spans = [list(span) for span in itertools.product((-1.0, 0.0, 3.2, 61.0), (0.0, 0.9, 7.0, 80.0))]
    assert said(there, "wording.js", "m.clock", seconds) == [wording.clock(s) for s in seconds]
    assert said(there, "wording.js", "m.countdown", seconds) == [wording.countdown(s) for s in seconds]
    assert said(there, "wording.js", "m.percent", shares) == [wording.percent(s) for s in shares]
    assert said(there, "wording.js", "([a, b]) => m.until(a + b / 2, a, a + b)", spans) == [
        wording.until(a + b / 2, a, a + b) for a, b in spans
    ]
    lengths = [{"start": 10.0, "end": 10.0 + s} for s in (0.0, 0.5, 1.5, 2.5, 12.2, 59.4, 60.0, 75.0, 3700.0)]
    assert said(there, "wording.js", "m.lasting", lengths) == [
        _lasting(Segment("mix", one["start"], one["end"], 1.0)) for one in lengths
    ]
    names = [*CLASSES, "_x_", "a__b"]
    assert said(there, "wording.js", "m.spoken", names) == [wording.spoken(name) for name in names]
    constants = said(there, "wording.js", "() => [m.UNFAMILIAR, m.NOT_SURE]", [0])
    assert constants == [[moment.UNFAMILIAR, wording.NOT_SURE]]


UNSURE = (Segment("cut_tomato", 40, 42, 0.9), Segment("mix", 42, 60, 0.4))
TICKS = (TICK, SEVERAL, Tick(40.5, 40.0, PAST, ()), Tick(41.0, 40.0, PAST, FUTURE[1:], next=CANDIDATES),
         Tick(40.5, 40.0, PAST, UNSURE))  # fmt: skip


@pytest.mark.parametrize("tick", TICKS)
def test_moments(there: Page, tick: Tick) -> None:
    record = Records(INFO).tick(tick)[0]
    times = [40.0, 40.5, 41.0, 42.5, 43.0, 43.1, 47.0, 48.5, 60.0, 130.0]
    for script, make in (
        ("m.momentOf(m.whole(tick), time)", lambda time: moment.moment_of(tick, time)),
        ("m.inHindsight(final, m.whole(tick), time)", lambda time: moment.in_hindsight(PAST, tick, time)),
    ):
        final = [{"label": one.label, "start": one.start, "end": one.end} for one in PAST]
        call = f"""({{tick, time, final}}) => {{ const said = {script}; return [
            said.now.label, said.coming.map(one => one.label), said.candidates.map(one => one.label),
            m.goesOn(said).toFixed(3), said.coming.length ? m.nextIn(said) : ""]; }}"""
        found = said(
            there, "moment.js", call, [{"tick": record, "time": time, "final": final} for time in times]
        )
        right = [make(time) for time in times]
        assert found == [
            [
                one.now.label,
                [segment.label for segment in one.coming],
                [candidate.label for candidate in one.candidates],
                f"{one.goes_on:.3f}",
                one.next_in if one.coming else "",
            ]
            for one in right
        ]
