"""The report page in a real browser: fits the screen, asks for nothing, runs nothing, has a dark side."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import knowledge
import pytest
import sample

from homespun.report.page import render, write_page

CHROMIUM = shutil.which("chromium")
PAGES = {
    "one": lambda: sample.sample(1),
    "five": lambda: sample.sample(5),
    "hostile": sample.hostile,
    "documents": knowledge.knowledge,
    "documents, hostile": knowledge.hostile,
    "selection": None,
}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module", params=PAGES)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "index.html"
    run = PAGES[request.param]
    write_page(render(run()) if run else sample.selection(path.parent, "--rouge-l", "0.7", "--top", "q:0.9"), path)
    return path.as_uri()


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_page_fits_and_is_quiet(browser: Any, address: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.scripts.length + document.images.length") == 0
    assert asked == [address]
    assert said == []
    page.close()


def test_dark_scheme_differs_and_print_is_white(browser: Any, address: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = browser.new_page(color_scheme="light")
    page.goto(address)
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    page.emulate_media(color_scheme="dark", media="print")
    printed = page.evaluate(ground)
    assert light != dark
    assert printed == "rgb(255, 255, 255)"
    page.close()


@pytest.mark.parametrize("name", ["five", "documents"])
def test_paper_is_wide_enough(browser: Any, tmp_path: Path, name: str) -> None:
    write_page(render(PAGES[name]()), tmp_path / "index.html")
    page = browser.new_page(viewport={"width": 680, "height": 1000})  # A4 less its margins, at 96 dpi
    page.goto((tmp_path / "index.html").as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    page.close()


def test_print_shows_what_is_folded(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = false")
    folded = "document.querySelector('details:not([open]) > :nth-child(2)').checkVisibility()"
    assert page.evaluate(folded) is False
    page.emulate_media(media="print")
    assert page.evaluate(folded) is True
    page.close()
