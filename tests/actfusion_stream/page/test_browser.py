"""What a person sees: the page in a real browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_of_tests import KITCHEN, finish, finish_file, opened, port_of, put_up, served, show
from sample_moment import CLASSES, PAST, SEVERAL

from actfusion_stream import open_stream, run
from actfusion_stream.engine.timeline import Segment, Tick
from actfusion_stream.page.address import Address
from actfusion_stream.page.server import PageServer
from actfusion_stream.sinks.sink import Sink
from actfusion_stream.sources.frames import Frame
from actfusion_stream.views.moment import moment_of
from actfusion_stream.views.wording import spoken

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONG = "put_the_cucumber_that_was_peeled_and_cut_before_into_the_large_wooden_bowl_beside_the_stove"
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
UNBROKEN = "x" * 120
COLOR_AT = """() => {
  const copy = document.createElement("canvas");
  copy.width = copy.height = 1;
  const context = copy.getContext("2d");
  context.drawImage(document.getElementById("canvas"), 0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def label(page: Page, expected: str) -> None:
    page.wait_for_function(
        "said => document.querySelector('#label').textContent.trim() === said", arg=expected
    )


def texts(page: Page, selector: str) -> list[str]:
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]


def test_a_moment_is_shown_as_the_other_views_show_it(server: PageServer, page: Page) -> None:
    show(put_up(server), 41.0)
    page.goto(server.url)
    label(page, "cut tomato")
    assert page.title() == "kitchen.mp4 · actfusion-stream"
    assert texts(page, "#since") == ["86 % sure, for 0:21, since 0:20, 0.5 s foreseen"]
    assert texts(page, "#candidates li") == [
        "place cucumber into bowl in 2\N{EN DASH}6 s 50 %",
        "peel cucumber in 3 s 25 %",
        "serve salad onto plate in 7\N{EN DASH}20 s 12 %",
    ]
    assert texts(page, "#coming tr") == [
        "place cucumber into bowl in 2 s 5 s 64 %",
        "serve salad onto plate in 7 s 1:10 52 %",
    ]
    assert texts(page, "#done tr") == ["peel cucumber 0:04 16 s 95 %", "background 0:00 4 s 90 %"]
    assert set(texts(page, "#legend li")) == {spoken(name) for name in CLASSES}
    page.wait_for_function("() => document.querySelector('#canvas').dataset.time === '41'")
    assert page.evaluate(COLOR_AT) == pytest.approx([41, 90, 140], abs=5)


class Watched(Sink):
    """After each frame with a tick: what the page says, and what it ought to."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.seen: list[tuple[str, str]] = []
        self._tick: Tick | None = None

    def frame(self, frame: Frame, tick: Tick | None) -> None:
        if tick is None or tick is self._tick:
            return
        self._tick = tick
        self._page.wait_for_function(
            "time => document.body.dataset.time === time", arg=f"{round(frame.time, 3):g}"
        )
        shown = " ".join(self._page.locator("#label").inner_text().split())
        self.seen.append((shown, spoken(moment_of(tick, frame.time).now.label)))


def test_the_right_action_at_the_right_time(
    server: PageServer, page: Page, tiny_video: Path, tiny_checkpoint: Path
) -> None:
    page.goto(server.url)
    watched = Watched(page)
    with open_stream(tiny_video, checkpoint=tiny_checkpoint, tick=0.5, device="cpu") as stream:
        run(stream, [server.sink(), watched])
    assert len(watched.seen) >= 10
    assert [shown for shown, _ in watched.seen] == [right for _, right in watched.seen]
    assert len({right for _, right in watched.seen}) > 1


@pytest.mark.slow
def test_two_viewers_and_a_reload(server: PageServer, browser: Browser, page: Page) -> None:
    sink = put_up(server)
    show(sink, 41.0)
    page.goto(server.url)
    label(page, "cut tomato")
    with opened(browser) as other:
        other.goto(server.url)
        for one in (page, other):
            label(one, "cut tomato")
            one.wait_for_function("() => document.querySelector('#health').textContent.includes('viewers2')")
        past = (*PAST, Segment("peel_cucumber", 40, 50, 0.9))
        later = Tick(50.0, 50.0, past, (Segment("peel_cucumber", 50, 60, 0.9),))
        show(sink, 50.0, later)
        for one in (page, other):
            label(one, "peel cucumber")
            one.reload()
            label(one, "peel cucumber")
            one.wait_for_function("() => document.querySelector('#canvas').dataset.time === '50'")


@pytest.mark.slow
def test_the_server_goes_and_comes_back(browser: Browser, page: Page) -> None:
    with served() as server:
        port = port_of(server)
        show(put_up(server), 41.0)
        page.goto(server.url)
        label(page, "cut tomato")
        page.wait_for_function("() => document.querySelector('#canvas').dataset.time === '41'")
    page.get_by_text("Disconnected. Trying again…").wait_for()
    assert page.get_by_role("status").inner_text() == "Disconnected. Trying again…"
    with served(port) as server:
        tick = replace(SEVERAL, past=PAST[:2], future=(), next=())
        show(put_up(server), 30.0, tick)
        label(page, "peel cucumber")
        page.wait_for_function("() => document.querySelector('#canvas').dataset.time === '30'")
        assert page.get_by_role("status").inner_text() == ""


@pytest.mark.slow
def test_before_anything_is_known_it_says_so(server: PageServer, page: Page) -> None:
    page.goto(server.url)
    label(page, "starting")
    page.get_by_text("Starting: the model is being loaded.").wait_for()
    show(put_up(server), 1.0, None)
    label(page, "warming up")
    assert texts(page, "#candidates li") == ["nothing to say yet"]


@pytest.mark.slow
def test_what_is_less_sure_than_was_asked_for_is_not_named(page: Page) -> None:
    with PageServer(Address("127.0.0.1", 0), min_confidence=0.9) as server:
        show(put_up(server), 41.0)
        page.goto(server.url)
        label(page, "not sure")
        assert texts(page, "#since") == [""]


@pytest.mark.slow
def test_what_is_unfamiliar_is_said_to_be(server: PageServer, page: Page) -> None:
    show(put_up(server), 41.0, replace(SEVERAL, strangeness=2.0))
    page.goto(server.url)
    page.get_by_text("unfamiliar: unlike anything this model was trained on").wait_for()
    assert page.evaluate("getComputedStyle(document.querySelector('#label')).fontWeight") == "400"


def test_names_are_text_whatever_they_hold(server: PageServer, page: Page) -> None:
    names = (HOSTILE, "</script><b>bold</b>")
    past = (Segment(names[1], 0, 20, 0.9), Segment(names[0], 20, 40, 0.9))
    tick = Tick(40.5, 40.0, past, (Segment(names[0], 40, 44, 0.9), Segment(names[1], 44, 50, 0.9)))
    show(put_up(server, replace(KITCHEN, name="<i>kitchen</i>"), names), 41.0, tick)
    page.goto(server.url)
    label(page, HOSTILE)
    assert page.title() == "<i>kitchen</i> · actfusion-stream"
    assert page.locator("img, b, i").count() == 0
    assert texts(page, "#done tr") == ["</script><b>bold</b> 0:00 20 s 90 %"]


@pytest.mark.parametrize(
    "width", [360, *(pytest.param(width, marks=pytest.mark.slow) for width in (768, 1920))]
)
def test_nothing_is_wider_than_the_screen(server: PageServer, browser: Browser, width: int) -> None:
    names = (LONG, UNBROKEN)
    past = (Segment(UNBROKEN, 0, 20, 0.9), Segment(LONG, 20, 40, 0.9))
    tick = Tick(40.5, 40.0, past, (Segment(LONG, 40, 43, 0.9), Segment(UNBROKEN, 43, 50, 0.9)))
    show(put_up(server, replace(KITCHEN, name=f"{UNBROKEN}.mp4"), names), 41.0, tick)
    with opened(browser, viewport={"width": width, "height": 740}) as page:
        page.goto(server.url)
        label(page, spoken(LONG))
        assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.slow
def test_only_a_change_of_the_action_is_read_out(server: PageServer, page: Page) -> None:
    sink = put_up(server)
    show(sink, 41.0)
    page.goto(server.url)
    label(page, "cut tomato")
    page.evaluate("""() => {
      window.heard = [];
      const watched = {childList: true, characterData: true, subtree: true};
      for (const region of document.querySelectorAll("[aria-live], [role=status]"))
        new MutationObserver(() => window.heard.push(region.textContent)).observe(region, watched);
    }""")
    for tenth in range(5):
        show(sink, 42 + tenth / 10, replace(SEVERAL, seen_until=42 + tenth / 10))
        page.wait_for_function("time => document.body.dataset.time === time", arg=f"{42 + tenth / 10:g}")
    assert page.evaluate("window.heard") == []
    show(
        sink, 50.0, replace(SEVERAL, past=(*PAST, Segment("peel_cucumber", 40, 50, 0.9)), future=(), next=())
    )
    label(page, "peel cucumber")
    assert page.evaluate("window.heard") == ["peel cucumber"]


def test_a_finished_file_is_looked_through_with_the_keyboard(
    server: PageServer, page: Page, tiny_video: Path
) -> None:
    finish_file(server, tiny_video)
    page.goto(server.url)
    label(page, "mix")
    slider = page.get_by_label("Time in the video")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "slider"
    page.get_by_text("said then").wait_for()  # it is asked for
    assert texts(page, "#since") == ["80 % sure, from 0:03 to 0:06; said then: cut tomato"]
    page.keyboard.press("Home")
    label(page, "cut tomato")
    page.wait_for_function("() => document.querySelector('#canvas').dataset.time === '0'")
    assert slider.get_attribute("aria-valuetext") == "0:00, cut tomato"
    first = page.evaluate("document.querySelector('#canvas').width")
    assert first == 64
    page.get_by_role("button", name="mix").press("Enter")
    label(page, "mix")
    page.wait_for_function("() => document.querySelector('#canvas').dataset.time === '3'")
    assert texts(page, "#now-title") == ["At 0:03".upper()]
    assert texts(page, "#coming tr") == []  # it has begun


@pytest.mark.slow
def test_what_is_live_has_ended_when_it_has_ended(server: PageServer, page: Page) -> None:
    sink = put_up(server)
    show(sink, 41.0)
    page.goto(server.url)
    label(page, "cut tomato")
    finish(sink)
    page.get_by_text("The stream has ended.").wait_for()
    assert not page.get_by_label("Time in the video").is_visible()
