"""The site is built without a warning, holds every page and every public name, and asks no other server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, REPOSITORY

import actfusion_stream


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=REPOSITORY, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_and_picture_is_there(site: Path) -> None:
    made = {path.name for path in site.iterdir()}
    assert {f"{page.stem}.html" for page in DOCS.glob("*.md")} <= made
    shown = {
        name
        for page in DOCS.glob("*.md")
        for name in re.findall(r"\]\((\w+\.(?:svg|png|gif))\)", page.read_text())
    }
    assert len(shown) >= 5
    assert shown <= made


def test_every_public_name_is_explained(site: Path) -> None:
    page = (site / "api.html").read_text()
    for name in actfusion_stream.__all__:
        assert f'id="actfusion_stream.{name}"' in page


def test_a_page_asks_no_other_server(site: Path) -> None:
    for page in site.glob("*.html"):
        asked = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="?(https?://[^" >]+)', page.read_text())
        assert asked == [], page.name
