"""The plain view, as a log keeps it."""

from sample_moment import FILE, NOTE, PAST, TICK, console, stats, written

from actfusion_stream.engine.timeline import Tick
from actfusion_stream.views.plain import PlainView


def test_the_plain_view_is_a_readable_log() -> None:
    log = console(terminal=False)
    counted = stats(dropped=0)
    with PlainView(FILE, counted, NOTE, log) as shown:
        said = [shown.update(None, 0.0), shown.update(Tick(2, 2, PAST[:1], ()), 2.0)]
        said += [shown.update(TICK, time) for time in (29.9, 30.1, 41.0, 41.1, 60.0, 60.1)]
    assert said == [False, True, True, False, False, False, False, False]  # progress says nothing of a tick
    assert written(log).splitlines() == [
        "kitchen.mp4: 320x240, 15 fps",
        "demo model: labels here mean nothing",
        "0:02  background, 90 % sure",
        "0:29  cut tomato, 86 % sure; next place cucumber into bowl in 14 s",
        "0:30 of 1:30  2.0x real time, 0 frames dropped",
        "1:00 of 1:30  2.0x real time, 0 frames dropped",
    ]
