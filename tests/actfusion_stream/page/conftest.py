"""A served page, and what a test puts on it in place of a stream."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from page_of_tests import opened, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from actfusion_stream.page.server import PageServer


@pytest.fixture
def server() -> Iterator[PageServer]:
    with served() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium without a window."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")
    api = pytest.importorskip("playwright.sync_api", reason="pip install '.[dev]'")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page; what it complains of fails the test."""
    with opened(browser) as page:
        yield page
