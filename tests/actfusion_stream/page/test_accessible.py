"""axe-core, which tries the rules of WCAG that a program can try, finds nothing: whatever the page shows."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from page_of_tests import finish_file, opened, put_up, show
from sample_moment import SEVERAL

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from actfusion_stream.page.server import PageServer

pytest.importorskip("axe_playwright_python", reason="pip install '.[dev]'")


def violations(page: Page) -> list[str]:
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("() => axe.run().then(({violations}) => violations)")
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html']}" for one in found]


def test_a_moment(server: PageServer, page: Page) -> None:
    show(put_up(server), 41.0)
    page.goto(server.url)
    page.get_by_text("cut tomato").first.wait_for()
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@pytest.mark.slow
def test_what_is_unfamiliar_on_a_small_screen_in_the_dark(server: PageServer, browser: Browser) -> None:
    show(put_up(server), 41.0, replace(SEVERAL, strangeness=2.0))
    with opened(browser, color_scheme="dark", viewport={"width": 360, "height": 740}) as page:
        page.goto(server.url)
        page.get_by_text("unfamiliar: unlike").wait_for()
        assert violations(page) == []


@pytest.mark.slow
def test_a_result_and_what_is_left_of_it_when_the_server_has_gone(
    server: PageServer, page: Page, tiny_video: Path
) -> None:
    finish_file(server, tiny_video)
    page.goto(server.url)
    page.get_by_label("Time in the video").wait_for()
    assert violations(page) == []
    server.__exit__(None, None, None)
    page.get_by_text("Disconnected").wait_for()
    assert violations(page) == []
