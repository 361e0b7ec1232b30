"""The plain view, as a log keeps it."""

from dataclasses import replace

from sample_moment import FILE, PAST, SEVERAL, TICK, UNFAMILIAR, console, stats, written

from actfusion_stream.engine.timeline import Tick
from actfusion_stream.views.plain import PlainView


def test_the_plain_view_is_a_readable_log() -> None:
    log = console(terminal=False)
    counted = stats(dropped=0)
    with PlainView(FILE, counted, log) as shown:
        said = [shown.update(None, 0.0), shown.update(Tick(2, 2, PAST[:1], ()), 2.0)]
        said += [shown.update(TICK, time) for time in (29.9, 30.1, 41.0, 43.1, 60.0, 60.1)]
    assert said == [False, True, True, False, False, True, True, False]  # progress says nothing of a tick
    assert written(log).splitlines() == [
        "kitchen.mp4: 320x240, 15 fps",
        "0:02  background, 90 % sure",
        "0:29  cut tomato, 86 % sure; next place cucumber into bowl in 14 s",
        "0:30 of 1:30  2.0x real time, 0 frames dropped",
        "0:43  place cucumber into bowl, 64 % sure; next serve salad onto plate in 5 s",
        "1:00  serve salad onto plate, 52 % sure",
        "1:00 of 1:30  2.0x real time, 0 frames dropped",
    ]


def test_a_log_says_when_it_is_not_sure() -> None:
    log = console(terminal=False)
    with PlainView(FILE, stats(), log, min_confidence=0.6) as shown:
        for time in (41.0, 43.1, 48.5, 49.0):
            shown.update(TICK, time)
    assert [line for line in written(log).splitlines()[1:] if "real time" not in line] == [
        "0:41  cut tomato, 86 % sure; next place cucumber into bowl in 2 s",
        "0:43  place cucumber into bowl, 64 % sure; next serve salad onto plate in 5 s",
        "0:48  not sure",
    ]


def test_a_log_says_how_sure_the_next_start_is_and_when_things_become_unfamiliar() -> None:
    log = console(terminal=False)
    with PlainView(FILE, stats(), log) as shown:
        shown.update(SEVERAL, 41.0)
        strange = replace(SEVERAL, strangeness=1.5)
        assert [shown.update(strange, time) for time in (41.2, 41.4)] == [True, False]
        assert shown.update(replace(SEVERAL, strangeness=0.9), 42.0)
    assert [line for line in written(log).splitlines()[1:] if "real time" not in line] == [
        "0:41  cut tomato, 86 % sure; next place cucumber into bowl in 2\N{EN DASH}6 s",
        "0:41  " + UNFAMILIAR,
        "0:42  familiar again",
    ]
